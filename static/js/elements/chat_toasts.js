import { copyOf } from "../render.js";

const SECONDS = 6;
const SECONDS_WITH_ACTION = 10;

/**
 * @typedef {{label: string, run: () => void}} ToastAction
 * @typedef {{action?: ToastAction, danger?: boolean, seconds?: number}} ToastOptions
 */

/** Short messages at the foot of the page; the newest last. Reading or pointing at one keeps it. */
class ChatToasts extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#clicked);
    for (const shown of this.querySelectorAll(":scope > .toast")) this.#start(shown, SECONDS);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#clicked);
  }

  /**
   * @param {string} text
   * @param {ToastOptions} options
   */
  show(text, { action, danger = false, seconds }) {
    const node = copyOf(/** @type {HTMLTemplateElement} */ (this.querySelector("template[data-toast]")));
    /** @type {HTMLElement} */ (node.querySelector("[data-text]")).textContent = text;
    node.classList.toggle("toast--danger", danger);
    if (action) {
      const button = /** @type {HTMLButtonElement} */ (node.querySelector("[data-action]"));
      button.hidden = false;
      button.textContent = action.label;
      button.addEventListener("click", () => {
        node.remove();
        action.run();
      });
    }
    this.append(node);
    this.#start(node, seconds ?? (action ? SECONDS_WITH_ACTION : SECONDS));
    return node;
  }

  /** @param {Event} event */
  #clicked = (event) => {
    if (event.target instanceof Element && event.target.closest("[data-close]")) event.target.closest(".toast")?.remove();
  };

  /**
   * @param {Element} node
   * @param {number} seconds
   */
  #start(node, seconds) {
    const leave = () => node.remove();
    let timer = setTimeout(leave, seconds * 1000);
    const hold = () => clearTimeout(timer);
    const resume = () => {
      clearTimeout(timer);
      timer = setTimeout(leave, seconds * 1000);
    };
    node.addEventListener("pointerenter", hold);
    node.addEventListener("focusin", hold);
    node.addEventListener("pointerleave", resume);
    node.addEventListener("focusout", resume);
  }
}

customElements.define("chat-toasts", ChatToasts);

/**
 * Tell the person something in passing, perhaps with a way to undo it.
 *
 * @param {string} text
 * @param {ToastOptions} [options]
 */
export function toast(text, options = {}) {
  const toasts = document.querySelector("chat-toasts");
  return toasts instanceof ChatToasts ? toasts.show(text, options) : null;
}
