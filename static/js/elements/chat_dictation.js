import { BrowserListener, canRecognise, ServerListener } from "../lib/listeners.js";
import { mayRecord } from "../lib/recording.js";
import { RequestFailed, sentenceOf } from "../lib/requests.js";

/** Pressed for longer, the button is held: letting go ends what is said. */
const HELD_MS = 400;

/** @typedef {"idle" | "starting" | "listening" | "writing"} State */

/** The microphone of the composer: tap and talk, or hold and talk; the words come where the caret is. */
class ChatDictation extends HTMLElement {
  /** @type {State} */
  #state = "idle";
  /** @type {import("../lib/listeners.js").Listener | null} */
  #listener = null;
  #pressedAt = 0;
  #begunAt = 0;
  #clock = 0;

  connectedCallback() {
    this.hidden = !this.#hasServer && !(this.#mayUseBrowser && canRecognise());
    this.#button.addEventListener("pointerdown", this.#pressed);
    this.#button.addEventListener("click", this.#clicked);
    this.#button.addEventListener("contextmenu", this.#held);
    document.addEventListener("pointerup", this.#released);
    document.addEventListener("keydown", this.#typed);
    this.#bar.addEventListener("click", this.#chosen);
  }

  disconnectedCallback() {
    document.removeEventListener("pointerup", this.#released);
    document.removeEventListener("keydown", this.#typed);
    this.#cancel();
  }

  get #hasServer() {
    return Boolean(this.dataset.recordingsUrl);
  }

  get #mayUseBrowser() {
    return "usesBrowser" in this.dataset;
  }

  get #sends() {
    return "sends" in this.dataset;
  }

  get #composer() {
    return /** @type {import("./chat_composer.js").ChatComposer} */ (this.closest("chat-composer"));
  }

  get #button() {
    return /** @type {HTMLButtonElement} */ (this.querySelector("[data-talk]"));
  }

  /** What is shown while somebody talks. */
  get #bar() {
    return /** @type {HTMLElement} */ (this.#composer.querySelector("[data-dictation]"));
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.#bar.querySelector(`[data-${name}]`));
  }

  // ---- what people press ---------------------------------------------------------------------------

  /** @param {PointerEvent} event */
  #pressed = (event) => {
    if (event.button !== 0) return;
    this.#pressedAt = this.#state === "idle" ? performance.now() : 0;
    if (this.#state === "idle") this.#begin();
    else if (this.#state === "listening") this.#finish();
  };

  #released = () => {
    const isHeld = this.#pressedAt > 0 && performance.now() - this.#pressedAt > HELD_MS;
    this.#pressedAt = 0;
    if (isHeld && this.#state === "listening") this.#finish();
    else if (isHeld && this.#state === "starting") this.#cancel();
  };

  /** A key presses without a pointer. @param {MouseEvent} event */
  #clicked = (event) => {
    if (event.detail !== 0) return;
    if (this.#state === "idle") this.#begin();
    else if (this.#state === "listening") this.#finish();
  };

  /** Holding a finger on it is no wish for a menu. @param {Event} event */
  #held = (event) => event.preventDefault();

  /** @param {KeyboardEvent} event */
  #typed = (event) => {
    if (event.key !== "Escape" || this.#state === "idle" || event.defaultPrevented) return;
    event.preventDefault();
    this.#cancel();
    this.#composer.focusText();
  };

  /** @param {MouseEvent} event */
  #chosen = (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-finish]")) this.#finish();
    else if (event.target.closest("[data-cancel]")) {
      this.#cancel();
      this.#composer.focusText();
    }
  };

  // ---- listening -------------------------------------------------------------------------------------

  async #begin() {
    this.#composer.complain("");
    if (!mayRecord()) {
      this.#composer.complain(this.dataset.insecure ?? "");
      return;
    }
    this.#show("starting");
    this.dispatchEvent(new CustomEvent("dictation-begun", { bubbles: true }));
    const listener = this.#makeListener();
    this.#listener = listener;
    try {
      await listener.begin();
    } catch (error) {
      if (this.#listener === listener) this.#failed(error);
      return;
    }
    if (this.#listener !== listener) {
      // It was cancelled while the browser asked for the microphone.
      listener.cancel();
      return;
    }
    this.#begunAt = performance.now();
    this.#clock = setInterval(() => this.#tick(), 250);
    this.#show("listening");
  }

  #makeListener() {
    const hearing = {
      onLevel: (/** @type {number} */ level) => this.#part("level").style.setProperty("--level", level.toFixed(2)),
      onWords: (/** @type {string} */ words) => (this.#part("understood").textContent = words),
      onSilence: () => this.#silent(),
      onError: (/** @type {unknown} */ error) => this.#failed(error),
    };
    return this.#hasServer ? new ServerListener(this.dataset.recordingsUrl ?? "", hearing, this.#sends) : new BrowserListener(hearing);
  }

  #tick() {
    const seconds = Math.floor((performance.now() - this.#begunAt) / 1000);
    this.#part("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds >= Number(this.dataset.maxSeconds)) this.#finish();
  }

  #silent() {
    if (this.#sends && this.#state === "listening" && !this.#pressedAt) this.#finish({ isSent: true });
  }

  /** @param {{isSent?: boolean}} [how] */
  async #finish({ isSent = false } = {}) {
    const listener = this.#listener;
    if (!listener || this.#state !== "listening") return;
    this.#show("writing");
    try {
      const words = await listener.finish();
      if (this.#listener !== listener) return;
      if (!words) throw new DOMException("no words", "Silence");
      this.#end();
      this.#composer.insert(words);
      if (isSent) this.#composer.send();
    } catch (error) {
      if (this.#listener === listener) this.#failed(error);
    }
  }

  #cancel() {
    const listener = this.#listener;
    this.#end();
    listener?.cancel();
  }

  /** @param {unknown} error */
  #failed(error) {
    this.#cancel();
    this.#composer.complain(this.#sentenceFor(error));
  }

  /** @param {unknown} error */
  #sentenceFor(error) {
    const { denied = "", missing = "", busy = "", silence = "", offline = "", failed = "" } = this.dataset;
    if (error instanceof RequestFailed) return sentenceOf(error, error.status ? failed : offline);
    const sentences = { NotAllowedError: denied, NotFoundError: missing, NotReadableError: busy, Silence: silence, NetworkError: offline };
    const name = error instanceof DOMException ? error.name : "";
    return sentences[/** @type {keyof typeof sentences} */ (name)] ?? failed;
  }

  #end() {
    this.#listener = null;
    clearInterval(this.#clock);
    this.#show("idle");
  }

  /** @param {State} state */
  #show(state) {
    this.#state = state;
    this.#bar.hidden = state === "idle";
    this.#bar.dataset.state = state;
    this.#button.setAttribute("aria-pressed", String(state === "starting" || state === "listening"));
    this.#part("saying").textContent = { idle: "", starting: this.dataset.starting, listening: this.dataset.listening, writing: this.dataset.writing }[state] ?? "";
    this.#part("finish").hidden = state !== "listening";
    if (state !== "idle") return;
    this.#part("time").textContent = this.#part("understood").textContent = "";
    this.#part("level").style.setProperty("--level", "0");
  }
}

customElements.define("chat-dictation", ChatDictation);
