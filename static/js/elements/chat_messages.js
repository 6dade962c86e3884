import { appendText, endIn } from "../lib/tail.js";
import { element, fragment } from "../render.js";

/** The branch being shown, perhaps with several answers side by side at its end, and those that are being written in it. */
class ChatMessages extends HTMLElement {
  /** The last event seen of each running generation, to go on from after a break. @type {Map<string, number>} */
  #seen = new Map();

  /** @returns {Record<string, number>} */
  get seen() {
    return Object.fromEntries(this.#seen);
  }

  /** The answers that are being written. @returns {HTMLElement[]} */
  get active() {
    return [...this.querySelectorAll(".message--active[data-generation]")].filter((node) => node instanceof HTMLElement);
  }

  /** @returns {HTMLElement[]} */
  get all() {
    return [...this.querySelectorAll("chat-message")].filter((node) => node instanceof HTMLElement);
  }

  /** Uuid of the message at the end of the branch; null when there is none. @returns {string | null} */
  get last() {
    const columns = this.querySelector("[data-columns]");
    if (columns) return columns.getAttribute("data-current");
    return this.all.map((node) => node.dataset.message).findLast(Boolean) ?? null;
  }

  /** How the answer at the end has ended; empty while one of several is to be chosen. */
  get ended() {
    return this.querySelector("[data-columns]") ? "" : (this.all.at(-1)?.dataset.state ?? "");
  }

  /** @param {string} message */
  find(message) {
    return /** @type {HTMLElement | null} */ (this.querySelector(`#${CSS.escape(`message-${message}`)}`));
  }

  /**
   * Show new messages after one that stays.
   *
   * @param {string | null} after
   * @param {string} html
   * @returns {boolean} false when `after` is not here, or stands beside others, and nothing was changed
   */
  replaceAfter(after, html) {
    const last = after === null ? null : this.find(after);
    if (after !== null && last?.parentElement !== this) return false;
    const following = last ? [...this.children].slice([...this.children].indexOf(last) + 1) : [...this.children];
    // An aside stays where it was said.
    for (const node of following) if (!node.matches("[data-note]")) node.remove();
    this.append(fragment(html));
    return true;
  }

  /** @param {Node} nodes */
  replaceAll(nodes) {
    this.#seen.clear();
    this.replaceChildren(nodes);
  }

  /**
   * Show the end of a branch anew. What goes before it stays if it is here: a message has the same ones above it always.
   *
   * @param {DocumentFragment} nodes
   */
  replaceEnd(nodes) {
    const first = nodes.querySelector("chat-message");
    const here = first && this.querySelector(`:scope > #${CSS.escape(first.id)}`);
    if (!here?.previousElementSibling) {
      this.replaceAll(nodes);
      return;
    }
    this.#seen.clear();
    const earlier = [...this.children];
    const kept = earlier.slice(0, earlier.indexOf(here));
    nodes.querySelector("[data-earlier]")?.remove();
    this.replaceChildren(...kept, nodes);
  }

  /**
   * What tells one state of the end of a branch from another: its messages and whether their answers are finished.
   *
   * @param {Element} end as the server shows it
   * @returns {boolean} whether it is shown here
   */
  shows(end) {
    const first = end.querySelector("chat-message");
    const here = facts(this);
    const at = here.findIndex(({ id }) => id === first?.id);
    return digest(here.slice(Math.max(at, 0))) === digest(facts(end));
  }

  /**
   * Bring one event of a running answer to the page.
   *
   * @param {any} event
   * @returns {string} text to be read out, often empty
   */
  apply(event) {
    const message = this.find(event.message);
    if (!message) return "";
    // After a reset the numbers may start anew; anything else that is old has been seen.
    if (event.type !== "answer.reset" && event.seq <= (this.#seen.get(event.generation) ?? -1)) return "";
    this.#seen.set(event.generation, event.seq);
    if (event.type === "generation.ended") return this.#end(message, event);
    if (event.type === "generation.progressed") return this.#progress(message, event.text);
    return this.#write(message, event);
  }

  /**
   * Show questions to go on with below an answer, in the place of those that are there.
   *
   * @param {{message: string, html: string}} suggested
   */
  showFollowUps({ message, html }) {
    const answer = this.find(message);
    answer?.querySelector(":scope > .follow-ups")?.remove();
    answer?.append(fragment(html));
  }

  /**
   * @param {HTMLElement} message
   * @param {string} text
   */
  #progress(message, text) {
    const line = message.querySelector("[data-progress-text]");
    if (line) line.textContent = text;
    return "";
  }

  /**
   * @param {HTMLElement} message
   * @param {any} event
   */
  #write(message, event) {
    const blocks = message.querySelector("[data-blocks]");
    const tail = message.querySelector("[data-tail]");
    if (!blocks || !tail) return "";
    message.querySelector("[data-progress]")?.remove();
    if (event.type === "text.added") {
      appendText(tail, event.text);
      return "";
    }
    if (event.type === "tail.changed") {
      tail.replaceChildren(fragment(event.html));
      endIn(tail, event.space);
      return "";
    }
    if (event.type === "answer.reset") {
      blocks.replaceChildren(fragment(event.blocks.join("")));
      tail.replaceChildren(fragment(event.tail));
      endIn(tail, "");
      return "";
    }
    const finished = fragment(event.html);
    const words = finished.textContent ?? "";
    blocks.append(finished);
    tail.replaceChildren();
    endIn(tail, "");
    return words;
  }

  /**
   * @param {HTMLElement} message
   * @param {any} event
   */
  #end(message, event) {
    this.#seen.delete(event.generation);
    // A chat that is opened hears of all ends of the last minute. What shows one already keeps its focus and selection.
    if (message.dataset.state === event.state) return "";
    const words = message.querySelector("[data-tail]")?.textContent ?? "";
    const stored = element(event.html);
    if (stored) message.replaceWith(stored);
    const error = stored?.querySelector(".message__error .notice__title")?.textContent ?? "";
    return `${words} ${error}`.trim();
  }
}

/** @param {Element} messages */
function facts(messages) {
  return [...messages.querySelectorAll("chat-message, [data-columns]")].map((node) => {
    const state = node.classList.contains("message--active") ? "active" : node.getAttribute("data-state");
    return { id: node.id, state, endsContext: node.hasAttribute("data-ends-context") };
  });
}

/** @param {{id: string, state: string | null, endsContext: boolean}[]} all */
function digest(all) {
  return all.map(({ id, state, endsContext }) => `${id} ${state} ${endsContext}`).join();
}

customElements.define("chat-messages", ChatMessages);
export { ChatMessages };
