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
    const form = this.querySelector("form");
    const context = form?.elements.namedItem("num_ctx");
    const slots = form?.elements.namedItem("num_parallel");
    if (!(context instanceof HTMLInputElement) || !(slots instanceof HTMLInputElement)) return;
    context.value = button.dataset.context ?? "";
    slots.value = button.dataset.slots ?? "";
    context.focus();
    context.dispatchEvent(new Event("input", { bubbles: true }));
  };
}

customElements.define("chat-load-form", ChatLoadForm);
