import { toast } from "../elements/chat_toasts.js";
import { post, sentenceOf } from "./requests.js";
import { rowAddress } from "./row_actions.js";

const KIND = "application/x-hearth-chat";

/** Lets chats be dragged into the folders of a list, or out of them to where the other chats stand. */
export class ChatDragging {
  #list;

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
    // Rows of the page's own list can be dragged here too.
    document.addEventListener("dragstart", this.#started);
    list.addEventListener("dragover", this.#over);
    list.addEventListener("dragleave", () => this.#mark(null));
    list.addEventListener("drop", this.#dropped);
  }

  stop() {
    document.removeEventListener("dragstart", this.#started);
  }

  /** @param {DragEvent} event */
  #started = (event) => {
    const row = event.target instanceof Element ? event.target.closest("li[data-chat]") : null;
    if (!(row instanceof HTMLElement) || !event.dataTransfer) return;
    event.dataTransfer.setData(KIND, rowAddress(row, "move"));
    event.dataTransfer.effectAllowed = "copyMove";
  };

  /** @param {DragEvent} event */
  #over = (event) => {
    if (!event.dataTransfer?.types.includes(KIND)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    this.#mark(this.#folderAt(event)?.querySelector("[data-row]") ?? null);
  };

  /** @param {DragEvent} event */
  #dropped = async (event) => {
    const url = event.dataTransfer?.getData(KIND);
    this.#mark(null);
    if (!url) return;
    event.preventDefault();
    const words = /** @type {HTMLElement} */ (this.#list.closest("chat-sidebar")).dataset;
    try {
      await post(url, { folder: this.#folderAt(event)?.dataset.folder ?? "" });
    } catch (error) {
      toast(sentenceOf(error, words.moveFailed ?? ""), { danger: true });
    }
  };

  /** @param {Event} event */
  #folderAt(event) {
    const at = event.target instanceof Element ? event.target.closest("li[data-folder]") : null;
    return /** @type {HTMLElement | null} */ (at);
  }

  /** @param {Element | null} row */
  #mark(row) {
    for (const other of this.#list.querySelectorAll(".sidebar-chat--over")) {
      if (other !== row) other.classList.remove("sidebar-chat--over");
    }
    row?.classList.add("sidebar-chat--over");
  }
}
