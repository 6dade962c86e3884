/** The page of the search: filters are put into the field by their buttons. */
class ChatSearch extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#clicked);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#clicked);
  }

  /** @param {Event} event */
  #clicked = (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-insert]") : null;
    const field = /** @type {HTMLInputElement | null} */ (this.querySelector('input[type="search"]'));
    const filter = button?.getAttribute("data-insert");
    if (!filter || !field) return;
    field.value = `${field.value.trimEnd()} ${filter}`.trimStart();
    // One that is whole already is followed by something else.
    if (!filter.endsWith(":")) field.value += " ";
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
}

customElements.define("chat-search", ChatSearch);
