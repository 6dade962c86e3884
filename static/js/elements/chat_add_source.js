import { Completion } from "../lib/completion.js";
import { documentSource } from "../lib/document_completion.js";
import { post, sentenceOf } from "../lib/requests.js";

/** A field that finds documents and knowledge by name, and adds what is picked to the folder of this page. */
class ChatAddSource extends HTMLElement {
  /** @type {Completion | null} */
  #completion = null;

  connectedCallback() {
    const panel = this.#find("[data-completion]");
    this.#completion ??= new Completion({
      panel,
      area: this.#field,
      template: /** @type {HTMLTemplateElement} */ (this.querySelector("template[data-option]")),
      isBare: true,
      sources: [
        documentSource({
          url: this.dataset.searchUrl ?? "",
          label: panel.dataset.label ?? "",
          none: panel.dataset.none ?? "",
          isBare: true,
          onPick: (source) => this.#add(source),
        }),
      ],
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
