import { get, post } from "../lib/requests.js";
import { element, fragment } from "../render.js";
import { toast } from "./chat_toasts.js";

/** The list of chats beside the page: kept fresh by the socket, renamed and deleted from in place. */
class ChatSidebar extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#clicked);
    document.addEventListener("htmx:pushedIntoHistory", this.#moved);
    document.addEventListener("htmx:afterSettle", this.#moved);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#clicked);
    document.removeEventListener("htmx:pushedIntoHistory", this.#moved);
    document.removeEventListener("htmx:afterSettle", this.#moved);
  }

  /** @param {string} chat @returns {string} empty when the chat is not in the list */
  titleOf(chat) {
    return this.#row(chat)?.querySelector("a")?.textContent ?? "";
  }

  /** @param {string} html the newest chats */
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
    list.prepend(newHeading, newGroup);
    return newGroup;
  }

  /**
   * @param {string} chat
   * @param {string} title
   */
  rename(chat, title) {
    const link = this.#row(chat)?.querySelector("a");
    if (link) link.textContent = title;
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
    for (const link of this.querySelectorAll("a.sidebar-chat__link, a.navigation__link")) {
      const path = link.getAttribute("href") ?? "";
      if (path === location.pathname) link.setAttribute("aria-current", "page");
      // "true" marks the link above the page that is shown.
      else if (link.getAttribute("aria-current") !== "true" || !location.pathname.startsWith(path)) {
        link.removeAttribute("aria-current");
      }
    }
  };

  /** @param {Event} event */
  #clicked = (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-row-action]") : null;
    const row = button?.closest("li");
    if (!button || !row) return;
    if (button.getAttribute("data-row-action") === "rename") this.#startRename(row);
    else this.#delete(row);
  };

  /** @param {HTMLElement} row */
  #startRename(row) {
    const link = /** @type {HTMLAnchorElement} */ (row.querySelector("a"));
    const title = link.textContent ?? "";
    const form = document.createElement("form");
    form.className = "sidebar-chat__rename";
    const input = document.createElement("input");
    input.maxLength = 200;
    input.value = title;
    input.setAttribute("aria-label", title);
    form.append(input);
    link.hidden = true;
    row.prepend(form);
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
      await post(row.dataset.renameUrl ?? "", { title: wanted });
    } catch {
      link.textContent = before;
      toast(this.dataset.renameFailed ?? "", { danger: true });
    }
  }

  /** @param {HTMLElement} row */
  async #delete(row) {
    const link = /** @type {HTMLAnchorElement} */ (row.querySelector("a"));
    const isShown = link.getAttribute("href") === location.pathname;
    const next = row.nextElementSibling;
    row.hidden = true;
    try {
      await post(row.dataset.deleteUrl ?? "");
    } catch {
      row.hidden = false;
      toast(this.dataset.deleteFailed ?? "", { danger: true });
      return;
    }
    const undo = () => this.#undoDelete(row.dataset.undoUrl ?? "", link.href, isShown);
    toast(this.dataset.deleted ?? "", { action: { label: this.dataset.undo ?? "", run: undo } });
    if (isShown) this.#visitNewChat();
    else /** @type {HTMLElement | null} */ (next?.querySelector("a"))?.focus({ preventScroll: true });
  }

  /**
   * @param {string} url
   * @param {string} chatUrl
   * @param {boolean} wasShown
   */
  async #undoDelete(url, chatUrl, wasShown) {
    try {
      await post(url);
      await this.refresh();
    } catch {
      toast(this.dataset.undoFailed ?? "", { danger: true });
      return;
    }
    if (wasShown) location.assign(chatUrl);
  }

  #visitNewChat() {
    const link = this.querySelector("a[data-new-chat]");
    if (link instanceof HTMLElement) link.click();
  }
}

customElements.define("chat-sidebar", ChatSidebar);
export { ChatSidebar };
