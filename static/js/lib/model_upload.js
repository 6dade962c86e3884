import { csrfToken } from "./requests.js";
import { hex, sha256 } from "./sha256.js";

const AT_ONCE = 2;
const LONGEST_WAIT_MS = 30_000;
const MAX_DAMAGED = 5;

/**
 * @typedef {{id: string, size_bytes: number, chunk_bytes: number, digests: string[]}} Begun
 * @typedef {{is_finished: boolean, checked_bytes: number, sha256: string, models: string[]}} Check
 * @typedef {"comparing" | "sending" | "paused" | "waiting" | "checking"} Phase
 * @typedef {{phase: Phase, done: number, total: number, sent: number}} Progress `sent` went over the line in this run
 */

/** The server said no, in its sentence; trying the same again is of no use. */
export class UploadRefused extends Error {
  /**
   * @param {number} status
   * @param {string} sentence
   */
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/**
 * One model file on its way to the server, in chunks that are hashed here and checked there. What the server has
 * already is compared and not sent again. A line that breaks is tried until it works.
 */
export class ModelUpload {
  #file;
  #beginUrl;
  #onProgress;
  #stop = new AbortController();
  /** @type {(() => void) | null} */
  #resume = null;
  /** @type {Promise<void> | null} */
  #pause = null;
  /** @type {Begun | null} */
  #begun = null;
  #next = 0;
  #done = 0;
  #sent = 0;
  #nWaiting = 0;
  #nDamaged = 0;
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #digests = [];

  /**
   * @param {File} file
   * @param {string} beginUrl
   * @param {(progress: Progress) => void} onProgress
   */
  constructor(file, beginUrl, onProgress) {
    this.#file = file;
    this.#beginUrl = beginUrl;
    this.#onProgress = onProgress;
  }

  get isPaused() {
    return this.#pause !== null;
  }

  /**
   * Send what is missing and let the server check the whole.
   *
   * @returns {Promise<Check>}
   * @throws {UploadRefused} and AbortError after `cancel`
   */
  async run() {
    for (;;) {
      await this.#begin();
      await Promise.all(Array.from({ length: AT_ONCE }, () => this.#work()));
      const check = await this.#check();
      if (check) return check;
    }
  }

  pause() {
    this.#pause ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
    this.#tell("paused");
  }

  resume() {
    this.#pause = null;
    this.#resume?.();
    this.#tell("sending");
  }

  /** Stop, and let the server throw away what it has. */
  async cancel() {
    this.#stop.abort();
    this.resume();
    if (this.#begun) await fetch(this.#url("remove/"), this.#post()).catch(() => null);
  }

  async #begin() {
    const { name, size, lastModified } = this.#file;
    const facts = new URLSearchParams({ name, size: String(size), modified: String(lastModified) });
    this.#begun = await this.#ask(this.#beginUrl, { body: facts });
    this.#next = this.#done = 0;
    this.#digests = [];
    this.#tell("comparing");
  }

  async #work() {
    const { digests, chunk_bytes: length } = /** @type {Begun} */ (this.#begun);
    while (this.#next < digests.length) {
      await this.#pause;
      this.#stop.signal.throwIfAborted();
      const index = this.#next;
      if (index >= digests.length) return;
      this.#next += 1;
      const data = await this.#file.slice(index * length, (index + 1) * length).arrayBuffer();
      const digest = await sha256(data);
      this.#digests[index] = digest;
      const isThere = digests[index] === hex(digest);
      if (!isThere) await this.#send(index, data, hex(digest));
      this.#done += data.byteLength;
      this.#tell(isThere && !this.#sent ? "comparing" : "sending");
    }
  }

  /**
   * @param {number} index
   * @param {ArrayBuffer} data
   * @param {string} digest
   */
  async #send(index, data, digest) {
    const headers = { "Content-Type": "application/octet-stream", "Chunk-SHA256": digest };
    for (;;) {
      try {
        await this.#ask(this.#url(`chunks/${index}/`), { body: data, headers });
        this.#sent += data.byteLength;
        return;
      } catch (error) {
        this.#countDamage(error);
      }
    }
  }

  /** @returns {Promise<Check | null>} null when the server found a chunk damaged, which is to be sent again */
  async #check() {
    const digests = await new Blob(this.#digests).arrayBuffer();
    const body = new URLSearchParams({ digest: hex(await sha256(digests)) });
    for (;;) {
      try {
        /** @type {Check} */
        const check = await this.#ask(this.#url("finish/"), { body });
        if (check.is_finished) return check;
        this.#done = check.checked_bytes;
        this.#tell("checking");
      } catch (error) {
        this.#countDamage(error);
        return null;
      }
    }
  }

  /** @param {unknown} error */
  #countDamage(error) {
    this.#nDamaged += 1;
    if (!(error instanceof UploadRefused) || error.status !== 422 || this.#nDamaged > MAX_DAMAGED) throw error;
  }

  /**
   * Ask until an answer comes.
   *
   * @param {string} url
   * @param {{body: BodyInit, headers?: Record<string, string>}} options
   * @returns {Promise<any>}
   */
  async #ask(url, { body, headers = {} }) {
    for (let attempt = 0; ; attempt += 1) {
      this.#stop.signal.throwIfAborted();
      const response = await fetch(url, { ...this.#post(headers), body, signal: this.#stop.signal }).catch(() => null);
      this.#stop.signal.throwIfAborted();
      if (response?.redirected) throw new UploadRefused(401, "");
      if (response && response.status < 500) return answer(response);
      if (response?.status === 507) return answer(response);
      await this.#wait(attempt);
    }
  }

  /** @param {number} attempt */
  async #wait(attempt) {
    this.#nWaiting += 1;
    this.#tell("waiting");
    const { signal } = this.#stop;
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(LONGEST_WAIT_MS, 1000 * 2 ** attempt));
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve(null)), { once: true });
      addEventListener("online", resolve, { once: true });
    });
    this.#nWaiting -= 1;
  }

  /** @param {Record<string, string>} [headers] */
  #post(headers = {}) {
    return {
      method: "POST",
      credentials: /** @type {const} */ ("same-origin"),
      headers: { Accept: "application/json", "X-CSRFToken": csrfToken(), ...headers },
    };
  }

  /** @param {string} path */
  #url(path) {
    return this.#beginUrl.replace(/begin\/$/, `${this.#begun?.id}/${path}`);
  }

  /** @param {Phase} phase */
  #tell(phase) {
    const shown = this.isPaused ? "paused" : this.#nWaiting ? "waiting" : phase;
    this.#onProgress({ phase: shown, done: this.#done, total: this.#file.size, sent: this.#sent });
  }
}

/** @param {Response} response */
async function answer(response) {
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new UploadRefused(response.status, said.error ?? "");
  return said;
}
