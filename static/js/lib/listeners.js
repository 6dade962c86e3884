import { csrfToken, RequestFailed } from "./requests.js";
import { Recording } from "./recording.js";
import { SilenceWatch } from "./silence.js";

/** Silence after words: what was said so far goes to the server early, so that its words are there in time. */
export const SILENCE = { earlyMs: 2000, overMs: 3000 };

/**
 * @typedef {object} Hearing
 * @property {(level: number) => void} onLevel how loud it is, from 0 to 1 as a meter shows it
 * @property {() => void} onSilence somebody has spoken and is silent since
 * @property {(words: string) => void} [onWords] what was understood so far
 * @property {(error: unknown) => void} onError it cannot go on
 *
 * @typedef {object} Listener
 * @property {() => Promise<void>} begin
 * @property {() => Promise<string>} finish the words
 * @property {() => void} cancel
 */

/** Records, and has a server write down what is said. */
export class ServerListener {
  #url;
  #hearing;
  #watch = new SilenceWatch(SILENCE);
  /** @type {Recording | null} */
  #recording = null;
  #asked = new AbortController();
  /** Words that were asked for early; null once somebody has gone on. @type {Promise<string> | null} */
  #early = null;
  #writesEarly;

  /**
   * @param {string} url
   * @param {Hearing} hearing
   * @param {boolean} endsInSilence
   */
  constructor(url, hearing, endsInSilence) {
    this.#url = url;
    this.#hearing = hearing;
    this.#writesEarly = endsInSilence;
  }

  async begin() {
    this.#recording = await Recording.begin((level) => this.#heard(level));
  }

  /** @param {number} level */
  #heard(level) {
    // Loudness is heard by ratios: a meter that followed the samples would hardly move.
    this.#hearing.onLevel(Math.min(1, Math.sqrt(level) * 1.6));
    const told = this.#watch.feed(level, performance.now());
    if (told === "early" && this.#writesEarly) this.#early = this.#writeEarly();
    if (told === "resumed") this.#early = null;
    if (told === "over") this.#hearing.onSilence();
  }

  async #writeEarly() {
    const words = this.#write(/** @type {Blob} */ (await this.#recording?.soFar()));
    // What goes wrong is told when the words are wanted.
    words.catch(() => {});
    return words;
  }

  async finish() {
    const early = this.#early;
    const whole = await this.#recording?.finish();
    return early ?? this.#write(/** @type {Blob} */ (whole));
  }

  cancel() {
    this.#asked.abort();
    this.#recording?.cancel();
  }

  /** @param {Blob} sound @returns {Promise<string>} */
  async #write(sound) {
    const headers = { "X-CSRFToken": csrfToken(), Accept: "application/json", "Content-Type": sound.type || "application/octet-stream" };
    const response = await fetch(this.#url, { method: "POST", body: sound, headers, credentials: "same-origin", signal: this.#asked.signal }).catch(() => null);
    const said = await response?.json().catch(() => null);
    if (!response?.ok || typeof said?.text !== "string") throw new RequestFailed(response?.status ?? 0, said?.error);
    return said.text;
  }
}

/** The browser's own, under whichever name it has it. */
function recognitionClass() {
  const { SpeechRecognition, webkitSpeechRecognition } = /** @type {any} */ (globalThis);
  return SpeechRecognition ?? webkitSpeechRecognition;
}

/** Whether this browser can write down what is said. */
export function canRecognise() {
  return Boolean(recognitionClass());
}

/** Lets the browser write down what is said. */
export class BrowserListener {
  #hearing;
  /** @type {any} */
  #recognition = null;
  #words = "";
  #isFinishing = false;
  #timer = 0;
  /** @type {(words: string) => void} */
  #settle = () => {};

  /** @param {Hearing} hearing */
  constructor(hearing) {
    this.#hearing = hearing;
  }

  async begin() {
    const recognition = new (recognitionClass())();
    this.#recognition = recognition;
    recognition.continuous = recognition.interimResults = true;
    recognition.lang = document.documentElement.lang || navigator.language;
    recognition.onresult = (/** @type {any} */ event) => this.#understood(event.results);
    recognition.onerror = ({ error }) => this.#failed(error);
    recognition.onend = () => this.#ended();
    recognition.start();
  }

  /** @param {any} results each with its alternatives, the best first */
  #understood(results) {
    this.#words = [...results].map((result) => result[0].transcript.trim()).join(" ");
    this.#hearing.onWords?.(this.#words);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hearing.onSilence(), SILENCE.overMs);
  }

  /** @param {string} error of the Web Speech API */
  #failed(error) {
    clearTimeout(this.#timer);
    if (error === "aborted" || (error === "no-speech" && this.#isFinishing)) return;
    const names = { "not-allowed": "NotAllowedError", "service-not-allowed": "NotAllowedError", "audio-capture": "NotFoundError", "no-speech": "Silence" };
    this.#hearing.onError(new DOMException(error, names[/** @type {keyof typeof names} */ (error)] ?? "NetworkError"));
  }

  /** It ends by itself after a while, too. */
  #ended() {
    if (this.#isFinishing) this.#settle(this.#words);
    else if (this.#words) this.#hearing.onSilence();
  }

  async finish() {
    clearTimeout(this.#timer);
    this.#isFinishing = true;
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#recognition.stop();
      // One that has ended already does not say so again.
      setTimeout(() => resolve(this.#words), 2000);
    });
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#recognition?.abort();
  }
}
