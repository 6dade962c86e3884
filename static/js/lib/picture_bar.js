/**
 * What a picture is to be like: the line of choices above the text, open while a picture is what Send asks for.
 *
 * @typedef {{connection?: string, size?: string, count?: number, seed?: number | null, negative_prompt?: string}} Wish
 */
export class PictureBar {
  #bar;
  #button;
  #area;
  #placeholder;

  /**
   * @param {HTMLElement} bar
   * @param {HTMLElement} button opens and closes it
   * @param {HTMLTextAreaElement} area where the words are written
   */
  constructor(bar, button, area) {
    this.#bar = bar;
    this.#button = button;
    this.#area = area;
    this.#placeholder = area.placeholder;
    bar.addEventListener("change", () => this.#fit());
    this.#part("[data-more]").addEventListener("click", () => this.#showMore(this.#part("[data-fields]").hidden));
    bar.addEventListener("keydown", (event) => this.#pressed(event));
    this.#fit();
  }

  get isOpen() {
    return !this.#bar.hidden;
  }

  set isOpen(isOpen) {
    this.#bar.hidden = !isOpen;
    this.#button.setAttribute("aria-pressed", String(isOpen));
    this.#area.placeholder = isOpen ? (this.#bar.dataset.placeholder ?? "") : this.#placeholder;
    if (isOpen) this.#area.focus();
  }

  /** Said when files are attached. */
  get noFiles() {
    return this.#bar.dataset.noFiles ?? "";
  }

  /** @returns {Wish} what was chosen; what the server takes no word of is left out */
  get wish() {
    const size = this.#size;
    const seed = this.#field("seed").value;
    const takesSeed = size.hasAttribute("data-takes-seed") && seed !== "" && this.#field("seed").validity.valid;
    return {
      connection: size.dataset.of ?? "",
      size: size.value,
      count: Number(this.#field("count").value),
      seed: takesSeed ? Number(seed) : null,
      negative_prompt: size.hasAttribute("data-takes-negative") ? this.#field("negative_prompt").value.trim() : "",
    };
  }

  /** Each server has sizes of its own; the list of the chosen one is shown. */
  get #size() {
    const sizes = /** @type {HTMLSelectElement[]} */ ([...this.#bar.querySelectorAll('[data-wish="size"]')]);
    const chosen = /** @type {HTMLSelectElement | null} */ (this.#bar.querySelector('[data-wish="connection"]'))?.value;
    return /** @type {HTMLSelectElement} */ (sizes.find(({ dataset }) => dataset.of === chosen) ?? sizes[0]);
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement | HTMLSelectElement} */ (this.#bar.querySelector(`[data-wish="${name}"]`));
  }

  /** Show what the chosen server can be told. */
  #fit() {
    const size = this.#size;
    for (const other of this.#bar.querySelectorAll('[data-wish="size"]')) {
      if (other instanceof HTMLElement) other.hidden = other !== size;
    }
    const takesNegative = size.hasAttribute("data-takes-negative");
    const takesSeed = size.hasAttribute("data-takes-seed");
    this.#part("[data-negative]").hidden = !takesNegative;
    this.#part("[data-seed]").hidden = !takesSeed;
    this.#part("[data-more]").hidden = !takesNegative && !takesSeed;
    if (!takesNegative && !takesSeed) this.#showMore(false);
  }

  /** @param {boolean} isShown */
  #showMore(isShown) {
    this.#part("[data-fields]").hidden = !isShown;
    this.#part("[data-more]").setAttribute("aria-expanded", String(isShown));
  }

  /** @param {string} selector */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.#bar.querySelector(selector));
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    // Enter in a field of numbers is not for the button that stands first in the form.
    if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
      event.preventDefault();
      this.#area.focus();
    }
    if (event.key !== "Escape") return;
    event.preventDefault();
    this.isOpen = false;
    this.#area.focus();
  }
}
