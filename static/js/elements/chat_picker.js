import { PickerList } from "../lib/picker_list.js";
import { placeBeside } from "../lib/placement.js";

/** Which model answers: a button that opens a list to filter and pick from. */
class ChatPicker extends HTMLElement {
  /** @type {PickerList | null} */
  #options = null;

  connectedCallback() {
    this.#options ??= new PickerList(this.#find(".picker__list"), this.#search, (option) => this.#pick(option));
    this.#panel.addEventListener("beforetoggle", this.#toggling);
    this.#panel.addEventListener("toggle", this.#toggled);
    this.#search.addEventListener("input", this.#filtered);
    this.#search.addEventListener("keydown", this.#pressed);
  }

  disconnectedCallback() {
    this.#panel.removeEventListener("beforetoggle", this.#toggling);
    this.#panel.removeEventListener("toggle", this.#toggled);
    this.#search.removeEventListener("input", this.#filtered);
    this.#search.removeEventListener("keydown", this.#pressed);
  }

  /** Id of the picked model. */
  get value() {
    return this.dataset.selected ?? "";
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

  /** @param {HTMLElement} option */
  #pick(option) {
    this.dataset.selected = option.dataset.value ?? "";
    for (const other of this.querySelectorAll('[role="option"]')) {
      other.setAttribute("aria-selected", String(other === option));
    }
    this.#find("[data-picked]").textContent = option.querySelector(".picker__name")?.textContent ?? "";
    this.#panel.hidePopover();
    this.dispatchEvent(new CustomEvent("model-picked", { bubbles: true, detail: { model: this.value } }));
  }
}

customElements.define("chat-picker", ChatPicker);
