import { storeFor } from "./device_store.js";
import { copyOf } from "../render.js";
import { newRef } from "./refs.js";

/**
 * @typedef {import("./drafts.js").DraftDocument} DraftDocument
 * @typedef {{ref: string, content: string, documents: DraftDocument[], picture?: import("./picture_bar.js").Wish}} Queued
 */

/**
 * Messages that wait for the end of an answer, on this device; the first is sent when that has come well.
 *
 * Each is sent under the `ref` that it got when it was put here: a page that is loaded anew, and a second one with the
 * same chat, ask for the same thing, which the server does once.
 */
export class MessageQueue {
  #place;
  #template;
  #actions;
  #key = "";
  /** Nothing is sent by itself: the answer before did not end well, or ended while no page was there. */
  #isHeld = false;
  /** Nothing has told yet whether an answer is being written. */
  #isFresh = true;

  /**
   * @param {HTMLElement} place
   * @param {HTMLTemplateElement} template of one message
   * @param {{send: (queued: Queued) => void, edit: (queued: Queued) => void}} actions
   */
  constructor(place, template, actions) {
    this.#place = place;
    this.#template = template;
    this.#actions = actions;
    place.addEventListener("click", this.#clicked);
  }

  /** Show what waits in a chat. @param {string} chat empty for a new one */
  open(chat) {
    this.#key = keyOf(chat);
    this.#isHeld = true;
    this.#isFresh = true;
    this.#show();
    addEventListener("storage", this.#changedElsewhere);
  }

  close() {
    removeEventListener("storage", this.#changedElsewhere);
  }

  /** The new chat has an id. @param {string} chat */
  moveTo(chat) {
    const queued = this.#items;
    this.#keep([]);
    this.#key = keyOf(chat);
    this.#keep([...this.#items, ...queued]);
  }

  /**
   * @param {string} content
   * @param {DraftDocument[]} documents
   * @param {import("./picture_bar.js").Wish} [picture]
   * @returns {boolean} false when this device keeps nothing
   */
  add(content, documents, picture) {
    this.#isHeld = false;
    try {
      this.#keep([...this.#items, { ref: newRef(), content, documents, ...(picture && { picture }) }]);
    } catch {
      return false;
    }
    return true;
  }

  /** An answer is being written. What waited before this page was loaded goes when that ends. */
  wait() {
    if (this.#isFresh) this.#isHeld = false;
    this.#isFresh = false;
    this.#show();
  }

  /** No answer is being written any more. @param {string} state how it ended; empty when that is not known */
  release(state) {
    this.#isFresh = false;
    if (state === "finished" && !this.#isHeld) this.#sendFirst();
    else this.#isHeld = true;
    this.#show();
  }

  /** It was stored, or is in the field again. @param {string} ref */
  drop(ref) {
    this.#keep(this.#items.filter((queued) => queued.ref !== ref));
  }

  #sendFirst() {
    const first = this.#items[0];
    if (first) this.#actions.send(first);
  }

  /** @returns {Queued[]} */
  get #items() {
    try {
      const stored = JSON.parse(storeFor(this.#key).getItem(this.#key) ?? "[]");
      return Array.isArray(stored) ? stored : [];
    } catch {
      return [];
    }
  }

  /** @param {Queued[]} items */
  #keep(items) {
    if (items.length) storeFor(this.#key).setItem(this.#key, JSON.stringify(items));
    else storeFor(this.#key).removeItem(this.#key);
    this.#show();
  }

  #show() {
    const items = this.#items;
    this.#place.hidden = !items.length;
    /** @type {HTMLElement} */ (this.#place.querySelector("[data-held]")).hidden = !this.#isHeld;
    /** @type {HTMLElement} */ (this.#place.querySelector("[data-waiting]")).hidden = this.#isHeld;
    this.#place.querySelector("ul")?.replaceChildren(...items.map((queued) => this.#row(queued)));
  }

  /** @param {Queued} queued */
  #row({ ref, content, documents }) {
    const row = copyOf(this.#template);
    row.dataset.ref = ref;
    const names = documents.map(({ name }) => name).join(", ");
    /** @type {HTMLElement} */ (row.querySelector("[data-text]")).textContent = content.trim() || names;
    /** @type {HTMLElement} */ (row.querySelector("[data-with]")).textContent = content.trim() ? names : "";
    return row;
  }

  /** @param {Event} event */
  #clicked = (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-send-queued]")) {
      this.#isHeld = false;
      this.#show();
      this.#sendFirst();
    }
    const row = /** @type {HTMLElement | null} */ (event.target.closest("[data-ref]"));
    const queued = this.#items.find(({ ref }) => ref === row?.dataset.ref);
    if (!queued) return;
    const isEdit = event.target.closest("[data-edit]");
    if (!isEdit && !event.target.closest("[data-remove]")) return;
    this.drop(queued.ref);
    if (isEdit) this.#actions.edit(queued);
  };

  /** @param {StorageEvent} event */
  #changedElsewhere = (event) => {
    if (event.key === this.#key) this.#show();
  };
}

/** @param {string} chat empty for a new one */
function keyOf(chat) {
  return `hearth:queue:${document.body.dataset.user ?? ""}:${chat || "new"}`;
}
