import { get, post } from "../lib/requests.js";
import { fragment } from "../render.js";
import { toast } from "./chat_toasts.js";

/** The thumbs below an answer: rate it, say why, take it back. */
class ChatRating extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#clicked);
    this.addEventListener("submit", this.#submitted);
    this.addEventListener("keydown", this.#pressed);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#clicked);
    this.removeEventListener("submit", this.#submitted);
    this.removeEventListener("keydown", this.#pressed);
  }

  get #panel() {
    return /** @type {HTMLElement} */ (this.querySelector("[data-rating-panel]"));
  }

  /** @returns {HTMLButtonElement[]} */
  get #thumbs() {
    return [...this.querySelectorAll("button[data-rate]")].filter((node) => node instanceof HTMLButtonElement);
  }

  get #chosen() {
    return this.#thumbs.find((thumb) => thumb.getAttribute("aria-pressed") === "true");
  }

  /** @param {HTMLButtonElement | undefined} chosen */
  #choose(chosen) {
    for (const thumb of this.#thumbs) thumb.setAttribute("aria-pressed", String(thumb === chosen));
  }

  /** @param {MouseEvent} event */
  #clicked = (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (!button) return;
    if (button.dataset.rate) this.#rate(button);
    else if ("ratingWhy" in button.dataset) this.#askWhy(button);
    else if ("ratingRemove" in button.dataset) this.#remove(button.dataset.url ?? "");
    else if ("ratingClose" in button.dataset) this.#close();
  };

  /**
   * Rate; the thumb that is chosen already opens and closes what is said about it.
   *
   * @param {HTMLButtonElement} thumb
   */
  async #rate(thumb) {
    const url = this.dataset.rating ?? "";
    const before = this.#chosen;
    if (thumb === before && !this.#panel.hidden) {
      this.#close();
      return;
    }
    this.#choose(thumb);
    try {
      const answer = await (thumb === before ? get(url) : post(url, { value: thumb.dataset.rate ?? "" }));
      this.#panel.replaceChildren(fragment(await answer.text()));
      this.#panel.hidden = false;
      this.#panel.scrollIntoView({ block: "nearest" });
    } catch {
      this.#choose(before);
      this.#complain();
    }
  }

  /** @param {HTMLButtonElement} button */
  #askWhy(button) {
    const form = this.#panel.querySelector("form");
    if (!form) return;
    form.hidden = false;
    button.remove();
    form.querySelector("input")?.focus({ preventScroll: true });
    this.#panel.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} url */
  async #remove(url) {
    try {
      await post(url);
      this.#close();
      this.#choose(undefined);
    } catch {
      this.#complain();
    }
  }

  /** @param {SubmitEvent} event */
  #submitted = async (event) => {
    event.preventDefault();
    if (!(event.target instanceof HTMLFormElement)) return;
    const values = [...new FormData(event.target)].map(([name, value]) => [name, String(value)]);
    try {
      await post(event.target.action, values);
      this.#close();
      toast(this.dataset.saved ?? "");
    } catch {
      this.#complain();
    }
  };

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (event.key !== "Escape" || this.#panel.hidden) return;
    event.preventDefault();
    this.#close();
  };

  #close() {
    const hadFocus = this.#panel.contains(document.activeElement);
    this.#panel.hidden = true;
    this.#panel.replaceChildren();
    if (hadFocus) (this.#chosen ?? this.#thumbs[0])?.focus({ preventScroll: true });
  }

  #complain() {
    toast(document.querySelector("chat-toasts")?.getAttribute("data-failed") ?? "", { danger: true });
  }
}

customElements.define("chat-rating", ChatRating);
