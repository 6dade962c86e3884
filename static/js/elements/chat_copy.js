import { copyText } from "../lib/clipboard.js";

const CONFIRMED_MS = 1600;

/** A field whose text is to be copied, with the button that does it. */
class ChatCopy extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#clicked);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#clicked);
  }

  /** @param {MouseEvent} event */
  #clicked = async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    const field = this.querySelector("[data-copied-text]");
    if (!(button instanceof HTMLElement) || !(field instanceof HTMLInputElement)) return;
    field.select();
    if (!(await copyText(field.value))) return;
    const label = /** @type {HTMLElement} */ (button.querySelector("[data-label]"));
    const words = label.textContent;
    label.textContent = button.dataset.done ?? words;
    setTimeout(() => {
      label.textContent = words;
    }, CONFIRMED_MS);
  };
}

customElements.define("chat-copy", ChatCopy);
