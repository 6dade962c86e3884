import { fragment } from "../render.js";
import { get } from "./requests.js";

/** What is so many heights of the box above it is near. */
const NEAR = 1.5;

/**
 * Brings earlier messages into a long chat when the reader comes near them, and keeps what is read where it is.
 *
 * Where messages are left out stands a button with the address of what goes before: it waits to be seen or pressed.
 */
export class EarlierMessages {
  #box;
  #messages;
  #onFailure;
  /** @type {Promise<boolean> | null} */
  #loading = null;

  /**
   * @param {HTMLElement} box that scrolls
   * @param {import("../elements/chat_messages.js").ChatMessages} messages
   * @param {(error: unknown) => void} onFailure
   */
  constructor(box, messages, onFailure) {
    this.#box = box;
    this.#messages = messages;
    this.#onFailure = onFailure;
    box.addEventListener("scroll", this.#scrolled, { passive: true });
    messages.addEventListener("click", this.#clicked);
  }

  stop() {
    this.#box.removeEventListener("scroll", this.#scrolled);
    this.#messages.removeEventListener("click", this.#clicked);
  }

  /**
   * Load until a message is there, or nothing goes before.
   *
   * @param {string} message
   */
  async bring(message) {
    while (!this.#messages.find(message) && (await this.#load()));
  }

  #scrolled = () => {
    if (this.#box.scrollTop < NEAR * this.#box.clientHeight) this.#load();
  };

  /** @param {Event} event */
  #clicked = (event) => {
    if (event.target instanceof Element && event.target.closest("[data-earlier]")) this.#load();
  };

  /** @returns {Promise<boolean>} whether something came */
  #load() {
    this.#loading ??= this.#loadOnce().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #loadOnce() {
    const button = /** @type {HTMLElement | null} */ (this.#messages.querySelector(":scope > [data-earlier]"));
    if (!button) return false;
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await get(button.dataset.earlier ?? "");
      const nodes = fragment(await answer.text());
      // Else another branch is shown by now.
      if (button.isConnected) this.#insert(button, nodes);
      return true;
    } catch (error) {
      button.removeAttribute("aria-busy");
      this.#onFailure(error);
      return false;
    }
  }

  /**
   * @param {HTMLElement} button
   * @param {DocumentFragment} nodes
   */
  #insert(button, nodes) {
    const below = button.nextElementSibling;
    const hadFocus = button === document.activeElement;
    // Not every browser keeps in place what is read; here none does it by itself.
    this.#box.classList.add("chat__scroll--still");
    const top = below?.getBoundingClientRect().top ?? 0;
    button.replaceWith(nodes);
    this.#box.scrollTop += (below?.getBoundingClientRect().top ?? 0) - top;
    requestAnimationFrame(() => this.#box.classList.remove("chat__scroll--still"));
    const next = this.#messages.querySelector(":scope > [data-earlier]");
    if (hadFocus) /** @type {HTMLElement} */ (next ?? this.#box).focus({ preventScroll: true });
  }
}
