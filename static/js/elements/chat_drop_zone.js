import { uploadFile } from "../lib/upload.js";
import { copyOf } from "../render.js";

const PARALLEL = 2;
const GONE_AFTER_MS = 2500;
/** The list of documents is asked for again at most this often while files arrive. */
const TELL_EVERY_MS = 2000;
/** Of a thousand files that are refused, the first say enough. */
const MAX_FAILED_ROWS = 50;

/**
 * Takes files dropped on it (or anywhere on the page), sends a few at a time, and shows how each upload goes.
 *
 * A file has a row only while it is sent or when it was refused: a thousand may be dropped at once.
 */
class ChatDropZone extends HTMLElement {
  /** @type {File[]} */
  #waiting = [];
  #running = 0;
  #total = 0;
  #refused = 0;
  #tellTimer = 0;
  #depth = 0;

  connectedCallback() {
    this.#input.addEventListener("change", this.#chosen);
    this.#find("[data-stop-uploads]").addEventListener("click", this.#stopUploads);
    document.addEventListener("dragenter", this.#entered);
    document.addEventListener("dragleave", this.#left);
    document.addEventListener("dragover", this.#over);
    document.addEventListener("drop", this.#dropped);
  }

  disconnectedCallback() {
    this.#input.removeEventListener("change", this.#chosen);
    this.#find("[data-stop-uploads]").removeEventListener("click", this.#stopUploads);
    clearTimeout(this.#tellTimer);
    document.removeEventListener("dragenter", this.#entered);
    document.removeEventListener("dragleave", this.#left);
    document.removeEventListener("dragover", this.#over);
    document.removeEventListener("drop", this.#dropped);
  }

  get #input() {
    return /** @type {HTMLInputElement} */ (this.querySelector("input[type=file]"));
  }

  /** @param {File[]} files */
  #take(files) {
    if (!this.#running) this.#total = this.#refused = 0;
    this.#waiting.push(...files);
    this.#total += files.length;
    this.#next();
  }

  #next() {
    while (this.#running < PARALLEL && this.#waiting.length) {
      const file = /** @type {File} */ (this.#waiting.shift());
      this.#running += 1;
      this.#upload(file, this.#rowOf(file)).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
    this.#showSummary();
  }

  #showSummary() {
    const summary = this.#find("[data-summary]");
    const isOver = !this.#running && !this.#waiting.length;
    summary.hidden = this.#total <= PARALLEL || (isOver && !this.#refused);
    this.#find("[data-stop-uploads]").hidden = !this.#waiting.length;
    const values = { done: this.#total - this.#waiting.length - this.#running, total: this.#total, refused: this.#refused };
    const words = (this.#refused ? this.dataset.summaryRefused : this.dataset.summary) ?? "";
    const text = words.replace(/\{(\w+)\}/gu, (_, name) => values[/** @type {keyof values} */ (name)].toLocaleString());
    this.#find("[data-summary-text]").textContent = text;
  }

  #stopUploads = () => {
    this.#total -= this.#waiting.length;
    this.#waiting = [];
    this.#showSummary();
  };

  /** Tell the page now and then that the list has changed. */
  #tell() {
    this.#tellTimer ||= setTimeout(() => {
      this.#tellTimer = 0;
      document.body.dispatchEvent(new CustomEvent("documents-changed"));
    }, TELL_EVERY_MS);
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  /**
   * @param {File} file
   * @param {HTMLElement} row
   */
  async #upload(file, row) {
    const bar = /** @type {HTMLProgressElement} */ (row.querySelector("[data-bar]"));
    if (file.size > Number(this.dataset.maxBytes)) {
      this.#fail(row, this.dataset.tooLarge ?? "");
      return;
    }
    try {
      const stored = await uploadFile(file, (done) => {
        bar.value = done;
        this.#say(row, `${Math.round(done * 100)} %`);
      });
      this.#say(row, (stored.state === "ready" ? this.dataset.known : this.dataset.stored) ?? "");
      if (this.#waiting.length) row.remove();
      else setTimeout(() => row.remove(), GONE_AFTER_MS);
      this.#tell();
    } catch (error) {
      this.#fail(row, (error instanceof Error && error.message) || (this.dataset.failed ?? ""));
    }
  }

  /** @param {File} file */
  #rowOf(file) {
    const row = copyOf(/** @type {HTMLTemplateElement} */ (this.querySelector("template[data-upload]")));
    /** @type {HTMLElement} */ (row.querySelector("[data-name]")).textContent = file.name;
    row.querySelector("[data-dismiss]")?.addEventListener("click", () => row.remove());
    this.querySelector("[data-uploads]")?.append(row);
    return row;
  }

  /**
   * @param {HTMLElement} row
   * @param {string} sentence
   */
  #fail(row, sentence) {
    this.#refused += 1;
    if (this.#refused > MAX_FAILED_ROWS) {
      row.remove();
      return;
    }
    row.classList.add("upload--failed");
    /** @type {HTMLElement} */ (row.querySelector("[data-dismiss]")).hidden = false;
    this.#say(row, sentence);
  }

  /**
   * @param {HTMLElement} row
   * @param {string} text
   */
  #say(row, text) {
    /** @type {HTMLElement} */ (row.querySelector("[data-state]")).textContent = text;
  }

  #chosen = () => {
    this.#take([...(this.#input.files ?? [])]);
    this.#input.value = "";
  };

  /** @param {DragEvent} event */
  #entered = (event) => {
    if (!carriesFiles(event)) return;
    this.#depth += 1;
    this.toggleAttribute("data-over", true);
  };

  /** @param {DragEvent} event */
  #left = (event) => {
    if (!carriesFiles(event)) return;
    this.#depth = Math.max(0, this.#depth - 1);
    if (!this.#depth) this.removeAttribute("data-over");
  };

  /** @param {DragEvent} event */
  #over = (event) => {
    if (carriesFiles(event)) event.preventDefault();
  };

  /** @param {DragEvent} event */
  #dropped = (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    this.#depth = 0;
    this.removeAttribute("data-over");
    this.#take([...(event.dataTransfer?.files ?? [])]);
  };
}

/** @param {DragEvent} event */
function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

customElements.define("chat-drop-zone", ChatDropZone);
