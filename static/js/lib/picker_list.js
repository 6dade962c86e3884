/**
 * The options of a list: one is active, arrow keys move it, typing filters them.
 *
 * The focus stays in the text field that `aria-activedescendant` is set on.
 */
export class PickerList {
  #list;
  #field;
  #onPick;
  /** @type {HTMLElement | null} */
  #active = null;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} field
   * @param {(option: HTMLElement) => void} onPick
   */
  constructor(list, field, onPick) {
    this.#list = list;
    this.#field = field;
    this.#onPick = onPick;
    list.addEventListener("click", this.#clicked);
    // The field must not lose the focus to what is clicked.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("pointermove", this.#pointed);
  }

  /** @returns {HTMLElement[]} */
  get shown() {
    const options = /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll('[role="option"]')]);
    return options.filter((option) => !option.hidden);
  }

  /**
   * Show the options that have all words of a query, and make the first of them active.
   *
   * @param {string} query
   * @returns {number} how many are shown
   */
  filter(query) {
    const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    for (const option of /** @type {NodeListOf<HTMLElement>} */ (this.#list.querySelectorAll('[role="option"]'))) {
      const text = (option.dataset.words ?? option.textContent ?? "").toLocaleLowerCase();
      option.hidden = !words.every((word) => text.includes(word));
    }
    this.activate(this.shown[0] ?? null);
    return this.shown.length;
  }

  /** @param {HTMLElement | null} option */
  activate(option) {
    this.#active?.classList.remove("picker__option--active");
    this.#active = option;
    option?.classList.add("picker__option--active");
    option?.scrollIntoView({ block: "nearest" });
    if (option?.id) this.#field.setAttribute("aria-activedescendant", option.id);
    else this.#field.removeAttribute("aria-activedescendant");
  }

  /**
   * Take the keys of a list.
   *
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the key was one of them
   */
  press(event) {
    if (event.isComposing) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const options = this.shown;
      const at = this.#active ? options.indexOf(this.#active) : -1;
      this.activate(options[(at + step + options.length) % options.length] ?? null);
    } else if (event.key === "Enter" && this.#active) {
      this.#onPick(this.#active);
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  /** @param {Event} event */
  #clicked = (event) => {
    const option = this.#optionAt(event);
    if (option) this.#onPick(option);
  };

  /** @param {Event} event */
  #pointed = (event) => {
    const option = this.#optionAt(event);
    if (option && option !== this.#active) this.activate(option);
  };

  /** @param {Event} event */
  #optionAt(event) {
    return event.target instanceof Element
      ? /** @type {HTMLElement | null} */ (event.target.closest('[role="option"]'))
      : null;
  }
}
