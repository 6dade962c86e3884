import { offer } from "../lib/chat_addresses.js";
import { copyOf } from "../render.js";
import { ChatMenu } from "./chat_menu.js";

/** The menu of a chat's row. It is made when it is first wanted: lists are long, and most menus are never opened. */
class ChatRowMenu extends ChatMenu {
  connectedCallback() {
    super.connectedCallback();
    this.addEventListener("click", this.#wanted, { capture: true });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.removeEventListener("click", this.#wanted, { capture: true });
  }

  get button() {
    return /** @type {HTMLButtonElement} */ (this.querySelector("button"));
  }

  /** The button opens what it has got meanwhile: listeners come before what a click does by itself. */
  #wanted = () => {
    this.fill();
  };

  /** Put what can be done to the row into the menu, unless that is there. */
  fill() {
    const row = /** @type {HTMLElement | null} */ (this.closest("[data-row]"));
    if (this.panel || !row) return;
    const panel = copyOf(/** @type {HTMLTemplateElement} */ (document.getElementById("chat-row-menu")));
    panel.querySelector(`[data-deed="${row.hasAttribute("data-is-pinned") ? "pin" : "unpin"}"]`)?.remove();
    this.append(panel);
    for (const item of panel.querySelectorAll("[hx-get]")) offer(item, row.dataset.chat ?? "");
    this.button.popoverTargetElement = panel;
  }
}

customElements.define("chat-row-menu", ChatRowMenu);
export { ChatRowMenu };
