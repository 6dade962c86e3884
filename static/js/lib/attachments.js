import { copyOf } from "../render.js";
import { uploadFile } from "./upload.js";

/**
 * @typedef {import("./drafts.js").DraftDocument} DraftDocument
 * @typedef {{document: DraftDocument | null, chip: HTMLElement}} Attachment
 */

/** The documents that go with the next message: chips in the composer, some still being uploaded. */
export class Attachments {
  #list;
  #template;
  #onChange;
  /** @type {Set<Attachment>} */
  #items = new Set();

  /**
   * @param {HTMLElement} list
   * @param {HTMLTemplateElement} template
   * @param {() => void} onChange
   */
  constructor(list, template, onChange) {
    this.#list = list;
    this.#template = template;
    this.#onChange = onChange;
  }

  /** Documents that are on the server. @returns {DraftDocument[]} */
  get documents() {
    return [...this.#items].flatMap(({ document }) => (document ? [document] : []));
  }

  get isUploading() {
    return [...this.#items].some(({ document, chip }) => !document && !chip.classList.contains("chip--failed"));
  }

  clear() {
    for (const { chip } of this.#items) chip.remove();
    this.#items.clear();
    this.#onChange();
  }

  /** @param {DraftDocument} document */
  add(document) {
    if (this.documents.some(({ uuid }) => uuid === document.uuid)) return;
    this.#show(document.name).document = document;
    this.#onChange();
  }

  /**
   * Upload a file and attach what it becomes.
   *
   * @param {File} file
   * @param {(error: Error) => void} onError
   */
  async upload(file, onError) {
    const item = this.#show(file.name);
    const state = /** @type {HTMLElement} */ (item.chip.querySelector("[data-state]"));
    state.textContent = "0 %";
    this.#onChange();
    try {
      item.document = await uploadFile(file, (/** @type {number} */ done) => {
        state.textContent = `${Math.round(done * 100)} %`;
      });
      state.textContent = "";
    } catch (error) {
      this.#remove(item);
      onError(/** @type {Error} */ (error));
    }
    this.#onChange();
  }

  /** @param {string} name */
  #show(name) {
    const chip = copyOf(this.#template);
    /** @type {Attachment} */
    const item = { document: null, chip };
    /** @type {HTMLElement} */ (chip.querySelector("[data-name]")).textContent = name;
    chip.querySelector("[data-remove]")?.addEventListener("click", () => {
      this.#remove(item);
      this.#onChange();
    });
    this.#list.append(chip);
    this.#items.add(item);
    return item;
  }

  /** @param {Attachment} item */
  #remove(item) {
    item.chip.remove();
    this.#items.delete(item);
  }
}
