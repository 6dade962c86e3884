/** Asks once, naming the document, before it is deleted for good. */
class ChatDeleteDocument extends HTMLElement {
  connectedCallback() {
    document.addEventListener("click", this.#clicked);
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.#clicked);
  }

  /** @param {Event} event */
  #clicked = (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-delete-url]") : null;
    if (!button) return;
    const dialog = /** @type {HTMLDialogElement} */ (this.querySelector("dialog"));
    /** @type {HTMLElement} */ (dialog.querySelector("[data-name]")).textContent = button.getAttribute("data-delete-name");
    /** @type {HTMLFormElement} */ (dialog.querySelector("form")).action = button.getAttribute("data-delete-url") ?? "";
    dialog.showModal();
  };
}

customElements.define("chat-delete-document", ChatDeleteDocument);
