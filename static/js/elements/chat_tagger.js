import { ask, offerUndo, stepOf } from "../lib/deeds.js";
import { PickerList } from "../lib/picker_list.js";
import { sentenceOf } from "../lib/requests.js";
import { worded } from "../lib/wording.js";

/** The tags of some chats: a list to filter, to put on and to take off, or the name of a new one. */
class ChatTagger extends HTMLElement {
  /** @type {PickerList | null} */
  #options = null;
  /** What takes back all that was changed, the last change first. @type {import("../lib/deeds.js").Step[]} */
  #undo = [];

  connectedCallback() {
    this.#options ??= new PickerList(this.#find(".picker__list"), this.#search, (option) => this.#pick(option));
    this.#search.addEventListener("input", this.#filtered);
    this.#search.addEventListener("keydown", this.#pressed);
    this.closest("dialog")?.addEventListener("close", this.#closed, { once: true });
    this.#options.activate(this.#options.shown[0] ?? null);
  }

  disconnectedCallback() {
    this.#search.removeEventListener("input", this.#filtered);
    this.#search.removeEventListener("keydown", this.#pressed);
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  get #search() {
    return /** @type {HTMLInputElement} */ (this.#find("input"));
  }

  get #chats() {
    return (this.dataset.chats ?? "").split(" ");
  }

  #filtered = () => {
    this.#options?.filter(this.#search.value);
    const name = this.#search.value.trim();
    const tags = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[data-tag]")]);
    const isTaken = tags.some((option) => option.dataset.words?.toLocaleLowerCase() === name.toLocaleLowerCase());
    const option = this.#find("[data-new]");
    option.hidden = !name || isTaken;
    const label = this.#find("[data-words-new]");
    label.textContent = worded(label.dataset.wordsNew, { name });
    if (this.#options?.shown.length === 1) this.#options.activate(this.#options.shown[0] ?? null);
    this.#say("");
  };

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    this.#options?.press(event);
  };

  /** @param {HTMLElement} option */
  async #pick(option) {
    const isOn = option.getAttribute("aria-selected") === "true";
    const tag = option.dataset.tag;
    const name = this.#search.value.trim();
    try {
      const { undo } = await ask(stepOf(isOn ? "untag" : "tag", this.#chats, tag ? { tag } : { name }));
      this.#undo.unshift(...undo);
    } catch (error) {
      this.#say(sentenceOf(error, this.dataset.failed ?? ""));
      return;
    }
    if (tag) this.#mark(option, !isOn);
    else this.#add(option, name);
  }

  /**
   * @param {HTMLElement} option
   * @param {boolean} isOn
   */
  #mark(option, isOn) {
    option.setAttribute("aria-selected", String(isOn));
    option.querySelector("[data-some]")?.remove();
  }

  /**
   * A new tag stands in the list from now on, as all others.
   *
   * @param {HTMLElement} option of the new one
   * @param {string} name
   */
  #add(option, name) {
    const [step] = this.#undo;
    const tag = step?.find(([field]) => field === "tag")?.[1];
    // Where all the chats had it, it was in the list.
    if (!tag) return;
    const added = /** @type {HTMLElement} */ (option.cloneNode(true));
    added.removeAttribute("data-new");
    added.id = `tag-target-${tag}`;
    added.dataset.tag = tag;
    added.dataset.words = name;
    /** @type {HTMLElement} */ (added.querySelector("[data-words-new]")).textContent = name;
    added.querySelector("[data-words-new]")?.removeAttribute("data-words-new");
    added.setAttribute("aria-selected", "true");
    added.hidden = false;
    option.before(added);
    this.querySelector("[data-hint]")?.remove();
    this.#search.value = "";
    this.#filtered();
    this.#options?.activate(added);
  }

  #closed = () => {
    if (this.#undo.length) offerUndo(this.dataset.changed ?? "", this.#undo);
  };

  /** @param {string} sentence */
  #say(sentence) {
    const place = this.#find("[data-error]");
    place.textContent = sentence;
    place.hidden = !sentence;
  }
}

customElements.define("chat-tagger", ChatTagger);
