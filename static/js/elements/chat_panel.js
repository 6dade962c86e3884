import { get } from "../lib/requests.js";
import { fragment } from "../render.js";

/** The panel beside the chat (a sheet on phones) that shows what a citation rests on. */
class ChatPanel extends HTMLElement {
  /** @type {Element | null} */
  #opener = null;
  #asked = 0;

  connectedCallback() {
    this.addEventListener("click", this.#clicked);
    document.addEventListener("keydown", this.#pressed);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#clicked);
    document.removeEventListener("keydown", this.#pressed);
  }

  /**
   * Show a passage at once, then with what stands around it.
   *
   * @param {import("../lib/citation_card.js").Source} source
   * @param {Element} opener gets the focus back
   */
  async open(source, opener) {
    this.#opener = opener;
    this.#asked += 1;
    const asked = this.#asked;
    this.#find("[data-panel-name]").textContent = source.name;
    this.#find("[data-panel-page]").textContent = source.page;
    const link = /** @type {HTMLAnchorElement} */ (this.#find("[data-panel-open]"));
    link.hidden = !source.url;
    if (source.url) link.href = source.url;
    const body = this.#find("[data-panel-body]");
    body.replaceChildren(this.#quote(source.text));
    this.hidden = false;
    this.#find("[data-panel-close]").focus({ preventScroll: true });
    if (!source.passageUrl) return;
    const answer = await get(source.passageUrl).catch(() => null);
    const html = await answer?.text().catch(() => "");
    // Without an answer the passage itself, which the page already has, stays.
    if (!html || asked !== this.#asked) return;
    body.replaceChildren(fragment(html));
    body.querySelector("mark")?.scrollIntoView({ block: "center" });
  }

  close() {
    if (this.hidden) return;
    this.#asked += 1;
    this.hidden = true;
    if (this.#opener instanceof HTMLElement && this.#opener.isConnected) this.#opener.focus({ preventScroll: true });
  }

  /** @param {string} text */
  #quote(text) {
    const quote = document.createElement("blockquote");
    quote.className = "panel__quote";
    quote.textContent = text;
    return quote;
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  /** @param {Event} event */
  #clicked = (event) => {
    if (event.target instanceof Element && event.target.closest("[data-panel-close]")) this.close();
  };

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || this.hidden) return;
    // Whatever lies above the panel closes first.
    if (document.querySelector(":popover-open:not(.tooltip, .citation-card), dialog[open]")) return;
    this.close();
  };
}

customElements.define("chat-panel", ChatPanel);
export { ChatPanel };
