import { RowActions } from "../lib/row_actions.js";

/** A list of chats in a page, with the same menus as in the sidebar. */
class ChatRows extends HTMLElement {
  connectedCallback() {
    // Whatever is deleted here, this page stays; its rows are only hidden, and shown again by undo.
    new RowActions(this, { onDeletedPage: () => {}, onBroughtBack: async () => {} });
  }
}

customElements.define("chat-rows", ChatRows);
