import { copyOf } from "../render.js";
import { PickerList } from "./picker_list.js";

const PAUSE_MS = 120;
/** Between the panel and the edge of the window. */
const EDGE_PX = 8;

/**
 * @typedef {object} Choice one thing that a source offers
 * @property {string} id unique among those of its source
 * @property {string} name
 * @property {string} [detail]
 * @property {string} [kind] which of the template's icons stands before it
 *
 * @typedef {object} Source something that is completed while a word of its kind stands before the caret
 * @property {string} name unique among the sources of a field
 * @property {string} label what the list is called
 * @property {(query: string) => string} [none] what is said when nothing is found; without it the list closes then
 * @property {(before: string) => string | null} query what a word asks for, without its mark; null for another word
 * @property {(query: string) => Choice[] | Promise<Choice[]>} find
 * @property {boolean} [isLocal] `find` answers at once, so that it need not wait for a pause in the typing
 * @property {(before: string) => Choice | null} [finished] what a word names by itself once a space follows it
 * @property {(choice: Choice) => void} pick called when the word is out of the text, the caret in its place
 */

/**
 * Completes words of a text field, from whatever sources know them: `#document`, `/preset` ...
 *
 * The panel opens while the caret stands in such a word. Several sources may know the same word: their choices stand
 * below each other. In a bare field all text is the word, without a mark.
 */
export class Completion {
  #panel;
  #area;
  #template;
  #sources;
  #isBare;
  #options;
  /** What is offered, by the id of its option. @type {Map<string, {source: Source, choice: Choice}>} */
  #offered = new Map();
  #timer = 0;
  #asked = 0;

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.panel
   * @param {HTMLTextAreaElement | HTMLInputElement} parts.area
   * @param {HTMLTemplateElement} parts.template
   * @param {Source[]} parts.sources
   * @param {boolean} [parts.isBare]
   */
  constructor({ panel, area, template, sources, isBare = false }) {
    this.#panel = panel;
    this.#area = area;
    this.#template = template;
    this.#sources = sources;
    this.#isBare = isBare;
    this.#options = new PickerList(this.#list, area, (option) => this.#pick(option));
    area.addEventListener("input", () => this.update());
    area.addEventListener("blur", () => this.close());
    if (isBare) area.addEventListener("focus", () => this.update());
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  get #list() {
    return /** @type {HTMLElement} */ (this.#panel.querySelector(".picker__list"));
  }

  get #before() {
    return this.#isBare ? this.#area.value : this.#area.value.slice(0, this.#area.selectionStart ?? 0);
  }

  get #active() {
    return this.#sources.filter((source) => source.query(this.#before) !== null);
  }

  update() {
    clearTimeout(this.#timer);
    for (const source of this.#sources) {
      const choice = source.finished?.(this.#before);
      if (!choice) continue;
      // The space that finished the word goes with it.
      this.#take(choice.name.length + 2, () => source.pick(choice));
      return;
    }
    const active = this.#active;
    if (!active.length) this.close();
    else if (active.every(({ isLocal }) => isLocal)) this.#ask();
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

  #ask() {
    this.#asked += 1;
    const asked = this.#asked;
    const active = this.#active;
    const found = active.map((source) => source.find(source.query(this.#before) ?? ""));
    // What is known at once is there before the next key can be pressed.
    if (found.every(Array.isArray)) {
      this.#show(active, /** @type {Choice[][]} */ (found));
      return;
    }
    Promise.all(found.map((choices) => Promise.resolve(choices).catch(() => null))).then((answers) => {
      // A later keystroke has asked again, or closed the panel.
      if (asked === this.#asked && answers.some(Boolean)) this.#show(active, answers.map((choices) => choices ?? []));
    });
  }

  /**
   * @param {Source[]} sources
   * @param {Choice[][]} found what each of them offers
   */
  #show(sources, found) {
    const isNothing = found.every((choices) => !choices.length);
    const speaker = sources.find((source) => source.none);
    const none = speaker?.none?.(speaker.query(this.#before) ?? "");
    if (!sources.length || (isNothing && !none)) {
      this.close();
      return;
    }
    this.#offered.clear();
    this.#list.replaceChildren(
      ...sources.flatMap((source, i) => found[i].map((choice) => this.#optionOf(source, choice))),
    );
    this.#list.setAttribute("aria-label", sources.map(({ label }) => label).join(", "));
    const said = /** @type {HTMLElement} */ (this.#panel.querySelector("[data-none]"));
    said.hidden = !isNothing;
    said.textContent = none ?? "";
    this.#panel.hidden = false;
    const below = this.#panel.getBoundingClientRect().bottom;
    this.#panel.style.setProperty("--room", `${Math.round(below - EDGE_PX)}px`);
    if (this.#isBare) this.#area.setAttribute("aria-expanded", "true");
    this.#options.activate(this.#options.shown[0] ?? null);
  }

  /**
   * @param {Source} source
   * @param {Choice} choice
   */
  #optionOf(source, choice) {
    const option = copyOf(this.#template);
    option.id = `${source.name}-option-${choice.id}`;
    for (const icon of /** @type {NodeListOf<SVGElement>} */ (option.querySelectorAll("[data-of]"))) {
      if (icon.dataset.of !== choice.kind) icon.remove();
    }
    /** @type {HTMLElement} */ (option.querySelector("[data-name]")).textContent = choice.name;
    /** @type {HTMLElement} */ (option.querySelector("[data-detail]")).textContent = choice.detail ?? "";
    this.#offered.set(option.id, { source, choice });
    return option;
  }

  /** @param {HTMLElement} option */
  #pick(option) {
    const offered = this.#offered.get(option.id);
    if (!offered) return;
    const { source, choice } = offered;
    this.#take((source.query(this.#before)?.length ?? 0) + 1, () => source.pick(choice));
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
