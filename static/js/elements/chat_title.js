import { post, sentenceOf } from "../lib/requests.js";
import { toast } from "./chat_toasts.js";

/** The title of the chat, or the name of a folder, renamed where it stands. */
class ChatTitle extends HTMLElement {
  connectedCallback() {
    this.#text.addEventListener("click", this.#opened);
    this.#form.addEventListener("submit", this.#submitted);
    this.#input.addEventListener("keydown", this.#pressed);
    this.#input.addEventListener("blur", this.#left);
  }

  disconnectedCallback() {
    this.#text.removeEventListener("click", this.#opened);
    this.#form.removeEventListener("submit", this.#submitted);
    this.#input.removeEventListener("keydown", this.#pressed);
    this.#input.removeEventListener("blur", this.#left);
  }

  /** @param {string} title */
  show(title) {
    this.#text.textContent = title;
    this.#heading.hidden = false;
    document.title = `${title} · Hearth`;
  }

  get #heading() {
    return /** @type {HTMLElement} */ (this.querySelector("h1"));
  }

  get #text() {
    return /** @type {HTMLButtonElement} */ (this.querySelector(".chat-title__text"));
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  get #input() {
    return /** @type {HTMLInputElement} */ (this.querySelector("input"));
  }

  #opened = () => {
    this.#input.value = this.#text.textContent ?? "";
    this.#heading.hidden = true;
    this.#form.hidden = false;
    this.#input.focus();
    this.#input.select();
  };

  #close() {
    this.#form.hidden = true;
    this.#heading.hidden = false;
  }

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    this.#close();
    this.#text.focus();
  };

  #left = () => {
    if (!this.#form.hidden) this.#save();
  };

  /** @param {Event} event */
  #submitted = (event) => {
    event.preventDefault();
    this.#save();
    this.#text.focus();
  };

  async #save() {
    const title = this.#input.value.trim();
    const before = this.#text.textContent ?? "";
    this.#close();
    if (!title || title === before) return;
    this.show(title);
    try {
      await post(this.dataset.url ?? "", { [this.dataset.field ?? "title"]: title });
    } catch (error) {
      this.show(before);
      toast(sentenceOf(error, this.dataset.failed ?? ""), { danger: true });
    }
  }
}

customElements.define("chat-title", ChatTitle);
export { ChatTitle };
