import { carryOut, openMove, openTags, stepOf } from "../lib/deeds.js";
import { worded } from "../lib/wording.js";

/**
 * A list of chats of which several can be chosen, and the bar that does something to those.
 *
 * With `data-always` its rows have their boxes at all times, else from the "Select" of a row's menu until it is ended.
 */
class ChatSelection extends HTMLElement {
  /** @type {Set<string>} */
  #chosen = new Set();
  /** The row chosen last, where a range begins. @type {string} */
  #anchor = "";
  #watch = new MutationObserver(() => this.#equip());

  connectedCallback() {
    this.addEventListener("click", this.#clicked, { capture: true });
    this.addEventListener("keydown", this.#pressed);
    document.addEventListener("chats-done", this.#done);
    // Rows that leave the list are hidden first: what was done to them can be taken back.
    this.#watch.observe(this, { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden"] });
    this.#equip();
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#clicked, { capture: true });
    this.removeEventListener("keydown", this.#pressed);
    document.removeEventListener("chats-done", this.#done);
    this.#watch.disconnect();
  }

  get #isAlways() {
    return this.hasAttribute("data-always");
  }

  get #isOn() {
    return this.#isAlways || this.hasAttribute("data-on");
  }

  get #rows() {
    const rows = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("li[data-row][data-chat]")]);
    return rows.filter((row) => !row.hidden);
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  /** Give each row its box while chats are being chosen, and take it away after. */
  #equip() {
    for (const row of this.querySelectorAll("li[data-row][data-chat]")) {
      const box = row.querySelector(":scope > .selection-box");
      if (!this.#isOn) box?.remove();
      else if (!box) row.prepend(this.#boxFor(row));
    }
    this.#show();
  }

  /** @param {Element} row */
  #boxFor(row) {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.className = "selection-box";
    box.setAttribute("aria-label", row.querySelector("a, .kept-chat__name")?.textContent?.trim() ?? "");
    return box;
  }

  #show() {
    for (const row of this.#rows) {
      const box = row.querySelector(":scope > .selection-box");
      if (box instanceof HTMLInputElement) box.checked = this.#chosen.has(row.dataset.chat ?? "");
    }
    const empty = this.#find("[data-empty]");
    if (empty) setHidden(empty, this.#rows.length > 0);
    const bar = this.#find("[data-selection-bar]");
    setHidden(bar, this.#isAlways ? !this.#chosen.size : !this.#isOn);
    const count = this.#find("[data-count]");
    const words = worded(count.dataset.words, { n: this.#chosen.size });
    if (count.textContent !== words) count.textContent = words;
    for (const button of bar.querySelectorAll("[data-chosen-deed], [data-chosen-dialog], [data-open-dialog]")) {
      if (button instanceof HTMLButtonElement) button.disabled = !this.#chosen.size;
    }
  }

  /** @param {string} chat */
  #start(chat) {
    this.toggleAttribute("data-on", true);
    this.#chosen.add(chat);
    this.#anchor = chat;
    this.#equip();
    const box = this.querySelector(`li[data-chat="${CSS.escape(chat)}"] > .selection-box`);
    if (box instanceof HTMLElement) box.focus({ preventScroll: true });
  }

  #stop() {
    const anchor = this.querySelector(`li[data-chat="${CSS.escape(this.#anchor)}"] a`);
    const hadFocus = this.contains(document.activeElement);
    this.toggleAttribute("data-on", false);
    this.#chosen.clear();
    this.#equip();
    if (hadFocus && anchor instanceof HTMLElement) anchor.focus({ preventScroll: true });
  }

  /**
   * @param {string} chat
   * @param {boolean} isRange everything from the row chosen last
   */
  #toggle(chat, isRange) {
    const isChosen = !this.#chosen.has(chat);
    for (const each of isRange ? this.#range(chat) : [chat]) {
      if (isChosen) this.#chosen.add(each);
      else this.#chosen.delete(each);
    }
    this.#anchor = chat;
    this.#show();
  }

  /** @param {string} chat */
  #range(chat) {
    const chats = this.#rows.map((row) => row.dataset.chat ?? "");
    const [from, to] = [chats.indexOf(this.#anchor), chats.indexOf(chat)].sort((a, b) => a - b);
    return from === undefined || from < 0 ? [chat] : chats.slice(from, (to ?? from) + 1);
  }

  /** @param {MouseEvent} event */
  #clicked = (event) => {
    if (!(event.target instanceof Element)) return;
    const button = event.target.closest("button");
    const row = /** @type {HTMLElement | null} */ (event.target.closest("li[data-row][data-chat]"));
    const chat = row?.dataset.chat;
    if (button?.hasAttribute("data-select") && chat) this.#start(chat);
    else if (button) this.#command(button);
    else if (chat && event.target.matches(".selection-box")) this.#toggle(chat, event.shiftKey);
    else if (chat && this.hasAttribute("data-on") && event.target.closest("a")) {
      // While chats are being chosen, one is chosen, not opened, wherever its row is hit.
      event.preventDefault();
      event.stopPropagation();
      this.#toggle(chat, event.shiftKey);
    }
  };

  /** @param {HTMLButtonElement} button */
  #command(button) {
    const { chosenDeed, chosenDialog, chosenPurge } = button.dataset;
    const chats = [...this.#chosen];
    if (button.hasAttribute("data-choose-all")) this.#chooseAll();
    else if (button.hasAttribute("data-choose-none")) this.#stop();
    else if (chosenDeed) carryOut(stepOf(chosenDeed, chats));
    else if (chosenPurge) carryOut(chats.map((chat) => ["chats", chat]), chosenPurge);
    else if (chosenDialog === "move") openMove(chats);
    else if (chosenDialog === "tag") openTags(chats);
  }

  #chooseAll() {
    for (const row of this.#rows) this.#chosen.add(row.dataset.chat ?? "");
    this.#show();
  }

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || !this.hasAttribute("data-on")) return;
    if (this.querySelector(":popover-open")) return;
    event.preventDefault();
    this.#stop();
  };

  /** What was chosen has been dealt with; tags may be followed by something else. @param {Event} event */
  #done = (event) => {
    const { deed, chats } = /** @type {CustomEvent} */ (event).detail;
    if (deed === "tag" || deed === "untag" || !chats.some((/** @type {string} */ chat) => this.#chosen.has(chat))) return;
    for (const chat of chats) this.#chosen.delete(chat);
    if (this.#chosen.size) this.#show();
    else this.#stop();
  };
}

/**
 * Hide or show an element without a word to who watches it when nothing changes.
 *
 * @param {HTMLElement} element
 * @param {boolean} isHidden
 */
function setHidden(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden;
}

customElements.define("chat-selection", ChatSelection);
