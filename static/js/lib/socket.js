const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** Codes the server closes with when trying again is of no use: signed out, or not a member any more. */
const REFUSALS = new Set([4401, 4403]);

/**
 * The connection of this page to the server, made anew when it breaks.
 *
 * Dispatches `opened`, `lost`, `refused` (the person may not be here any more) and, for what the server
 * says, `received` with the event as `detail`.
 * What is sent while the connection is being made waits for it. A request with a `ref` is sent again after
 * every break until the server has answered it: the server carries out the same `ref` only once.
 */
export class ChatSocket extends EventTarget {
  #path;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {object[]} */
  #waiting = [];
  /** Requests that the server has not answered, by `ref`. @type {Map<string, object>} */
  #unanswered = new Map();
  #failures = 0;
  #timer = 0;
  #isWanted = false;

  /** @param {string} path */
  constructor(path) {
    super();
    this.#path = path;
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.retry();
    });
    // A page kept for the back button comes back with its connection closed.
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.retry();
    });
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** How often in a row the connection could not be made. */
  get failures() {
    return this.#failures;
  }

  connect() {
    this.#isWanted = true;
    if (!this.#socket) this.#open();
  }

  /** Try at once instead of waiting for the next attempt. */
  retry() {
    if (!this.#isWanted || this.#socket) return;
    clearTimeout(this.#timer);
    this.#open();
  }

  /**
   * Send an event now, or as soon as there is a connection.
   *
   * @param {{type: string, ref?: string}} event
   */
  send(event) {
    if (event.ref) this.#unanswered.set(event.ref, event);
    if (this.isOpen) this.#socket?.send(JSON.stringify(event));
    else if (!event.ref) this.#waiting.push(event);
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.#path}`);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#failures = 0;
      this.dispatchEvent(new Event("opened"));
      const waiting = [...this.#unanswered.values(), ...this.#waiting];
      this.#waiting = [];
      for (const event of waiting) socket.send(JSON.stringify(event));
    });
    socket.addEventListener("message", ({ data }) => {
      const said = JSON.parse(data);
      this.#unanswered.delete(said.ref);
      this.dispatchEvent(new CustomEvent("received", { detail: said }));
    });
    // An error is always followed by close.
    socket.addEventListener("close", ({ code }) => this.#closed(code));
  }

  /** @param {number} code */
  #closed(code) {
    this.#socket = null;
    if (REFUSALS.has(code)) {
      this.#unanswered.clear();
      this.dispatchEvent(new Event("refused"));
      return;
    }
    this.#failures += 1;
    this.dispatchEvent(new Event("lost"));
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#failures - 1));
    // Pages that lost the same server must not all come back at the same moment.
    this.#timer = setTimeout(() => this.#open(), longest * (0.5 + Math.random() / 2));
  }
}

export const socket = new ChatSocket("/ws/");
