/** Within so many pixels of the end a reader counts as being there. */
const NEAR_PX = 64;

/**
 * Keeps a scrolling box at its end while its content grows, for as long as the reader is there.
 *
 * Scrolling up lets go; coming back to the end, or `follow()`, takes hold again.
 */
export class ScrollFollower {
  #box;
  #onChange;
  #isFollowing = true;
  #lastTop = 0;
  #observer;

  /**
   * @param {HTMLElement} box
   * @param {HTMLElement} content
   * @param {(isAtEnd: boolean) => void} onChange
   */
  constructor(box, content, onChange) {
    this.#box = box;
    this.#onChange = onChange;
    this.#observer = new ResizeObserver(() => this.#grown());
    this.#observer.observe(content);
    this.#observer.observe(box);
    box.addEventListener("scroll", this.#scrolled, { passive: true });
  }

  stop() {
    this.#observer.disconnect();
    this.#box.removeEventListener("scroll", this.#scrolled);
  }

  /** Go to the end and stay there. */
  follow() {
    this.#isFollowing = true;
    this.#toEnd();
    this.#onChange(true);
  }

  /** Stay where the reader is brought to. */
  letGo() {
    this.#isFollowing = false;
  }

  get #distance() {
    return this.#box.scrollHeight - this.#box.clientHeight - this.#box.scrollTop;
  }

  #toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#lastTop = this.#box.scrollTop;
  }

  #grown() {
    if (this.#isFollowing) this.#toEnd();
    this.#onChange(this.#distance < NEAR_PX);
  }

  #scrolled = () => {
    const top = this.#box.scrollTop;
    const isAtEnd = this.#distance < NEAR_PX;
    // Content that grows moves the end away without moving the reader: only going up lets go.
    if (top < this.#lastTop - 1 && !isAtEnd) this.#isFollowing = false;
    else if (isAtEnd && top >= this.#lastTop) this.#isFollowing = true;
    this.#lastTop = top;
    this.#onChange(isAtEnd);
  };
}
