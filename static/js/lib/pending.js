/**
 * @typedef {object} Pending
 * @property {"send" | "edit" | "regenerate"} kind
 * @property {string} content
 * @property {import("./drafts.js").DraftDocument[]} documents
 * @property {string} message the message that was edited or answered anew, empty otherwise
 * @property {Set<string>} known uuids of what was there before: messages, or chats for a new one
 * @property {boolean} isUncertain the connection broke after it was sent
 */

/** What this page has asked for and not heard of yet, by `ref`. */
export class PendingRequests {
  /** @type {Map<string, Pending>} */
  #requests = new Map();

  get size() {
    return this.#requests.size;
  }

  /**
   * @param {string} ref
   * @param {Pending} request
   */
  add(ref, request) {
    this.#requests.set(ref, request);
  }

  /**
   * Take a request out: it has been answered.
   *
   * @param {string | undefined} ref
   * @returns {Pending | undefined}
   */
  settle(ref) {
    if (ref === undefined) return undefined;
    const request = this.#requests.get(ref);
    this.#requests.delete(ref);
    return request;
  }

  /**
   * The connection broke: what had left this page may or may not have arrived.
   *
   * @param {(ref: string) => boolean} isStillHere
   */
  doubt(isStillHere) {
    for (const [ref, request] of this.#requests) {
      if (!isStillHere(ref)) request.isUncertain = true;
    }
  }

  /** @returns {Pending[]} */
  takeUncertain() {
    const taken = [...this.#requests].filter(([, request]) => request.isUncertain);
    for (const [ref] of taken) this.#requests.delete(ref);
    return taken.map(([, request]) => request);
  }
}
