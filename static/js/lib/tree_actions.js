import { toast } from "../elements/chat_toasts.js";
import { post, sentenceOf } from "./requests.js";

/**
 * What the menu of a message does to the tree of its chat: go on in a chat of its own, delete, bring back.
 *
 * The words stand on <chat-message-menu>.
 */
export class TreeActions {
  #show;

  /** @param {(html: string) => void} show the branch as it is now */
  constructor(show) {
    this.#show = show;
  }

  get #words() {
    return /** @type {HTMLElement} */ (document.querySelector("chat-message-menu")).dataset;
  }

  /** @param {string} url */
  async fork(url) {
    try {
      const answer = await post(url);
      location.assign(answer.headers.get("Location") ?? location.href);
    } catch (error) {
      this.#complain(error, this.#words.forkFailed);
    }
  }

  /**
   * @param {string} url
   * @param {boolean} withBranch with all that was said below it
   */
  async delete(url, withBranch) {
    try {
      const answer = await post(url, withBranch ? { with_branch: "1" } : {});
      const undo = answer.headers.get("Undo-Location") ?? "";
      this.#show(await answer.text());
      const said = withBranch ? this.#words.deletedWithBranch : this.#words.deleted;
      toast(said ?? "", { action: { label: this.#words.undo ?? "", run: () => this.#undo(undo) } });
    } catch (error) {
      this.#complain(error, this.#words.deleteFailed);
    }
  }

  /** @param {string} url */
  async #undo(url) {
    try {
      const answer = await post(url);
      this.#show(await answer.text());
    } catch (error) {
      this.#complain(error, this.#words.undoFailed);
    }
  }

  /**
   * @param {unknown} error
   * @param {string} [general]
   */
  #complain(error, general = "") {
    toast(sentenceOf(error, general), { danger: true });
  }
}
