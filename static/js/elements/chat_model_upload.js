import { ModelUpload } from "../lib/model_upload.js";
import { percentInWords, sizeInWords, timeInWords } from "../lib/quantities.js";
import { post } from "../lib/requests.js";
import { worded } from "../lib/wording.js";
import { copyOf } from "../render.js";

const GONE_AFTER_MS = 6000;
const SPEED_WINDOW_MS = 10_000;

/** @typedef {import("../lib/model_upload.js").Progress} Progress */

/** Takes model files, shows how each upload goes, and lets it be paused and cancelled. */
class ChatModelUpload extends HTMLElement {
  /** @type {Map<ModelUpload, File>} */
  #running = new Map();

  connectedCallback() {
    this.addEventListener("change", this.#chosen);
    this.addEventListener("click", this.#clicked);
    this.addEventListener("dragover", this.#over);
    this.addEventListener("dragleave", this.#left);
    this.addEventListener("drop", this.#dropped);
    this.addEventListener("htmx:load", this.#listRunningOnce);
    addEventListener("beforeunload", this.#leaving);
  }

  disconnectedCallback() {
    removeEventListener("beforeunload", this.#leaving);
  }

  /** @param {File} file */
  async #take(file) {
    const row = new UploadRow(copyOf(/** @type {HTMLTemplateElement} */ (this.querySelector("template[data-upload]"))), this.dataset);
    row.name = file.name;
    this.querySelector("[data-uploads]")?.append(row.element);
    if (!file.name.toLowerCase().endsWith(".gguf")) {
      row.fail(this.dataset.notGguf ?? "");
      return;
    }
    const upload = new ModelUpload(file, this.dataset.beginUrl ?? "", (progress) => row.show(progress));
    row.control(upload);
    this.#running.set(upload, file);
    this.#listRunningOnce();
    try {
      const { models } = await upload.run();
      row.finish(models);
      document.body.dispatchEvent(new CustomEvent("models-changed"));
      setTimeout(() => row.element.remove(), GONE_AFTER_MS);
    } catch (error) {
      const isCancelled = error instanceof DOMException && error.name === "AbortError";
      if (isCancelled) row.element.remove();
      else row.fail((error instanceof Error && error.message) || (this.dataset.failed ?? ""));
    } finally {
      this.#running.delete(upload);
    }
  }

  /** The server lists as unfinished what runs here, also when its list comes after the start. */
  #listRunningOnce = () => {
    const files = [...this.#running.values()];
    for (const unfinished of this.querySelectorAll("[data-file]")) {
      const { file: name, size } = /** @type {HTMLElement} */ (unfinished).dataset;
      if (files.some((file) => file.name === name && file.size === Number(size))) unfinished.remove();
    }
  };

  #chosen = (/** @type {Event} */ event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    for (const file of input.files ?? []) this.#take(file);
    input.value = "";
  };

  #clicked = async (/** @type {Event} */ event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-remove]") : null;
    if (!button || !confirm(this.dataset.removeQuestion)) return;
    await post(button.getAttribute("data-remove") ?? "");
    button.closest(".upload")?.remove();
  };

  #over = (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.toggleAttribute("data-over", true);
  };

  #left = (/** @type {DragEvent} */ event) => {
    if (!(event.relatedTarget instanceof Node) || !this.contains(event.relatedTarget)) this.removeAttribute("data-over");
  };

  #dropped = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    this.removeAttribute("data-over");
    for (const file of event.dataTransfer?.files ?? []) this.#take(file);
  };

  #leaving = (/** @type {BeforeUnloadEvent} */ event) => {
    if ([...this.#running.keys()].some((upload) => !upload.isPaused)) event.preventDefault();
  };
}

/** One file on the page. */
class UploadRow {
  #words;
  /** @type {[number, number][]} moments, and bytes that had been sent then */
  #samples = [];

  /**
   * @param {HTMLElement} element
   * @param {DOMStringMap} words
   */
  constructor(element, words) {
    this.element = element;
    this.#words = words;
  }

  /** @param {string} name */
  set name(name) {
    this.#part("name").textContent = name;
    this.#part("bar").setAttribute("aria-label", name);
  }

  /** @param {ModelUpload} upload */
  control(upload) {
    this.#part("pause").addEventListener("click", () => upload.pause());
    this.#part("resume").addEventListener("click", () => upload.resume());
    this.#part("cancel").addEventListener("click", () => upload.cancel());
  }

  /** @param {Progress} progress */
  show({ phase, done, total, sent }) {
    const bar = /** @type {HTMLProgressElement} */ (this.#part("bar"));
    bar.value = done / total;
    const isPaused = phase === "paused";
    this.#part("pause").hidden = isPaused || phase === "checking";
    this.#part("resume").hidden = !isPaused;
    const speed = this.#speed(phase === "sending" ? sent : null);
    const values = {
      percent: percentInWords(done / total),
      speed: speed ? sizeInWords(speed) : "",
      left: speed ? timeInWords((total - done) / speed) : "",
    };
    this.#say(phase === "sending" && !speed ? "started" : phase, values);
  }

  /** @param {string[]} models */
  finish(models) {
    for (const part of ["pause", "resume", "cancel"]) this.#part(part).hidden = true;
    this.#say(models.length ? "finished" : "finishedPart", { models: models.join(", ") });
  }

  /** @param {string} sentence */
  fail(sentence) {
    this.element.classList.add("upload--failed");
    for (const part of ["pause", "resume"]) this.#part(part).hidden = true;
    this.#part("cancel").addEventListener("click", () => this.element.remove());
    this.#part("state").textContent = sentence;
  }

  /**
   * Bytes a second over the last seconds, or 0 while there is too little to tell.
   *
   * @param {number | null} sent null while nothing is being sent
   */
  #speed(sent) {
    if (sent === null) {
      this.#samples = [];
      return 0;
    }
    const now = performance.now();
    this.#samples.push([now, sent]);
    while (now - this.#samples[0][0] > SPEED_WINDOW_MS && this.#samples.length > 2) this.#samples.shift();
    const [[since, before]] = this.#samples;
    return now - since > 500 ? (1000 * (sent - before)) / (now - since) : 0;
  }

  /**
   * @param {string} name
   * @param {Record<string, string>} values
   */
  #say(name, values) {
    const text = worded(this.#words[name], values);
    if (this.#part("state").textContent !== text) this.#part("state").textContent = text;
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.element.querySelector(`[data-${name}]`));
  }
}

customElements.define("chat-model-upload", ChatModelUpload);
