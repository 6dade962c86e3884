/** The form in which answers are chosen that a model is to make one of. The page asks for it. */
class ChatMerge extends HTMLElement {
  connectedCallback() {
    this.addEventListener("submit", this.#submitted);
    this.addEventListener("change", this.#changed);
  }

  disconnectedCallback() {
    this.removeEventListener("submit", this.#submitted);
    this.removeEventListener("change", this.#changed);
  }

  /** @param {Event} event */
  #submitted = (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const chosen = new FormData(form);
    const answers = chosen.getAll("answer").map(String);
    const isEnough = answers.length >= Number(form.dataset.least);
    this.#refuse(!isEnough);
    if (isEnough) this.dispatchEvent(new CustomEvent("merge-wanted", { bubbles: true, detail: { answers, to: String(chosen.get("model")) } }));
  };

  #changed = () => {
    this.#refuse(false);
  };

  /** @param {boolean} isRefused */
  #refuse(isRefused) {
    /** @type {HTMLElement} */ (this.querySelector("[data-error]")).hidden = !isRefused;
  }
}

customElements.define("chat-merge", ChatMerge);
