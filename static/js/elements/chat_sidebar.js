import { ChatDragging } from "../lib/chat_dragging.js";
import { get, sentenceOf } from "../lib/requests.js";
import { RowActions } from "../lib/row_actions.js";
import { element, fragment } from "../render.js";
import { toast } from "./chat_toasts.js";

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
    document.addEventListener("click", this.#filterPicked);
    document.addEventListener("htmx:pushedIntoHistory", this.#moved);
    document.addEventListener("htmx:afterSettle", this.#moved);
  }

  disconnectedCallback() {
    this.#dragging?.stop();
    document.removeEventListener("click", this.#filterPicked);
    document.removeEventListener("htmx:pushedIntoHistory", this.#moved);
    document.removeEventListener("htmx:afterSettle", this.#moved);
  }

  /** @param {string} chat @returns {string} empty when the chat is not in the list */
  titleOf(chat) {
    return this.#row(chat)?.querySelector("a")?.textContent ?? "";
  }

  /** The tag whose chats alone are shown; empty for all chats. */
  get #tag() {
    return /** @type {HTMLElement | null} */ (this.querySelector("[data-filter]"))?.dataset.filter ?? "";
  }

  /** @param {string} html pinned chats, folders and the newest chats, which tell a filtered list that it is old */
  replaceChats(html) {
    if (this.#tag) this.refresh();
    else this.#show(html);
  }

  /** @param {string} html */
  #show(html) {
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
   * @param {{chat: string, label: string, pinned: boolean, html: string}} moved the row, and the heading it belongs under
   */
  moveUp({ chat, label, pinned, html }) {
    if (this.#tag) {
      this.refresh();
      return;
    }
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
    const group = (pinned && list.querySelector("[data-pinned] ul")) || this.#newestGroup(list, label);
    group.prepend(row);
    globalThis.htmx.process(row);
    if (hadFocus) row.querySelector("a")?.focus({ preventScroll: true });
    this.#moved();
  }

  /**
   * @param {Element} list
   * @param {string} label
   */
  #newestGroup(list, label) {
    const heading = list.querySelector(":scope > .sidebar__label");
    const group = heading?.nextElementSibling;
    if (heading?.textContent === label && group?.matches(".sidebar__group")) return group;
    const newHeading = document.createElement("h2");
    newHeading.className = "sidebar__label";
    newHeading.textContent = label;
    const newGroup = document.createElement("ul");
    newGroup.className = "sidebar__group";
    const folders = list.querySelector("[data-folders]");
    const above = folders ?? list.querySelector("[data-pinned]");
    if (above) above.after(newHeading, newGroup);
    else list.prepend(newHeading, newGroup);
    return newGroup;
  }

  /**
   * Show a folder anew, with the chats under it. What else is loaded or open stays as it is.
   *
   * @param {{folder: string, html: string}} changed
   */
  showFolder({ folder, html }) {
    if (this.#tag) {
      this.refresh();
      return;
    }
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

  async refresh(tag = this.#tag) {
    const answer = await get(`${this.dataset.listUrl}${tag ? `?tag=${encodeURIComponent(tag)}` : ""}`);
    this.#show(await answer.text());
  }

  /** Show the chats of one tag alone, or all chats again. The address tells which. @param {Event} event */
  #filterPicked = async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-filter-tag]") : null;
    if (!button) return;
    const tag = button.getAttribute("data-filter-tag") ?? "";
    try {
      await this.refresh(tag);
    } catch (error) {
      toast(sentenceOf(error, this.dataset.failed ?? ""), { danger: true });
      return;
    }
    const url = new URL(location.href);
    if (tag) url.searchParams.set("tag", tag);
    else url.searchParams.delete("tag");
    // Going back means loading that page anew, which is what htmx does with entries of its own.
    history.pushState({ htmx: true }, "", url);
    const closed = document.querySelector('[data-sidebar="closed"] .bar [data-toggle-sidebar]');
    if (tag && closed instanceof HTMLElement) closed.click();
    const first = this.querySelector("[data-filter] button") ?? this.querySelector("[data-chats] a");
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  };

  /** A page that is visited beside a filtered list keeps the filter in its address. */
  #keepFilter() {
    const url = new URL(location.href);
    if (!this.#tag || url.searchParams.get("tag") === this.#tag) return;
    url.searchParams.set("tag", this.#tag);
    history.replaceState(history.state, "", url);
  }

  /** @param {string} chat */
  #row(chat) {
    return /** @type {HTMLElement | null} */ (this.querySelector(`li[data-chat="${CSS.escape(chat)}"]`));
  }

  #moved = () => {
    this.#keepFilter();
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
