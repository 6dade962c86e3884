import { copyOf } from "../render.js";
import { percentInWords } from "./quantities.js";
import { get, getJson, postForJson } from "./requests.js";
import { uploadFile } from "./upload.js";

const ASK_AGAIN_MS = 1000;
/** Files that are sent at once. */
const PARALLEL = 2;

/**
 * @typedef {import("./drafts.js").DraftDocument} DraftDocument
 * @typedef {{document: DraftDocument | null, chip: HTMLElement, file?: File, arrival?: Promise<void>}} Attachment `arrival` ends when the file is on the server or refused
 * @typedef {{uploadUrl: string, statusUrl: string, pageUrl: string, imagesUrl: string, previewUrl: string, imageUrl: string, reading: string, fetching: string, unreadable: string}} Words addresses hold NOBODY for a document or a picture
 */

const NOBODY = "00000000-0000-0000-0000-000000000000";

/** Files that are sent as pictures; whatever else a file is, it is a document. */
const PICTURES = new Set(["image/png", "image/jpeg", "image/webp", "image/gif"]);

/** The documents, the knowledge and the pictures that go with the next message: chips in the composer, some still being uploaded. */
export class Attachments {
  #list;
  #template;
  #words;
  #onChange;
  /** @type {Set<Attachment>} */
  #items = new Set();
  #running = 0;
  /** @type {(() => void)[]} */
  #turns = [];

  /**
   * @param {HTMLElement} list
   * @param {HTMLTemplateElement} template
   * @param {Words} words
   * @param {() => void} onChange
   */
  constructor(list, template, words, onChange) {
    this.#list = list;
    this.#template = template;
    this.#words = words;
    this.#onChange = onChange;
  }

