import { ChatDragging } from "../lib/chat_dragging.js";
import { get } from "../lib/requests.js";
import { RowActions } from "../lib/row_actions.js";
import { element, fragment } from "../render.js";

/** The folders and chats beside the page: kept fresh by the socket, renamed and deleted from in place. */
class ChatSidebar extends HTMLElement {
  /** @type {RowActions | null} */
  #actions = null;
  /** @type {ChatDragging | null} */
  #dragging = null;

  connectedCallback() {
    this.#actions ??= new RowActions(this, {
      onDeletedPage: () => this.#visitNewChat(),
      onBroughtBack: () => this.refresh(),
    });
    const chats = this.querySelector("[data-chats]");
    if (chats instanceof HTMLElement) this.#dragging = new ChatDragging(chats);
    document.addEventListener("htmx:pushedIntoHistory", this.#moved);
    document.addEventListener("htmx:afterSettle", this.#moved);
  }

  disconnectedCallback() {
    this.#dragging?.stop();
    document.removeEventListener("htmx:pushedIntoHistory", this.#moved);
    document.removeEventListener("htmx:afterSettle", this.#moved);
  }

  /** @param {string} chat @returns {string} empty when the chat is not in the list */
  titleOf(chat) {
    return this.#row(chat)?.querySelector("a")?.textContent ?? "";
  }

  /** @param {string} html the folders and the newest chats */
  replaceChats(html) {
    const list = this.querySelector("[data-chats]");
    // A row that is being renamed would lose what was typed; the list comes again with the next change.
    if (!list || list.querySelector("form")) return;
    const top = list.scrollTop;
    list.replaceChildren(fragment(html));
    globalThis.htmx.process(list);
    list.scrollTop = top;
    this.#moved();
  }

  /**
   * Put a chat at the head of the list. What else is loaded or open there stays as it is.
   *
   * @param {{chat: string, label: string, html: string}} moved the row, and the heading it belongs under
   */
  moveUp({ chat, label, html }) {
    const list = this.querySelector("[data-chats]");
    const stale = this.#row(chat);
    // A row that is being renamed would lose what was typed.
    if (!list || stale?.querySelector("form")) return;
    const hadFocus = stale?.contains(document.activeElement);
    stale?.remove();
    for (const group of list.querySelectorAll(".sidebar__group:not(:has(li))")) {
      if (group.previousElementSibling?.matches(".sidebar__label")) group.previousElementSibling.remove();
      group.remove();
    }
    list.querySelector(".sidebar__empty")?.remove();
    const row = /** @type {HTMLElement} */ (element(html));
    this.#newestGroup(list, label).prepend(row);
    globalThis.htmx.process(row);
    if (hadFocus) row.querySelector("a")?.focus({ preventScroll: true });
    this.#moved();
  }

  /**
   * @param {Element} list
   * @param {string} label
   */
  #newestGroup(list, label) {
    const heading = list.querySelector(".sidebar__label");
    const group = heading?.nextElementSibling;
    if (heading?.textContent === label && group?.matches(".sidebar__group")) return group;
    const newHeading = document.createElement("h2");
    newHeading.className = "sidebar__label";
    newHeading.textContent = label;
    const newGroup = document.createElement("ul");
    newGroup.className = "sidebar__group";
    const folders = list.querySelector("[data-folders]");
    if (folders) folders.after(newHeading, newGroup);
    else list.prepend(newHeading, newGroup);
    return newGroup;
  }

  /**
   * Show a folder anew, with the chats under it. What else is loaded or open stays as it is.
   *
   * @param {{folder: string, html: string}} changed
   */
  showFolder({ folder, html }) {
    const stale = this.querySelector(`li[data-folder="${CSS.escape(folder)}"]`);
    const row = element(html);
    if (!stale || !row || stale.querySelector("form")) return;
    const focused = stale.contains(document.activeElement) ? document.activeElement : null;
    stale.replaceWith(row);
    globalThis.htmx.process(row);
    // The same link in the new row, or the folder's own.
    const again = row.querySelector(`a[href="${CSS.escape(focused?.getAttribute("href") ?? "")}"]`) ?? row.querySelector("a");
    if (focused) /** @type {HTMLElement | null} */ (again)?.focus({ preventScroll: true });
    this.#moved();
  }

  /**
   * @param {string} chat
   * @param {string} title
   */
  rename(chat, title) {
    const link = this.#row(chat)?.querySelector("a");
    if (link) link.textContent = title;
  }

  /** @param {string} folder @returns {string | null} its name; null when it is not in the list */
  folderName(folder) {
    return this.querySelector(`li[data-folder="${CSS.escape(folder)}"] a`)?.textContent ?? null;
  }

  async refresh() {
    const answer = await get(this.dataset.listUrl ?? "");
    this.replaceChats(await answer.text());
  }

  /** @param {string} chat */
  #row(chat) {
    return /** @type {HTMLElement | null} */ (this.querySelector(`li[data-chat="${CSS.escape(chat)}"]`));
  }

  #moved = () => {
    // The folder of the chat that is shown.
    const above = document.querySelector("[data-folder-link] a")?.getAttribute("href");
    for (const link of this.querySelectorAll("a.sidebar-chat__link, a.navigation__link")) {
      const path = link.getAttribute("href") ?? "";
      if (path === location.pathname) link.setAttribute("aria-current", "page");
      else if (path === above && link.closest("[data-row]")?.hasAttribute("data-name-field")) link.setAttribute("aria-current", "true");
      // "true" marks the link above the page that is shown.
      else if (link.getAttribute("aria-current") !== "true" || !location.pathname.startsWith(path)) {
        link.removeAttribute("aria-current");
      }
    }
  };

  #visitNewChat() {
    const link = this.querySelector("a[data-new-chat]");
    if (link instanceof HTMLElement) link.click();
  }
}

customElements.define("chat-sidebar", ChatSidebar);
export { ChatSidebar };
