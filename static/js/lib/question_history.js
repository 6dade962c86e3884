/**
 * The questions of a chat, brought back with the arrow keys as in a shell.
 *
 * An arrow goes through them only where it could not move the caret: in an empty field, and at the edge of a question
 * that was brought back and not changed.
 */
export class QuestionHistory {
  #area;
  #questions;
  #onChange;
  /** How far back; 0 is what is being written. */
  #at = 0;
  #shown = "";

  /**
   * @param {HTMLTextAreaElement} area
   * @param {() => string[]} questions the newest last
   * @param {() => void} onChange
   */
  constructor(area, questions, onChange) {
    this.#area = area;
    this.#questions = questions;
    this.#onChange = onChange;
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the key was for the history
   */
  press(event) {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step || event.isComposing || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return false;
    const area = this.#area;
    if (!this.#isShown) this.#at = 0;
    if (this.#at ? !this.#isAtEdge(step) : step < 0 || area.value !== "") return false;
    const questions = this.#questions().filter((text, i, all) => text !== all[i + 1]);
    const at = this.#at + step;
    if (at > questions.length) return false;
    event.preventDefault();
    this.#at = at;
    this.#shown = at ? questions[questions.length - at] : "";
    area.value = this.#shown;
    this.#onChange();
    // Where the next press of the same key goes on, and any other edit is near.
    const caret = step > 0 && this.#hasLines ? 0 : this.#shown.length;
    area.setSelectionRange(caret, caret);
    return true;
  }

  /** Whether the field holds what was brought back. */
  get #isShown() {
    return this.#at > 0 && this.#area.value === this.#shown;
  }

  /** Whether the text takes several lines, its own or broken by the width of the field. */
  get #hasLines() {
    const { lineHeight, paddingBlockStart, paddingBlockEnd } = getComputedStyle(this.#area);
    const height = this.#area.scrollHeight - parseFloat(paddingBlockStart) - parseFloat(paddingBlockEnd);
    return this.#area.value.includes("\n") || height >= 1.5 * parseFloat(lineHeight);
  }

  /** @param {number} step */
  #isAtEdge(step) {
    const { selectionStart, selectionEnd, value } = this.#area;
    if (selectionStart !== selectionEnd) return false;
    return !this.#hasLines || selectionStart === (step > 0 ? 0 : value.length);
  }
}
