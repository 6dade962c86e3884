import { PickerList } from "../lib/picker_list.js";
import { get } from "../lib/requests.js";
import { copyOf } from "../render.js";

const PAUSE_MS = 120;

/** @typedef {{uuid: string, name: string, detail?: string}} Choice */

/** Knowledge and documents as fields of a form: chips of what is chosen, and a field that finds more by name. */
class ChatSourcePicker extends HTMLElement {
  /** @type {PickerList | null} */
  #options = null;
  #timer = 0;
  #asked = 0;

  connectedCallback() {
    this.#options ??= new PickerList(this.#find(".picker__list"), this.#search, (option) => this.#pick(option));
    this.#search.addEventListener("input", this.#typed);
    this.#search.addEventListener("focus", this.#typed);
    this.#search.addEventListener("blur", this.#close);
    this.#search.addEventListener("keydown", this.#pressed);
    this.addEventListener("click", this.#clicked);
  }

  disconnectedCallback() {
    this.#close();
    this.#search.removeEventListener("input", this.#typed);
    this.#search.removeEventListener("focus", this.#typed);
    this.#search.removeEventListener("blur", this.#close);
    this.#search.removeEventListener("keydown", this.#pressed);
    this.removeEventListener("click", this.#clicked);
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  get #search() {
    return /** @type {HTMLInputElement} */ (this.#find('[role="combobox"]'));
  }

  get #panel() {
    return this.#find("[data-panel]");
  }

  #typed = () => {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MS);
  };

  #close = () => {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#panel.hidden = true;
    this.#search.setAttribute("aria-expanded", "false");
    this.#search.removeAttribute("aria-activedescendant");
  };

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (event.key === "Escape" && !this.#panel.hidden) {
      event.preventDefault();
      this.#close();
    } else if (!this.#panel.hidden) {
      this.#options?.press(event);
    }
    // The form is sent by its button.
    if (event.key === "Enter") event.preventDefault();
  };

  async #ask() {
    this.#asked += 1;
    const asked = this.#asked;
    const url = `${this.dataset.searchUrl}?q=${encodeURIComponent(this.#search.value.trim())}`;
    const answer = await get(url).catch(() => null);
    if (!answer || asked !== this.#asked) return;
    const { knowledge, documents } = await answer.json();
    // A later keystroke has asked again, or closed the panel.
    if (asked !== this.#asked) return;
    const options = [
      ...knowledge.map((/** @type {Choice} */ one) => this.#optionOf(one, "knowledge")),
      ...documents.map((/** @type {Choice} */ one) => this.#optionOf(one, "document")),
    ].filter((option) => !this.#chipOf(option.dataset.uuid ?? ""));
    this.#find(".picker__list").replaceChildren(...options);
    this.#find("[data-none]").hidden = options.length > 0;
    this.#panel.hidden = false;
    this.#search.setAttribute("aria-expanded", "true");
    this.#options?.activate(this.#options.shown[0] ?? null);
  }

  /**
   * @param {Choice} choice
   * @param {"document" | "knowledge"} kind
   */
  #optionOf({ uuid, name, detail = "" }, kind) {
    const option = copyOf(/** @type {HTMLTemplateElement} */ (this.#find("template[data-option]")));
    option.id = `source-option-${uuid}`;
    option.dataset.uuid = uuid;
    option.dataset.kind = kind;
    /** @type {HTMLElement} */ (option.querySelector("[data-name]")).textContent = name;
    /** @type {HTMLElement} */ (option.querySelector("[data-detail]")).textContent = detail;
    return option;
  }

  /** @param {string} uuid */
  #chipOf(uuid) {
    return this.querySelector(`.chip[data-uuid="${CSS.escape(uuid)}"]`);
  }

  /** @param {HTMLElement} option */
  #pick(option) {
    const chip = copyOf(/** @type {HTMLTemplateElement} */ (this.#find("template[data-chip]")));
    const { uuid = "", kind = "" } = option.dataset;
    chip.dataset.uuid = uuid;
    chip.dataset.kind = kind;
    const name = option.querySelector("[data-name]")?.textContent ?? "";
    /** @type {HTMLElement} */ (chip.querySelector("[data-name]")).textContent = name;
    const field = /** @type {HTMLInputElement} */ (chip.querySelector("input"));
    field.name = kind === "knowledge" ? "knowledge" : "documents";
    field.value = uuid;
    this.#find("[data-chips]").append(chip);
    this.#search.value = "";
    this.#close();
  }

  /** @param {Event} event */
  #clicked = (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-remove]")) return;
    event.target.closest(".chip")?.remove();
    this.#search.focus();
  };
}

customElements.define("chat-source-picker", ChatSourcePicker);
