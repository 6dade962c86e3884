/** The page of the search: filters are put into the field by their buttons, completed and taken out of it by links. */
class ChatSearch extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#clicked);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#clicked);
  }

  /** @param {MouseEvent} event */
  #clicked = (event) => {
    const chosen = event.target instanceof Element ? event.target.closest("[data-insert], [data-query]") : null;
    if (!chosen || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const query = chosen.getAttribute("data-query");
    if (query === null) {
      this.#insert(chosen.getAttribute("data-insert") ?? "");
    } else {
      event.preventDefault();
      this.#show(query);
    }
  };

  /** @param {string} filter */
  #insert(filter) {
    const typed = `${this.#field.value.trimEnd()} ${filter}`.trimStart();
    // One that is whole already is followed by something else.
    this.#show(filter.endsWith(":") ? typed : `${typed} `);
  }

  /** @param {string} query */
  #show(query) {
    const field = this.#field;
    field.value = query;
    field.focus();
    field.setSelectionRange(query.length, query.length);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  get #field() {
    return /** @type {HTMLInputElement} */ (this.querySelector('input[type="search"]'));
  }
}

customElements.define("chat-search", ChatSearch);
