import { toast } from "../elements/chat_toasts.js";
import { withChat } from "./chat_addresses.js";
import { post, sentenceOf } from "./requests.js";

/**
 * What is done to a row of a list from its menu: a chat or a folder is renamed where it stands, deleted, brought back.
 *
 * The words stand on <chat-sidebar>, wherever the list is.
 */
export class RowActions {
  #onDeletedPage;
  #onBroughtBack;

  /**
   * @param {HTMLElement} list
   * @param {{onDeletedPage: () => void, onBroughtBack: () => Promise<void>}} reactions when the page that is shown was
   *   deleted, and when something was brought back
   */
  constructor(list, { onDeletedPage, onBroughtBack }) {
    this.#onDeletedPage = onDeletedPage;
    this.#onBroughtBack = onBroughtBack;
    list.addEventListener("click", this.#clicked);
  }

  get #words() {
    return /** @type {HTMLElement} */ (document.querySelector("chat-sidebar")).dataset;
  }

  /** @param {Event} event */
  #clicked = (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-row-action]") : null;
    const row = /** @type {HTMLElement | null | undefined} */ (button?.closest("[data-row]"));
    if (!button || !row) return;
    if (button.getAttribute("data-row-action") === "rename") this.#startRename(row);
    else this.#delete(row, button.hasAttribute("data-with-chats"));
  };

  /** @param {HTMLElement} row */
  #startRename(row) {
    const link = /** @type {HTMLAnchorElement} */ (row.querySelector("a"));
    const title = link.textContent ?? "";
    const form = document.createElement("form");
    form.className = "sidebar-chat__rename";
    const input = document.createElement("input");
    input.maxLength = Number(row.dataset.maxLength ?? 200);
    input.value = title;
    input.setAttribute("aria-label", title);
    form.append(input);
    link.hidden = true;
    link.before(form);
    input.focus();
    input.select();

    const leave = () => {
      form.remove();
      link.hidden = false;
    };
    const save = () => {
      if (!form.isConnected) return;
      const wanted = input.value.trim();
      leave();
      if (wanted && wanted !== title) this.#rename(row, link, title, wanted);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      save();
      link.focus();
    });
    input.addEventListener("blur", save);
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      leave();
      link.focus();
    });
  }

  /**
   * @param {HTMLElement} row
   * @param {HTMLAnchorElement} link
   * @param {string} before
   * @param {string} wanted
   */
  async #rename(row, link, before, wanted) {
    link.textContent = wanted;
    try {
      await post(rowAddress(row, "rename"), { [row.dataset.nameField ?? "title"]: wanted });
    } catch (error) {
      link.textContent = before;
      toast(sentenceOf(error, this.#words.renameFailed ?? ""), { danger: true });
    }
  }

  /**
   * @param {HTMLElement} row
   * @param {boolean} withChats
   */
  async #delete(row, withChats) {
    const words = this.#words;
    const folder = /** @type {HTMLElement | null} */ (row.parentElement?.closest("li[data-folder]"));
    const isFolder = folder !== null && row.parentElement === folder;
    const shown = isFolder ? folder : row;
    const link = /** @type {HTMLAnchorElement} */ (row.querySelector("a"));
    const isOnPage = this.#isOnPage(shown, link, withChats);
    const page = isOnPage ? location.href : "";
    const next = shown.nextElementSibling;
    shown.hidden = true;
    try {
      await post(rowAddress(row, "delete"), withChats ? { with_chats: "1" } : {});
    } catch {
      shown.hidden = false;
      toast((isFolder ? words.folderDeleteFailed : words.deleteFailed) ?? "", { danger: true });
      return;
    }
    const said = isFolder ? (withChats ? words.folderDeletedWithChats : words.folderDeleted) : words.deleted;
    const undo = () => this.#undoDelete(shown, row, page, isFolder);
    toast(said ?? "", { action: { label: words.undo ?? "", run: undo } });
    if (isOnPage) this.#onDeletedPage();
    else /** @type {HTMLElement | null} */ (next?.querySelector("a"))?.focus({ preventScroll: true });
  }

  /**
   * Whether what is deleted is what the page shows.
   *
   * @param {HTMLElement} shown
   * @param {HTMLAnchorElement} link
   * @param {boolean} withChats
   */
  #isOnPage(shown, link, withChats) {
    if (link.getAttribute("href") === location.pathname) return true;
    const page = document.querySelector("chat-page");
    return withChats && Boolean(shown.dataset.folder) && page?.getAttribute("data-folder") === shown.dataset.folder;
  }

  /**
   * @param {HTMLElement} shown
   * @param {HTMLElement} row
   * @param {string} page that was left for it; empty when another was shown
   * @param {boolean} isFolder
   */
  async #undoDelete(shown, row, page, isFolder) {
    try {
      await post(rowAddress(row, "undo"));
      await this.#onBroughtBack();
      shown.hidden = false;
    } catch (error) {
      const words = this.#words;
      toast(sentenceOf(error, (isFolder ? words.folderUndoFailed : words.undoFailed) ?? ""), { danger: true });
      return;
    }
    if (page) location.assign(page);
  }
}

/**
 * Where something is done to a row: a folder's has the addresses itself, those of chats are made of one for all.
 *
 * @param {HTMLElement} row
 * @param {"rename" | "delete" | "undo" | "move"} what
 */
export function rowAddress(row, what) {
  const ofChats = document.getElementById("chat-row-menu")?.dataset[`${what}Address`] ?? "";
  return row.dataset[`${what}Url`] ?? withChat(ofChats, row.dataset.chat ?? "");
}
