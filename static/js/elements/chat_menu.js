import { placeBeside } from "../lib/placement.js";

/** A button and the popover it opens: placed beside the button, walked with the arrow keys. */
class ChatMenu extends HTMLElement {
  connectedCallback() {
    this.addEventListener("toggle", this.#toggled, { capture: true });
    this.addEventListener("keydown", this.#pressed);
    this.addEventListener("click", this.#clicked);
  }

  disconnectedCallback() {
    this.removeEventListener("toggle", this.#toggled, { capture: true });
    this.removeEventListener("keydown", this.#pressed);
    this.removeEventListener("click", this.#clicked);
  }

  /** Some menus are made when they are first opened. */
  get panel() {
    return /** @type {HTMLElement | null} */ (this.querySelector("[popover]"));
  }

  get button() {
    return /** @type {HTMLElement} */ (this.querySelector("[popovertarget]"));
  }

  get #items() {
    const controls = this.panel?.querySelectorAll("a, button, input:checked") ?? [];
    return /** @type {HTMLElement[]} */ ([...controls].filter((item) => !item.matches(":disabled") && item.checkVisibility()));
  }

  /** @param {Event} event */
  #toggled = (event) => {
    const panel = this.panel;
    if (!panel || event.target !== panel) return;
    const isOpen = panel.matches(":popover-open");
    this.button.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return;
    placeBeside(panel, this.button, { atEnd: this.hasAttribute("data-end") });
    this.#items[0]?.focus({ preventScroll: true });
  };

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (!this.panel?.matches(":popover-open")) return;
    if (event.target instanceof HTMLInputElement) return;
    const items = this.#items;
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    items[(to + items.length) % items.length]?.focus();
  };

  /** @param {Event} event */
  #clicked = (event) => {
    if (event.target instanceof Element && event.target.closest(".menu__item")) this.panel?.hidePopover();
  };
}

customElements.define("chat-menu", ChatMenu);
export { ChatMenu };
