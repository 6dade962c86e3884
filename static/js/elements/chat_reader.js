import { Reading } from "../lib/reading.js";
import { sentenceOf } from "../lib/requests.js";
import { canSpeak, speakerFor } from "../lib/speakers.js";
import { spokenUnits } from "../lib/spoken_text.js";
import { toast } from "./chat_toasts.js";

/** What brings an answer: after it, the answer is read by itself to those who want that. */
const ASKED = ["message-composed", "message-edited", "answer-wanted"];
const MARK = "spoken";

/** Reads answers of the page aloud, one at a time, and says which. */
class ChatReader extends HTMLElement {
  /** @type {Reading | null} */
  #reading = null;
  /** Uuid of the message that is read. */
  #message = "";
  /** Somebody has asked here, and the answer is to be read as it comes. */
  #isDue = false;
  #observer = new MutationObserver(() => this.#changed());

  connectedCallback() {
    const page = this.#page;
    page?.addEventListener("read-wanted", this.#wanted);
    page?.addEventListener("dictation-begun", this.#stopped);
    for (const name of ASKED) page?.addEventListener(name, this.#asked);
    this.addEventListener("click", this.#pressed);
    document.addEventListener("keydown", this.#typed);
    page?.toggleAttribute("data-mute", !canSpeak(this.dataset.sayUrl ?? ""));
    const messages = page?.querySelector("chat-messages, [data-messages]");
    if (messages) this.#observer.observe(messages, { childList: true, subtree: true, characterData: true });
  }

  disconnectedCallback() {
    for (const name of ASKED) this.#page?.removeEventListener(name, this.#asked);
    document.removeEventListener("keydown", this.#typed);
    this.#observer.disconnect();
    this.#reading?.stop();
  }

  get #page() {
    return this.closest("chat-page, chat-shared");
  }

  #speaker() {
    const { sayUrl = "", voice = "", speed = "1" } = this.dataset;
    return speakerFor({ url: sayUrl, voice, speed: Number(speed) });
  }

  /** @param {string} message */
  #find(message) {
    return this.#page?.querySelector(`#${CSS.escape(`message-${message}`)}`) ?? null;
  }

  /** @param {Event} event */
  #wanted = (event) => {
    const { message } = /** @type {CustomEvent} */ (event).detail;
    const isRead = message === this.#message;
    this.#reading?.stop();
    if (!isRead) this.#read(message);
  };

  #asked = () => {
    if (!("readsAloud" in this.dataset)) return;
    this.#reading?.stop();
    this.#isDue = true;
  };

  #stopped = () => this.#reading?.stop();

  /** @param {MouseEvent} event */
  #pressed = (event) => {
    if (event.target instanceof Element && event.target.closest("[data-stop-reading]")) this.#reading?.stop();
  };

  /** @param {KeyboardEvent} event */
  #typed = (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) this.#reading?.stop();
  };

  /** @param {string} message */
  #read(message) {
    if (!canSpeak(this.dataset.sayUrl ?? "")) return;
    this.#message = message;
    this.#reading = new Reading(this.#speaker(), {
      units: () => this.#units(message),
      isOver: () => !this.#find(message)?.classList.contains("message--active"),
      onPiece: () => this.#mark(),
      onEnd: (error) => this.#ended(error),
    });
    this.hidden = false;
    this.#mark();
    this.#reading.start();
  }

  /** @param {string} message */
  #units(message) {
    const body = this.#find(message)?.querySelector("[data-body]");
    return body ? spokenUnits(body) : [];
  }

  /** @param {unknown} error */
  #ended(error) {
    const button = this.#button;
    this.#reading = null;
    this.#message = "";
    if (this.contains(document.activeElement)) button?.focus({ preventScroll: true });
    this.hidden = true;
    this.#mark();
    if (error) toast(sentenceOf(error, this.dataset.failed ?? ""), { danger: true });
  }

  /** The page shows something else. */
  #changed() {
    const awaited = this.#isDue && this.#page?.querySelector("chat-message.message--active[data-generation]");
    if (awaited instanceof HTMLElement) {
      this.#isDue = false;
      this.#read(awaited.dataset.message ?? "");
    }
    if (!this.#reading) return;
    if (!this.#find(this.#message)) this.#reading.stop();
    else {
      this.#reading.changed();
      this.#mark();
    }
  }

  get #button() {
    const button = this.#find(this.#message)?.querySelector('[data-action="read"]');
    return button instanceof HTMLElement ? button : null;
  }

  /** Show what is being read, and where that can be stopped. */
  #mark() {
    for (const pressed of this.#page?.querySelectorAll('[data-action="read"][aria-pressed="true"]') ?? []) {
      if (pressed !== this.#button) pressed.setAttribute("aria-pressed", "false");
    }
    if (this.#button?.getAttribute("aria-pressed") === "false") this.#button.setAttribute("aria-pressed", "true");
    const ranges = this.#reading?.ranges ?? [];
    if (ranges.length) CSS.highlights?.set(MARK, new Highlight(...ranges));
    else CSS.highlights?.delete(MARK);
  }
}

customElements.define("chat-reader", ChatReader);
