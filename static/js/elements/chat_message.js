import { hideCard, showCard, sourceOf } from "../lib/citation_card.js";
import { copyText } from "../lib/clipboard.js";
import { copyPlainText } from "../lib/plain_text.js";
import { fitHeight, isPlainEnter } from "../lib/text_area.js";
import { copyOf } from "../render.js";

const CONFIRMED_MS = 1600;

/** One message: what its buttons and its menu do, and opening what it cites and how that was found. */
class ChatMessage extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#clicked);
    this.addEventListener("pointerover", this.#pointed);
    this.addEventListener("pointerout", hideCard);
    this.addEventListener("focusin", this.#focused);
    this.addEventListener("focusout", hideCard);
    this.addEventListener("scroll", this.#scrolled, true);
  }

  disconnectedCallback() {
    hideCard();
    this.removeEventListener("click", this.#clicked);
    this.removeEventListener("pointerover", this.#pointed);
    this.removeEventListener("pointerout", hideCard);
    this.removeEventListener("focusin", this.#focused);
    this.removeEventListener("focusout", hideCard);
    this.removeEventListener("scroll", this.#scrolled, true);
  }

  /** As it was written: the Markdown of an answer, the text of a person. */
  get text() {
    const template = this.querySelector(":scope > template[data-text]");
    return template instanceof HTMLTemplateElement ? (template.content.textContent ?? "") : "";
  }

  /** @param {string} [content] what to start from, when it is not the message as it stands */
  edit(content = this.text) {
    if (this.querySelector(".message__editor")) return;
    const template = this.closest("chat-page")?.querySelector("template[data-editor]");
    const bubble = this.querySelector(".message__bubble");
    if (!(template instanceof HTMLTemplateElement) || !bubble) return;
    const form = copyOf(template);
    const area = /** @type {HTMLTextAreaElement} */ (form.querySelector("textarea"));
    area.value = content;
    area.addEventListener("input", () => fitHeight(area));
    area.addEventListener("keydown", (event) => this.#pressedInEditor(event));
    form.querySelector("[data-cancel]")?.addEventListener("click", () => this.#closeEditor());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(area.value);
    });
    bubble.after(form);
    this.classList.add("message--edited");
    fitHeight(area);
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }

  /** @param {KeyboardEvent} event */
  #pressedInEditor(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      this.#closeEditor();
    } else if (isPlainEnter(event)) {
      event.preventDefault();
      this.querySelector("form")?.requestSubmit();
    }
  }

  /** @param {string} content */
  #submit(content) {
    if (!content.trim()) return;
    this.#closeEditor();
    this.#tell("message-edited", { content });
  }

  #closeEditor() {
    this.querySelector(".message__editor")?.remove();
    this.classList.remove("message--edited");
    const button = this.querySelector('[data-action="edit"]');
    if (button instanceof HTMLElement) button.focus({ preventScroll: true });
  }

  /** @param {MouseEvent} event */
  #clicked = (event) => {
    if (!(event.target instanceof Element)) return;
    const citation = event.target.closest("[data-citation]");
    if (citation) {
      hideCard();
      const source = sourceOf(citation);
      if (source) this.#tell("citation-opened", { source, opener: citation });
      return;
    }
    const search = event.target.closest("[data-trace]");
    if (search instanceof HTMLElement) this.#openPanel(search.dataset.trace ?? "", search, search);
    const button = event.target.closest("button[data-action]");
    if (!(button instanceof HTMLButtonElement)) return;
    this.act(button.dataset.action ?? "", button, button);
  };

  /**
   * Do what a button below the message, or an item of its menu, is for.
   *
   * @param {string} action
   * @param {HTMLElement} item what was pressed; its `data-url` is the message's
   * @param {HTMLElement} button the same, or for an item of the menu what opened that
   */
  act(action, item, button) {
    const url = item.dataset.url ?? "";
    if (action === "copy") this.#copy(button);
    else if (action === "copy-plain") copyPlainText(url, button);
    else if (action === "open") this.#openPanel(url, item, button);
    else if (action === "edit") this.edit();
    else if (action === "unfold") this.#fold(this.classList.contains("message--unfolded"));
    else if (action === "picture") this.#tell("picture-wanted", { text: this.text });
    else if (action === "regenerate") this.#tell("answer-wanted", {});
    else if (action === "read") this.#tell("read-wanted", {});
    else if (action === "stop") this.#stop(button);
    else if (["fork", "delete", "delete-branch"].includes(action)) this.#tell("tree-action-wanted", { action, url });
    else if (action === "show") this.#tell("sibling-wanted", { url, to: button.dataset.to });
  }

  /** A long question shows its beginning, or all of it. @param {boolean} isFolded */
  #fold(isFolded) {
    const button = this.querySelector(":scope > .message__unfold");
    if (!(button instanceof HTMLElement) || this.classList.contains("message--unfolded") !== isFolded) return;
    this.classList.toggle("message--unfolded", !isFolded);
    button.setAttribute("aria-expanded", String(!isFolded));
    [button.textContent, button.dataset.other] = [button.dataset.other ?? "", button.textContent ?? ""];
    // Its end is far above now.
    if (isFolded) button.scrollIntoView({ block: "nearest" });
  }

  /** Something in the folded part was found, and the browser has brought it there. @param {Event} event */
  #scrolled = (event) => {
    const bubble = event.target;
    if (!(bubble instanceof HTMLElement) || !bubble.matches(".message__bubble--long") || !bubble.scrollTop) return;
    const offset = bubble.scrollTop;
    this.#fold(false);
    bubble.scrollTop = 0;
    this.closest(".chat__scroll")?.scrollBy({ top: offset, behavior: "instant" });
  };

  /**
   * @param {string} url
   * @param {HTMLElement} item its words are the title
   * @param {HTMLElement} opener
   */
  #openPanel(url, item, opener) {
    this.#tell("panel-wanted", { url, name: item.textContent?.trim() ?? "", opener });
  }

  /** @param {HTMLElement} button */
  #stop(button) {
    button.setAttribute("disabled", "");
    this.#tell("stop-wanted", { generation: this.dataset.generation });
  }

  /** @param {HTMLElement} button */
  async #copy(button) {
    if (!(await copyText(this.text))) return;
    const label = button.dataset.tooltip ?? "";
    button.classList.add("icon-button--done");
    button.setAttribute("aria-label", button.dataset.done ?? label);
    setTimeout(() => {
      button.classList.remove("icon-button--done");
      button.setAttribute("aria-label", label);
    }, CONFIRMED_MS);
  }

  /** @param {Event} event */
  #citationAt(event) {
    return event.target instanceof Element ? event.target.closest("[data-citation]") : null;
  }

  /** @param {PointerEvent} event */
  #pointed = (event) => {
    const citation = this.#citationAt(event);
    if (citation && event.pointerType === "mouse") showCard(citation);
  };

  /** @param {Event} event */
  #focused = (event) => {
    const citation = this.#citationAt(event);
    if (citation?.matches(":focus-visible")) showCard(citation);
  };

  /**
   * @param {string} name
   * @param {object} detail
   */
  #tell(name, detail) {
    const message = this.dataset.message;
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: { message, ...detail } }));
  }
}

customElements.define("chat-message", ChatMessage);
export { ChatMessage };
