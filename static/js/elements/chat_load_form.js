const FIELDS = ["num_ctx", "num_parallel", "num_gpu"];

/** Fills the form with the setting that fits, where the forecast offers one. */
class ChatLoadForm extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#clicked);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#clicked);
  }

  #clicked = (/** @type {Event} */ event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-use]") : null;
    if (!(button instanceof HTMLElement)) return;
    const fields = FIELDS.map((name) => [name, this.querySelector(`input[name="${name}"]`)]);
    for (const [name, field] of fields) {
      const value = button.dataset[String(name)];
      if (field instanceof HTMLInputElement && value !== undefined) field.value = value;
    }
    const first = fields[0][1];
    if (!(first instanceof HTMLInputElement)) return;
    first.focus();
    first.dispatchEvent(new Event("input", { bubbles: true }));
  };
}

customElements.define("chat-load-form", ChatLoadForm);
