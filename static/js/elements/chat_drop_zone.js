import { uploadFile } from "../lib/upload.js";
import { copyOf } from "../render.js";

const PARALLEL = 2;
const GONE_AFTER_MS = 2500;

/** Takes files dropped on it (or anywhere on the page) and shows how each upload goes. */
class ChatDropZone extends HTMLElement {
  /** @type {{file: File, row: HTMLElement}[]} */
  #waiting = [];
  #running = 0;
  #depth = 0;

  connectedCallback() {
    this.#input.addEventListener("change", this.#chosen);
    document.addEventListener("dragenter", this.#entered);
    document.addEventListener("dragleave", this.#left);
    document.addEventListener("dragover", this.#over);
    document.addEventListener("drop", this.#dropped);
  }

  disconnectedCallback() {
    this.#input.removeEventListener("change", this.#chosen);
    document.removeEventListener("dragenter", this.#entered);
    document.removeEventListener("dragleave", this.#left);
    document.removeEventListener("dragover", this.#over);
    document.removeEventListener("drop", this.#dropped);
  }

  get #input() {
    return /** @type {HTMLInputElement} */ (this.querySelector("input[type=file]"));
  }

  /** @param {Iterable<File>} files */
  #take(files) {
    for (const file of files) this.#waiting.push({ file, row: this.#rowOf(file) });
    this.#next();
  }

  #next() {
    while (this.#running < PARALLEL && this.#waiting.length) {
      const { file, row } = /** @type {{file: File, row: HTMLElement}} */ (this.#waiting.shift());
      this.#running += 1;
      this.#upload(file, row).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
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
      setTimeout(() => row.remove(), GONE_AFTER_MS);
      document.body.dispatchEvent(new CustomEvent("documents-changed"));
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
    this.#take(this.#input.files ?? []);
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
    this.#take(event.dataTransfer?.files ?? []);
  };
}

/** @param {DragEvent} event */
function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

customElements.define("chat-drop-zone", ChatDropZone);
