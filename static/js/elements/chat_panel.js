import { get } from "../lib/requests.js";
import { copyOf, fragment } from "../render.js";

/** The panel beside the chat (a sheet on phones): what a citation rests on, and what the server tells of an answer. */
class ChatPanel extends HTMLElement {
  /** @type {Element | null} */
  #opener = null;
  #asked = 0;
  /** Address of what is shown; empty for a passage. */
  #address = "";

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
    this.#address = "";
    this.#show(source, opener);
    const asked = this.#asked;
    const body = this.#find("[data-panel-body]");
    body.replaceChildren(this.#quote(source.text));
    if (!source.passageUrl) return;
    const answer = await get(source.passageUrl).catch(() => null);
    const html = await answer?.text().catch(() => "");
    // Without an answer the passage itself, which the page already has, stays.
    if (!html || asked !== this.#asked) return;
    body.replaceChildren(fragment(html));
    body.querySelector("mark")?.scrollIntoView({ block: "center" });
  }

  /**
   * Show something that the server tells of an answer, or takes for the chat.
   *
   * @param {string} url
   * @param {string} name the title
   * @param {Element} opener gets the focus back
   */
  async openAddress(url, name, opener) {
    this.#address = url;
    this.#show({ name, page: "", url: "" }, opener);
    await this.#load();
  }

  async #load() {
    const asked = this.#asked;
    const body = this.#find("[data-panel-body]");
    body.replaceChildren(this.#copy("[data-panel-loading]"));
    const answer = await get(this.#address).catch(() => null);
    const html = await answer?.text().catch(() => "");
    if (asked !== this.#asked) return;
    body.replaceChildren(html ? fragment(html) : this.#copy("[data-panel-failure]"));
    globalThis.htmx.process(body);
    body.scrollTop = 0;
  }

  /**
   * @param {{name: string, page: string, url: string}} head
   * @param {Element} opener
   */
  #show(head, opener) {
    this.#opener = opener;
    this.#asked += 1;
    this.#find("[data-panel-name]").textContent = head.name;
    this.#find("[data-panel-page]").textContent = head.page;
    const link = /** @type {HTMLAnchorElement} */ (this.#find("[data-panel-open]"));
    link.hidden = !head.url;
    if (head.url) link.href = head.url;
    this.hidden = false;
    this.#find("[data-panel-close]").focus({ preventScroll: true });
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

  /** @param {string} selector names a <template> */
  #copy(selector) {
    return copyOf(/** @type {HTMLTemplateElement} */ (this.querySelector(selector)));
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  /** @param {Event} event */
  #clicked = (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-panel-close]")) this.close();
    if (!event.target.closest("[data-panel-retry]")) return;
    // The button goes away with the notice it stands in.
    this.#find("[data-panel-close]").focus({ preventScroll: true });
    this.#load();
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
