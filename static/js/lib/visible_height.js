/** What bars of the browser take away is less than this, and is theirs to tell; a keyboard takes more. */
const KEYBOARD_PX = 120;

/**
 * Keeps a box as high as what is to be seen of the page, above a keyboard on the screen.
 *
 * Most browsers shrink the page themselves, as its viewport asks them to. Safari lays the keyboard over the page and
 * scrolls the page under it: there the box takes the height that is left, as `--visible-block-size`.
 */
export class VisibleHeight {
  #box;
  #seen = window.visualViewport;

  /** @param {HTMLElement} box */
  constructor(box) {
    this.#box = box;
    this.#seen?.addEventListener("resize", this.#changed);
  }

  stop() {
    this.#seen?.removeEventListener("resize", this.#changed);
  }

  #changed = () => {
    const { height, scale } = /** @type {VisualViewport} */ (this.#seen);
    // Who has zoomed in sees a part of the page, and moves it about.
    const isCovered = Math.abs(scale - 1) < 0.01 && innerHeight - height > KEYBOARD_PX;
    if (isCovered) this.#box.style.setProperty("--visible-block-size", `${height}px`);
    else this.#box.style.removeProperty("--visible-block-size");
    if (isCovered) scrollTo(0, 0);
  };
}
