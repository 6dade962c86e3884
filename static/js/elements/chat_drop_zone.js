import { uploadFile } from "../lib/upload.js";
import { worded } from "../lib/wording.js";
import { copyOf } from "../render.js";

const PARALLEL = 2;
const GONE_AFTER_MS = 2500;
/** The list of documents is asked for again at most this often while files arrive. */
const TELL_EVERY_MS = 2000;
/** Of a thousand files that are refused, the first say enough. */
const MAX_FAILED_ROWS = 50;

/**
 * Takes files dropped on it (or anywhere on the page, unless it is local), sends a few at a time, and shows how each upload goes.
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
  /** Where files may be dropped. @type {EventTarget} */
  #ground = document;

  connectedCallback() {
    this.#input.addEventListener("change", this.#chosen);
    this.#find("[data-stop-uploads]").addEventListener("click", this.#stopUploads);
    this.#ground = this.hasAttribute("data-local") ? this : document;
    this.#ground.addEventListener("dragenter", this.#entered);
    this.#ground.addEventListener("dragleave", this.#left);
    this.#ground.addEventListener("dragover", this.#over);
    this.#ground.addEventListener("drop", this.#dropped);
  }

  disconnectedCallback() {
    this.#input.removeEventListener("change", this.#chosen);
    this.#find("[data-stop-uploads]").removeEventListener("click", this.#stopUploads);
    clearTimeout(this.#tellTimer);
    this.#ground.removeEventListener("dragenter", this.#entered);
    this.#ground.removeEventListener("dragleave", this.#left);
    this.#ground.removeEventListener("dragover", this.#over);
    this.#ground.removeEventListener("drop", this.#dropped);
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
    const sentence = this.#refused ? this.dataset.summaryRefused : this.dataset.summary;
    this.#find("[data-summary-text]").textContent = worded(sentence, values);
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
      const stored = await uploadFile(this.dataset.uploadUrl ?? "", file, (done) => {
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

  #entered = (/** @type {Event} */ event) => {
    if (!carriesFiles(event)) return;
    this.#depth += 1;
    this.toggleAttribute("data-over", true);
  };

  #left = (/** @type {Event} */ event) => {
    if (!carriesFiles(event)) return;
    this.#depth = Math.max(0, this.#depth - 1);
    if (!this.#depth) this.removeAttribute("data-over");
  };

  #over = (/** @type {Event} */ event) => {
    if (carriesFiles(event)) event.preventDefault();
  };

  #dropped = (/** @type {Event} */ event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    this.#depth = 0;
    this.removeAttribute("data-over");
    this.#take([.../** @type {DragEvent} */ (event).dataTransfer?.files ?? []]);
  };
}

/** @param {Event} event */
function carriesFiles(event) {
  return /** @type {DragEvent} */ (event).dataTransfer?.types.includes("Files") ?? false;
}

customElements.define("chat-drop-zone", ChatDropZone);
