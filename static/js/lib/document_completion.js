import { copyOf } from "../render.js";
import { PickerList } from "./picker_list.js";
import { get } from "./requests.js";

const PAUSE_MS = 120;
/** `#` at the start of a word, and what follows it up to the caret. */
const QUERY = /(?:^|\s)#([^\s#]*)$/u;
/** An address may have a `#` of its own. */
const ADDRESS = /(?:^|\s)#(https?:\/\/\S+)$/iu;
const ADDRESS_DONE = /(?:^|\s)#(https?:\/\/\S+)\s$/iu;

/** @typedef {{uuid: string, name: string, detail?: string}} Choice */

/**
 * Take the pages out of a text that were written into it as `#https://…`.
 *
 * @param {string} text
 * @returns {{text: string, addresses: string[]}}
 */
export function takeAddresses(text) {
  const addresses = [...text.matchAll(/(?<=^|\s)#(https?:\/\/\S+)/giu)].map((found) => found[1]);
  return { text: text.replace(/(?<=^|\s)#https?:\/\/\S+[ \t]*/giu, ""), addresses };
}

/**
 * Completes `#name` in the composer with knowledge or a document that the person may read, and takes `#https://…` for a
 * page to fetch. A bare field is all name, without `#`, and takes no pages.
 *
 * The panel opens while the caret stands in such a word; picking one takes the word out of the text.
 */
export class DocumentCompletion {
  #panel;
  #area;
  #template;
  #url;
  #onPick;
  #onAddress;
  #isBare;
  #options;
  #timer = 0;
  #asked = 0;

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.panel
   * @param {HTMLTextAreaElement | HTMLInputElement} parts.area
   * @param {HTMLTemplateElement} parts.template
   * @param {string} parts.url
   * @param {(document: import("./drafts.js").DraftDocument) => void} parts.onPick
   * @param {(address: string) => void} parts.onAddress
   * @param {boolean} [parts.isBare]
   */
  constructor({ panel, area, template, url, onPick, onAddress, isBare = false }) {
    this.#panel = panel;
    this.#area = area;
    this.#template = template;
    this.#url = url;
    this.#onPick = onPick;
    this.#onAddress = onAddress;
    this.#isBare = isBare;
    const list = /** @type {HTMLElement} */ (panel.querySelector(".picker__list"));
    this.#options = new PickerList(list, area, (option) => this.#pick(option));
    area.addEventListener("input", () => this.update());
    area.addEventListener("blur", () => this.close());
    if (isBare) area.addEventListener("focus", () => this.update());
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  get #before() {
    return this.#area.value.slice(0, this.#area.selectionStart ?? 0);
  }

  get #query() {
    if (this.#isBare) return this.#area.value.trim().replace(/^#/u, "");
    return (ADDRESS.exec(this.#before) ?? QUERY.exec(this.#before))?.[1] ?? null;
  }

  update() {
    clearTimeout(this.#timer);
    const finished = this.#isBare ? undefined : ADDRESS_DONE.exec(this.#before)?.[1];
    const address = this.#isBare ? undefined : ADDRESS.exec(this.#before)?.[1];
    if (finished) this.#take(finished.length + 2, () => this.#onAddress(finished));
    else if (address) this.#offer(address);
    else if (!this.#url || this.#query === null) this.close();
    else this.#timer = setTimeout(() => this.#ask(), PAUSE_MS);
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#panel.hidden = true;
    this.#area.removeAttribute("aria-activedescendant");
    if (this.#isBare) this.#area.setAttribute("aria-expanded", "false");
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the key was for the list
   */
  press(event) {
    if (!this.isOpen) return false;
    if (event.key === "Escape") {
      event.preventDefault();
      this.close();
      return true;
    }
    return this.#options.press(event);
  }

  async #ask() {
    const query = this.#query;
    if (query === null) return;
    this.#asked += 1;
    const asked = this.#asked;
    const answer = await get(`${this.#url}?q=${encodeURIComponent(query)}`).catch(() => null);
    // A later keystroke has asked again, or closed the panel.
    if (!answer || asked !== this.#asked) return;
    const { knowledge, documents } = await answer.json();
    if (asked !== this.#asked) return;
    this.#show([
      ...knowledge.map((/** @type {Choice} */ one) => this.#optionOf(one, "knowledge")),
      ...documents.map((/** @type {Choice} */ one) => this.#optionOf(one, "document")),
    ]);
  }

  /** Nothing is asked for an address: the panel is there before Enter can be pressed. @param {string} address */
  #offer(address) {
    this.#asked += 1;
    this.#show([this.#optionOf({ uuid: "", name: address, detail: this.#panel.dataset.fetch }, "document")]);
  }

  /** @param {HTMLElement[]} options */
  #show(options) {
    const list = /** @type {HTMLElement} */ (this.#panel.querySelector(".picker__list"));
    list.replaceChildren(...options);
    /** @type {HTMLElement} */ (this.#panel.querySelector("[data-none]")).hidden = options.length > 0;
    this.#panel.hidden = false;
    if (this.#isBare) this.#area.setAttribute("aria-expanded", "true");
    this.#options.activate(this.#options.shown[0] ?? null);
  }

  /**
   * @param {Choice} choice
   * @param {"document" | "knowledge"} kind
   */
  #optionOf({ uuid, name, detail = "" }, kind) {
    const option = copyOf(this.#template);
    option.id = `document-option-${uuid}`;
    option.dataset.uuid = uuid;
    option.dataset.kind = kind;
    /** @type {HTMLElement} */ (option.querySelector("[data-name]")).textContent = name;
    /** @type {HTMLElement} */ (option.querySelector("[data-detail]")).textContent = detail;
    return option;
  }

  /** @param {HTMLElement} option */
  #pick(option) {
    const { uuid } = option.dataset;
    const name = option.querySelector("[data-name]")?.textContent ?? "";
    this.#take((this.#query?.length ?? 0) + 1, () => {
      if (uuid) this.#onPick({ uuid, name, kind: option.dataset.kind === "knowledge" ? "knowledge" : "document" });
      else this.#onAddress(name);
    });
  }

  /**
   * Take the word before the caret out of the text, and do what it asked for.
   *
   * @param {number} length
   * @param {() => void} act
   */
  #take(length, act) {
    const area = this.#area;
    const caret = area.selectionStart ?? 0;
    if (this.#isBare) area.value = "";
    else area.setRangeText("", Math.max(0, caret - length), caret, "end");
    this.close();
    act();
    if (!this.#isBare) area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  }
}
