import { post, sentenceOf } from "../lib/requests.js";

/** A form that is sent in the background: its refusal and its success are told where it stands. */
class ChatForm extends HTMLElement {
  connectedCallback() {
    this.addEventListener("submit", this.#submitted);
    this.addEventListener("input", this.#typed);
  }

  disconnectedCallback() {
    this.removeEventListener("submit", this.#submitted);
    this.removeEventListener("input", this.#typed);
  }

  /** @param {Event} event */
  #submitted = async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const button = /** @type {HTMLButtonElement} */ (form.querySelector('[type="submit"]'));
    const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
    this.#say("");
    button.disabled = true;
    try {
      const answer = await post(form.action, Object.fromEntries(fields));
      // What was made has a page of its own.
      const place = answer.headers.get("Location");
      if (place) location.assign(place);
      this.#showDone(true);
    } catch (error) {
      this.#say(sentenceOf(error, this.dataset.failed ?? ""));
    } finally {
      button.disabled = false;
    }
  };

  #typed = () => {
    this.#say("");
    this.#showDone(false);
  };

  /** @param {string} sentence */
  #say(sentence) {
    const place = /** @type {HTMLElement} */ (this.querySelector("[data-error]"));
    place.textContent = sentence;
    place.hidden = !sentence;
  }

  /** @param {boolean} isDone */
  #showDone(isDone) {
    const note = this.querySelector("[data-done]");
    if (note instanceof HTMLElement) note.hidden = !isDone;
  }
}

customElements.define("chat-form", ChatForm);
