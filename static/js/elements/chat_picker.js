import { PickerList } from "../lib/picker_list.js";
import { placeBeside } from "../lib/placement.js";

/**
 * Which model answers: a button that opens a list to filter and pick from.
 *
 * After "Add another model" each pick adds one to those that answer side by side, or takes it away again.
 */
class ChatPicker extends HTMLElement {
  /** @type {PickerList | null} */
  #options = null;

  connectedCallback() {
    this.#options ??= new PickerList(this.#find(".picker__list"), this.#search, (option) => this.#pick(option));
    this.#panel.addEventListener("beforetoggle", this.#toggling);
    this.#panel.addEventListener("toggle", this.#toggled);
    this.#search.addEventListener("input", this.#filtered);
    this.#search.addEventListener("keydown", this.#pressed);
    this.#several.addEventListener("click", this.#toggledSeveral);
  }

  disconnectedCallback() {
    this.#panel.removeEventListener("beforetoggle", this.#toggling);
    this.#panel.removeEventListener("toggle", this.#toggled);
    this.#search.removeEventListener("input", this.#filtered);
    this.#search.removeEventListener("keydown", this.#pressed);
    this.#several.removeEventListener("click", this.#toggledSeveral);
  }

  /** Id of the picked model. */
  get value() {
    return this.dataset.selected ?? "";
  }

  /** Ids of those that answer beside it. @returns {string[]} */
  get beside() {
    if (!this.#takesSeveral) return [];
    return this.#selected.map((option) => option.dataset.value ?? "").filter((id) => id !== this.value);
  }

  /** All that can be picked. @returns {{id: string, name: string, detail: string}[]} */
  get choices() {
    const textOf = (/** @type {Element} */ option, /** @type {string} */ part) => option.querySelector(part)?.textContent?.trim() ?? "";
    return this.#all.map((option) => ({
      id: option.dataset.value ?? "",
      name: textOf(option, ".picker__name"),
      detail: textOf(option, ".picker__detail"),
    }));
  }

  /** @returns {HTMLElement[]} */
  get #all() {
    return /** @type {HTMLElement[]} */ ([...this.querySelectorAll('[role="option"]')]);
  }

  get #selected() {
    return this.#all.filter((option) => option.getAttribute("aria-selected") === "true");
  }

  get #takesSeveral() {
    return this.#several.getAttribute("aria-pressed") === "true";
  }

  get #several() {
    return this.#find("[data-several]");
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  get #panel() {
    return this.#find("[popover]");
  }

  get #search() {
    return /** @type {HTMLInputElement} */ (this.#find("input"));
  }

  /** Before the panel shows and takes the focus: the first key may be pressed before `toggle` comes. */
  #toggling = (/** @type {Event} */ event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "open") return;
    this.#search.value = "";
    this.#filtered();
    this.#options?.activate(this.querySelector('[role="option"][aria-selected="true"]'));
  };

  #toggled = () => {
    const isOpen = this.#panel.matches(":popover-open");
    this.#find("[popovertarget]").setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return;
    placeBeside(this.#panel, this.#find("[popovertarget]"), { atEnd: true });
    this.#search.focus();
  };

  #filtered = () => {
    const n = this.#options?.filter(this.#search.value) ?? 0;
    this.#find("[data-none]").hidden = n > 0;
  };

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    this.#options?.press(event);
  };

  /** One model, or several of them: back to one, the first of those that were picked stays. */
  #toggledSeveral = () => {
    const takesSeveral = !this.#takesSeveral;
    this.#several.setAttribute("aria-pressed", String(takesSeveral));
    this.#find(".picker__list").setAttribute("aria-multiselectable", String(takesSeveral));
    if (!takesSeveral) for (const option of this.#selected) this.#select(option, option.dataset.value === this.value);
    this.#changed();
    this.#search.focus();
  };

  /** @param {HTMLElement} option */
  #pick(option) {
    if (this.#takesSeveral) this.#toggle(option);
    else {
      this.dataset.selected = option.dataset.value ?? "";
      for (const other of this.#all) this.#select(other, other === option);
      this.#panel.hidePopover();
    }
    this.#changed();
  }

  /** One more answers, or one less: somebody has to. @param {HTMLElement} option */
  #toggle(option) {
    const isPicked = this.#selected.includes(option);
    const n = this.#selected.length;
    if (isPicked ? n === 1 : n >= Number(this.dataset.max)) return;
    this.#select(option, !isPicked);
    if (isPicked && option.dataset.value === this.value) this.dataset.selected = this.#selected[0]?.dataset.value ?? "";
  }

  /**
   * @param {HTMLElement} option
   * @param {boolean} isSelected
   */
  #select(option, isSelected) {
    option.setAttribute("aria-selected", String(isSelected));
  }

  #changed() {
    const names = this.#selected.map((option) => option.querySelector(".picker__name")?.textContent ?? "");
    this.#find("[data-picked]").textContent = names.join(", ");
    this.dispatchEvent(new CustomEvent("model-picked", { bubbles: true, detail: { model: this.value } }));
  }
}

customElements.define("chat-picker", ChatPicker);
export { ChatPicker };