  /** Documents that are on the server. @returns {DraftDocument[]} */
  get documents() {
    return [...this.#items].flatMap(({ document }) => (document ? [document] : []));
  }

  get size() {
    return this.#items.size;
  }

  get isUploading() {
    return [...this.#items].some(({ document }) => !document);
  }

  /** @returns {Attachment[]} */
  get #pictures() {
    return [...this.#items].filter(({ chip }) => chip.dataset.kind === "image");
  }

  get hasPictures() {
    return this.#pictures.length > 0;
  }

  clear() {
    for (const { chip } of this.#items) chip.remove();
    this.#items.clear();
    this.#onChange();
  }

  /** @param {DraftDocument} document */
  add(document) {
    if (this.documents.some(({ uuid }) => uuid === document.uuid)) return;
    const item = this.#show(document.name);
    item.document = document;
    item.chip.dataset.kind = document.kind ?? "document";
    if (document.kind === "image") this.#showPicture(item, document);
    this.#onChange();
    // Knowledge is asked as it is at that moment; nothing of it is waited for.
    if ((document.kind ?? "document") === "document") this.#follow(document, item.chip);
  }

  /**
   * Upload a file and attach what it becomes.
   *
   * @param {File} file
   * @param {(error: Error) => void} onError
   * @param {boolean} [isPicture] it is to be looked at, not read
   */
  async upload(file, onError, isPicture = PICTURES.has(file.type)) {
    const item = this.#show(file.name);
    item.chip.dataset.kind = isPicture ? "image" : "document";
    item.arrival = this.#send(item, file, onError, isPicture);
    this.#onChange();
    await item.arrival;
    this.#onChange();
  }

  /**
   * @param {Attachment} item
   * @param {File} file
   * @param {(error: Error) => void} onError
   * @param {boolean} isPicture
   */
  async #send(item, file, onError, isPicture) {
    const state = /** @type {HTMLElement} */ (item.chip.querySelector("[data-state]"));
    state.textContent = percentInWords(0);
    await this.#turn();
    try {
      // Taken off again while it waited.
      if (!this.#items.has(item)) return;
      const url = isPicture ? this.#words.imagesUrl : this.#words.uploadUrl;
      item.document = await uploadFile(url, file, (/** @type {number} */ done) => {
        state.textContent = percentInWords(done);
      });
      state.textContent = "";
      if (isPicture) {
        item.file = file;
        this.#showPicture(item, item.document);
      } else {
        this.#follow(item.document, item.chip);
      }
    } catch (error) {
      this.#remove(item);
      onError(/** @type {Error} */ (error));
    } finally {
      this.#running -= 1;
      this.#turns.shift()?.();
    }
  }

  /**
   * Have the text of all pictures read, instead of showing them to a model.
   *
   * @param {(name: string, error: Error) => void} onError
   */
  async readPictures(onError) {
    for (const item of this.#pictures) {
      await item.arrival;
      const document = item.document;
      if (!document) continue;
      try {
        // A moving picture is read as the still one that the server has made of it.
        const isStill = item.file && item.file.type !== "image/gif";
        const file = item.file && isStill ? item.file : await this.#pictureFile(document);
        this.#remove(item);
        this.upload(file, (error) => onError(file.name, error), false);
      } catch (error) {
        onError(document.name, /** @type {Error} */ (error));
      }
    }
  }

  /** A picture that was attached before this page was loaded. @param {DraftDocument} document */
  async #pictureFile({ uuid, name }) {
    const answer = await get(this.#words.imageUrl.replace(NOBODY, uuid));
    const blob = await answer.blob();
    return new File([blob], `${name}.${blob.type.replace("image/", "")}`, { type: blob.type });
  }

  /**
   * @param {Attachment} item
   * @param {DraftDocument} document
   */
  #showPicture(item, { uuid }) {
    const shown = /** @type {HTMLImageElement} */ (item.chip.querySelector("img"));
    shown.addEventListener("error", () => {
      // It was not sent for so long that it is gone.
      this.#remove(item);
      this.#onChange();
    });
    shown.src = this.#words.previewUrl.replace(NOBODY, uuid);
    shown.hidden = false;
  }

  /** Wait until fewer files than may be sent at once are on their way. */
  async #turn() {
    if (this.#running >= PARALLEL) await new Promise((resolve) => this.#turns.push(() => resolve(undefined)));
    this.#running += 1;
  }

  /**
   * Have the server fetch a page and attach what it becomes.
   *
   * @param {string} address
   * @param {string} chat empty for a new one
   * @param {(sentence: string) => void} onError
   */
  async fetchPage(address, chat, onError) {
    const item = this.#show(address);
    const state = /** @type {HTMLElement} */ (item.chip.querySelector("[data-state]"));
    state.textContent = this.#words.fetching;
    this.#onChange();
    const answer = await postForJson(this.#words.pageUrl, { address, chat }).catch(() => null);
    const isWanted = this.#items.has(item);
    const isAttached = this.documents.some(({ uuid }) => uuid === answer?.uuid);
    if (answer?.uuid && !isAttached && isWanted) {
      item.document = { uuid: answer.uuid, name: answer.name };
      /** @type {HTMLElement} */ (item.chip.querySelector("[data-name]")).textContent = answer.name;
      this.#follow(item.document, item.chip);
    } else {
      this.#remove(item);
      if (!answer?.uuid && isWanted) onError(answer?.error ?? "");
    }
    this.#onChange();
  }

  /**
   * Say on the chip that the server still reads the document, or cannot.
   *
   * @param {DraftDocument} document
   * @param {HTMLElement} chip
   */
  async #follow({ uuid }, chip) {
    const label = /** @type {HTMLElement} */ (chip.querySelector("[data-state]"));
    while (chip.isConnected) {
      const now = await getJson(this.#words.statusUrl.replace(NOBODY, uuid)).catch(() => null);
      const isUnreadable = now?.state === "failed";
      const isReading = now && !isUnreadable && now.state !== "ready";
      chip.classList.toggle("chip--unreadable", isUnreadable);
      chip.title = isUnreadable ? now.detail : "";
      label.textContent = isUnreadable ? this.#words.unreadable : isReading ? this.#words.reading : "";
      if (!isReading) return;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
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
