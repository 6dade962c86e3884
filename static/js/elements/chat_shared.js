import { get, RequestFailed } from "../lib/requests.js";
import { fragment } from "../render.js";

const LOOK_AGAIN_MS = 5000;

/** @typedef {import("./chat_panel.js").ChatPanel} ChatPanel */

/** A chat of somebody else: its citations open in the panel, and it follows what the owner does with it. */
class ChatShared extends HTMLElement {
  #timer = 0;

  connectedCallback() {
    this.addEventListener("citation-opened", this.#opened);
    document.addEventListener("visibilitychange", this.#look);
    this.#timer = setInterval(this.#look, LOOK_AGAIN_MS);
  }

  disconnectedCallback() {
    this.removeEventListener("citation-opened", this.#opened);
    document.removeEventListener("visibilitychange", this.#look);
    clearInterval(this.#timer);
  }

  /** @param {Event} event */
  #opened = (event) => {
    const { source, opener } = /** @type {CustomEvent} */ (event).detail;
    /** @type {ChatPanel | null} */ (this.querySelector("chat-panel"))?.open(source, opener);
  };

  #look = async () => {
    if (document.hidden) return;
    const messages = /** @type {HTMLElement} */ (this.querySelector("[data-messages]"));
    const seen = messages.querySelector("[data-digest]")?.getAttribute("data-digest") ?? "";
    try {
      const answer = await get(`${this.dataset.url}?seen=${encodeURIComponent(seen)}`);
      const html = await answer.text();
      if (html && this.isConnected) messages.replaceChildren(fragment(html));
    } catch (error) {
      // What is shown stays while the server cannot be reached; it is asked again.
      if (error instanceof RequestFailed && error.status === 404) this.#end();
    }
  };

  /** The owner has taken the link back. */
  #end() {
    clearInterval(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
    /** @type {ChatPanel | null} */ (this.querySelector("chat-panel"))?.close();
    for (const node of this.querySelectorAll("[data-messages], .shared-by, .bar__end")) node.remove();
    /** @type {HTMLElement} */ (this.querySelector("[data-ended]")).hidden = false;
  }
}

customElements.define("chat-shared", ChatShared);
