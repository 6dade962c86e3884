import { get } from "../lib/requests.js";
import { socket } from "../lib/socket.js";
import { fragment } from "../render.js";

/** How the chat of the page is kept: tags in its bar, its folder, and whether it is archived or deleted. Kept fresh. */
class ChatKeeping extends HTMLElement {
  /** A new chat gets an address with its first question. */
  #begun = new MutationObserver(() => this.#refresh());

  connectedCallback() {
    socket.addEventListener("received", this.#received);
    if (this.#page) this.#begun.observe(this.#page, { attributes: true, attributeFilter: ["data-chat"] });
  }

  disconnectedCallback() {
    socket.removeEventListener("received", this.#received);
    this.#begun.disconnect();
  }

  get #page() {
    return /** @type {HTMLElement | null} */ (this.closest("chat-page"));
  }

  get #chat() {
    return this.#page?.dataset.chat ?? "";
  }

  /** @param {Event} event */
  #received = (event) => {
    const said = /** @type {CustomEvent} */ (event).detail;
    if (said.type === "chats.changed") {
      if (!said.chats || said.chats.includes(this.#chat)) this.#refresh();
      this.#refreshList();
    } else if (said.type === "branch.changed" && said.chat === this.#chat && this.firstElementChild) {
      // Asking something brings an archived chat back.
      this.#refresh();
    }
  };

  async #refresh() {
    const page = this.#page;
    const chat = this.#chat;
    if (!page || !chat) return;
    const url = (this.dataset.url ?? "").replace(/[0-9a-f]{8}-[0-9a-f-]{27}/u, chat);
    const answer = await get(url).catch(() => null);
    // What is gone for good has nothing to show; what cannot be asked now is told anew with the next change.
    if (!answer || chat !== this.#chat) return;
    const parts = fragment(await answer.text());
    const places = {
      tags: page.querySelector("[data-chat-tags]"),
      folder: page.querySelector("[data-folder-link]"),
      notice: this,
    };
    for (const [name, place] of Object.entries(places)) {
      place?.replaceChildren(...(parts.querySelector(`[data-part="${name}"]`)?.childNodes ?? []));
    }
    if (places.folder) globalThis.htmx.process(places.folder);
  }

  /** The chats of the folder whose page it is. */
  async #refreshList() {
    const list = /** @type {HTMLElement | null | undefined} */ (this.#page?.querySelector("[data-folder-chats]"));
    if (!list?.dataset.url || this.#chat) return;
    const answer = await get(list.dataset.url).catch(() => null);
    if (!answer) return;
    list.replaceChildren(fragment(await answer.text()));
    globalThis.htmx.process(list);
  }
}

customElements.define("chat-keeping", ChatKeeping);
