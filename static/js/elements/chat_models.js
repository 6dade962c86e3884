import "./chat_memory_chart.js";
import "./chat_model_upload.js";

const LIVE_MS = 1500;
const QUIET_MS = 10_000;

/** Keeps what is in memory up to date: often while a model is there or being loaded, never while nobody looks. */
class ChatModels extends HTMLElement {
  #timer = 0;
  /** Requests that load a model and are not answered yet. */
  #nLoading = 0;

  connectedCallback() {
    this.addEventListener("htmx:beforeRequest", this.#begun);
    this.addEventListener("htmx:afterRequest", this.#ended);
    this.addEventListener("htmx:afterSwap", this.#plan);
    document.addEventListener("visibilitychange", this.#seen);
    this.#plan();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#seen);
    clearTimeout(this.#timer);
  }

  #plan = () => {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    const isLive = this.#nLoading > 0 || this.querySelector("#memory[data-live]") !== null;
    this.#timer = setTimeout(this.#tick, isLive ? LIVE_MS : QUIET_MS);
  };

  #tick = () => {
    this.querySelector("#memory")?.dispatchEvent(new CustomEvent("models-tick"));
    this.#plan();
  };

  #seen = () => (document.hidden ? clearTimeout(this.#timer) : this.#tick());

  #begun = (/** @type {Event} */ event) => {
    if (!isLoad(event)) return;
    this.#nLoading += 1;
    this.#plan();
  };

  #ended = (/** @type {Event} */ event) => {
    if (!isLoad(event)) return;
    this.#nLoading -= 1;
    this.#tick();
  };
}

/** @param {Event} event */
function isLoad(event) {
  return event.target instanceof Element && event.target.matches("[data-load]");
}

customElements.define("chat-models", ChatModels);
