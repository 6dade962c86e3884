import { carryOut, stepOf } from "../lib/deeds.js";
import { PickerList } from "../lib/picker_list.js";
import { post, sentenceOf } from "../lib/requests.js";
import { worded } from "../lib/wording.js";

/** The folders that a chat can be moved into: a list to filter and pick from, or the name of a new one. */
class ChatMover extends HTMLElement {
  /** @type {PickerList | null} */
  #options = null;

  connectedCallback() {
    this.#options ??= new PickerList(this.#find(".picker__list"), this.#search, (option) => this.#pick(option));
    this.#search.addEventListener("input", this.#filtered);
    this.#search.addEventListener("keydown", this.#pressed);
    this.#options.activate(this.#options.shown[0] ?? null);
    this.#search.focus();
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

  #filtered = () => {
    this.#options?.filter(this.#search.value);
    this.#offerNew();
    this.#say("");
  };

  /** A name that no folder has is that of a new one. */
  #offerNew() {
    const name = this.#search.value.trim();
    const folders = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[data-folder][data-words]")]);
    const isTaken = folders.some((option) => option.dataset.words?.toLocaleLowerCase() === name.toLocaleLowerCase());
    const option = this.#find("[data-new]");
    option.hidden = !name || isTaken;
    const label = this.#find("[data-words-new]");
    label.textContent = worded(label.dataset.wordsNew, { name });
    if (this.#options?.shown.length === 1) this.#options.activate(this.#options.shown[0] ?? null);
  }

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    this.#options?.press(event);
  };

  /** @param {HTMLElement} option */
  async #pick(option) {
    const fields = option.hasAttribute("data-new")
      ? { new: this.#search.value.trim() }
      : { folder: option.dataset.folder ?? "" };
    if (this.dataset.chats) {
      this.#moveMany(fields);
      return;
    }
    try {
      await post(this.dataset.url ?? "", fields);
      this.closest("dialog")?.close();
    } catch (error) {
      this.#say(sentenceOf(error, this.dataset.failed ?? ""));
    }
  }

  /** @param {{new?: string, folder?: string}} fields */
  #moveMany({ new: name = "", folder = "" }) {
    this.closest("dialog")?.close();
    carryOut(stepOf("move", (this.dataset.chats ?? "").split(" "), { name, folder }), this.dataset.url);
  }

  /** @param {string} sentence */
  #say(sentence) {
    const place = this.#find("[data-error]");
    place.textContent = sentence;
    place.hidden = !sentence;
  }
}

customElements.define("chat-mover", ChatMover);
