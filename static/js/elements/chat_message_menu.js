import { addressOf } from "../lib/message_addresses.js";
import { ChatMenu } from "./chat_menu.js";

/** @typedef {import("./chat_message.js").ChatMessage} ChatMessage */

/**
 * What is rarely done to a message: one menu for all of them, opened from whichever message's "More" was pressed.
 *
 * An item names the roles that it is for (`data-for`), and what the message has to offer it (`data-needs`, one of the
 * message's `data-offers`). Its `data-address` has the ids of no chat and no message; those of the message are put in, as
 * the `href` of a link or the `data-url` of a button. A button's `data-action` is done by the message.
 */
class ChatMessageMenu extends ChatMenu {
  /** @type {HTMLElement | null} */
  #opener = null;

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("click", this.#pressedSomewhere, { capture: true });
    this.addEventListener("click", this.#chosen);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener("click", this.#pressedSomewhere, { capture: true });
    this.removeEventListener("click", this.#chosen);
  }

  get button() {
    return /** @type {HTMLElement} */ (this.#opener);
  }

  get #message() {
    return /** @type {ChatMessage | null | undefined} */ (this.#opener?.closest("chat-message"));
  }

  /** A button of some message is about to open or close the menu. @param {Event} event */
  #pressedSomewhere = (event) => {
    const opener = event.target instanceof Element ? event.target.closest(`[popovertarget="${this.panel?.id}"]`) : null;
    if (!(opener instanceof HTMLElement)) return;
    if (opener !== this.#opener && this.panel?.matches(":popover-open")) {
      // A button that opens it does not close it by being pressed, not even another message's: it is to open there.
      this.panel.hidePopover();
      this.#opener?.setAttribute("aria-expanded", "false");
    }
    this.#opener = opener;
    this.#fit();
  };

  /** Show what there is to do with the message, and nothing else. */
  #fit() {
    const message = this.#message;
    if (!message) return;
    const offers = (message.dataset.offers ?? "").split(" ");
    for (const item of this.panel?.querySelectorAll("[data-for]") ?? []) {
      if (!(item instanceof HTMLElement)) continue;
      const { needs = "", address } = item.dataset;
      const roles = (item.dataset.for ?? "").split(" ");
      item.hidden = !roles.includes(message.dataset.role ?? "") || (needs !== "" && !offers.includes(needs));
      if (address) item.setAttribute(item instanceof HTMLAnchorElement ? "href" : "data-url", addressOf(address, message));
    }
  }

  /** @param {Event} event */
  #chosen = (event) => {
    const item = event.target instanceof Element ? event.target.closest("[data-action]") : null;
    const message = this.#message;
    if (!(item instanceof HTMLElement) || !message) return;
    message.act(item.dataset.action ?? "", item, this.button);
  };
}

customElements.define("chat-message-menu", ChatMessageMenu);
