import { DocumentCompletion } from "../lib/document_completion.js";
import { post, sentenceOf } from "../lib/requests.js";

/** A field that finds documents and knowledge by name, and adds what is picked to the folder of this page. */
class ChatAddSource extends HTMLElement {
  /** @type {DocumentCompletion | null} */
  #completion = null;

  connectedCallback() {
    this.#completion ??= new DocumentCompletion({
      panel: this.#find("[data-completion]"),
      area: this.#field,
      template: /** @type {HTMLTemplateElement} */ (this.querySelector("template[data-option]")),
      url: this.dataset.searchUrl ?? "",
      isBare: true,
      onPick: (source) => this.#add(source),
      onAddress: () => {},
    });
    this.#field.addEventListener("keydown", this.#pressed);
  }

  disconnectedCallback() {
    this.#field.removeEventListener("keydown", this.#pressed);
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  get #field() {
    return /** @type {HTMLInputElement} */ (this.#find("input"));
  }

  #pressed = (/** @type {KeyboardEvent} */ event) => {
    this.#completion?.press(event);
  };

  /** @param {import("../lib/drafts.js").DraftDocument} source */
  async #add({ uuid, kind }) {
    this.#say("");
    try {
      await post(this.dataset.url ?? "", { [kind === "knowledge" ? "knowledge" : "document"]: uuid });
      document.body.dispatchEvent(new CustomEvent("documents-changed"));
    } catch (error) {
      this.#say(sentenceOf(error, this.dataset.failed ?? ""));
    }
  }

  /** @param {string} sentence */
  #say(sentence) {
    const place = this.#find("[data-error]");
    place.textContent = sentence;
    place.hidden = !sentence;
  }
}

customElements.define("chat-add-source", ChatAddSource);
