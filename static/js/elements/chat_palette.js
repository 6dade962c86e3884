import { PickerList } from "../lib/picker_list.js";
import { getJson } from "../lib/requests.js";
import { copyOf } from "../render.js";

const PAUSE_MS = 80;

/** What Ctrl or Cmd and K opens: a field that finds chats by their title, pages, and what can be done here. */
class ChatPalette extends HTMLElement {
  /** @type {PickerList | null} */
  #options = null;
  #timer = 0;
  #asked = 0;

  connectedCallback() {
    this.#options ??= new PickerList(this.#find(".picker__list"), this.#field, (option) => this.#pick(option));
    document.addEventListener("palette-wanted", this.#wanted);
    this.#field.addEventListener("keydown", this.#pressed);
    this.#field.addEventListener("input", this.#typed);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    document.removeEventListener("palette-wanted", this.#wanted);
    this.#field.removeEventListener("keydown", this.#pressed);
    this.#field.removeEventListener("input", this.#typed);
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.#find("dialog"));
  }

  get #field() {
    return /** @type {HTMLInputElement} */ (this.#find('[role="combobox"]'));
  }

  #wanted = () => {
    if (this.#dialog.open) this.#dialog.close();
    else this.#open();
  };

  #open() {
    this.#field.value = "";
    this.#find("[data-chats]").replaceChildren();
    this.#showPossible();
    this.#dialog.showModal();
    this.#filter();
    this.#ask();
  }

  /** What cannot be done on this page is no option. */
  #showPossible() {
    for (const option of /** @type {Iterable<HTMLElement>} */ (this.#find("[data-actions]").children)) {
      const isPossible = Boolean(option.dataset.href || this.#pressedBy(option));
      option.role = isPossible ? "option" : "none";
      option.hidden = !isPossible;
    }
  }

  /** @param {HTMLElement} option @returns {HTMLElement | null} the control elsewhere on the page that it stands for */
  #pressedBy(option) {
    const { press, pressInRow } = option.dataset;
    if (press) return document.querySelector(press);
    const row = document.querySelector('chat-sidebar li:has(> a.sidebar-chat__link[aria-current="page"])');
    if (!pressInRow || !row) return null;
    /** @type {import("./chat_row_menu.js").ChatRowMenu | null} */ (row.querySelector("chat-row-menu"))?.fill();
    return row.querySelector(pressInRow);
  }

  #typed = () => {
    this.#filter();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MS);
  };

  /** What is asked for by name stands first; while nothing is, the newest chats do. */
  #filter() {
    const typed = this.#field.value.trim();
    const list = this.#find(".picker__list");
    list.prepend(this.#find(typed ? "[data-actions]" : "[data-chats]"));
    const all = this.#find("[data-in-messages]");
    all.dataset.words = typed;
    /** @type {HTMLElement} */ (all.querySelector("[data-typed]")).textContent = typed;
    this.#options?.filter(typed);
    all.hidden = !typed;
    this.#options?.activate(this.#options.shown[0] ?? null);
  }

  async #ask() {
    this.#asked += 1;
    const asked = this.#asked;
    const typed = this.#field.value.trim();
    const answer = await getJson(`${this.dataset.jumpUrl}?q=${encodeURIComponent(typed)}`).catch(() => null);
    // A later keystroke has asked again.
    if (!answer || asked !== this.#asked) return;
    const options = answer.chats.map((/** @type {any} */ chat, /** @type {number} */ i) => this.#optionOf(chat, i, typed));
    this.#find("[data-chats]").replaceChildren(...options);
    this.#filter();
  }

  /**
   * @param {{title: string, url: string, detail: string}} chat
   * @param {number} number
   * @param {string} typed
   */
  #optionOf({ title, url, detail }, number, typed) {
    const option = copyOf(/** @type {HTMLTemplateElement} */ (this.#find("template[data-option]")));
    option.id = `palette-chat-${number}`;
    option.dataset.href = url;
    // The server finds more than the list does, by accents for one.
    option.dataset.words = `${title} ${typed}`;
    /** @type {HTMLElement} */ (option.querySelector("[data-name]")).textContent = title;
    /** @type {HTMLElement} */ (option.querySelector("[data-detail]")).textContent = detail;
    return option;
  }

  #pressed = (/** @type {KeyboardEvent} */ event) => this.#options?.press(event);

  /** @param {HTMLElement} option */
  #pick(option) {
    const control = this.#pressedBy(option);
    this.#dialog.close();
    if ("inMessages" in option.dataset) {
      location.assign(`${this.dataset.searchUrl}?q=${encodeURIComponent(this.#field.value.trim())}`);
    } else if (option.dataset.href) {
      location.assign(option.dataset.href);
    } else {
      control?.click();
    }
  }
}

customElements.define("chat-palette", ChatPalette);
