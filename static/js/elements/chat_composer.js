import { Attachments } from "../lib/attachments.js";
import { Completion } from "../lib/completion.js";
import { addressSource, documentSource, takeAddresses } from "../lib/document_completion.js";
import { forgetWithPage } from "../lib/device_store.js";
import { keepDraft, readDraft } from "../lib/drafts.js";
import { modelSource } from "../lib/model_completion.js";
import { MessageQueue } from "../lib/message_queue.js";
import { PictureBar } from "../lib/picture_bar.js";
import { QuestionHistory } from "../lib/question_history.js";
import { promptSource } from "../lib/prompt_completion.js";
import { newRef } from "../lib/refs.js";
import { ReplWords } from "../lib/repl_words.js";
import { isQuoteOpen, withoutQuotes } from "../lib/quoted_text.js";
import { fitHeight, isPlainEnter } from "../lib/text_area.js";
import { worded } from "../lib/wording.js";

/**
 * @typedef {import("../lib/drafts.js").DraftDocument} DraftDocument
 */

/** Where a message is written: the text, what goes with it, and Send or Stop. */
class ChatComposer extends HTMLElement {
  #chat = "";
  /** What the draft is kept under: the chat, or the folder that a new one is begun in. */
  #draft = "";
  #isStreaming = false;
  /** A message is on its way, and not stored yet. */
  #isSending = false;
  /** Send was pressed while a file was still on its way: it happens once the file is there. */
  #isSendDue = false;
  /** @type {Attachments | null} */
  #attachments = null;
  /** @type {Completion | null} */
  #completion = null;
  /** @type {QuestionHistory | null} */
  #history = null;
  /** @type {MessageQueue | null} */
  #queue = null;
  /** @type {ReplWords | null} */
  #words = null;
  /** None where nothing makes pictures. @type {PictureBar | null} */
  #pictures = null;

  connectedCallback() {
    const page = this.closest("chat-page");
    this.#chat = page?.getAttribute("data-chat") ?? "";
    this.#draft = this.#chat || (page?.getAttribute("data-folder") ?? "");
    this.#attachments ??= new Attachments(
      this.#find("[data-chips]"),
      this.#template("[data-chip]"),
      {
        uploadUrl: this.dataset.uploadUrl ?? "",
        statusUrl: this.dataset.statusUrl ?? "",
        pageUrl: this.dataset.pageUrl ?? "",
        imagesUrl: this.dataset.imagesUrl ?? "",
        imageUrl: this.dataset.imageUrl ?? "",
        previewUrl: this.dataset.previewUrl ?? "",
        reading: this.dataset.reading ?? "",
        fetching: this.dataset.fetching ?? "",
        unreadable: this.dataset.unreadable ?? "",
      },
      () => this.#changed(),
    );
    this.#words ??= new ReplWords(/** @type {HTMLDataListElement} */ (this.#find("[data-words]")));
    const bar = this.querySelector("[data-picture-bar]");
    if (bar instanceof HTMLElement) this.#pictures ??= new PictureBar(bar, this.#find("[data-draw]"), this.#area);
    this.#completion ??= new Completion({
      panel: this.#find("[data-completion]"),
      area: this.#area,
      template: this.#template("[data-option]"),
      sources: this.#sources,
    });
    this.#history ??= new QuestionHistory(this.#area, () => this.#questions, () => this.#changed());
    this.#queue ??= new MessageQueue(this.#find("[data-queue]"), this.#template("[data-queued]"), {
      send: (queued) => this.#sendQueued(queued),
      edit: ({ content, documents, picture }) => {
        if (picture && this.#pictures) this.#pictures.isOpen = true;
        this.#putBack(content, documents);
      },
    });
    if (this.closest("[data-temporary]")) forgetWithPage(this.#draft);
    this.#queue.open(this.#draft);
    this.addEventListener("submit", this.#submitted);
    this.addEventListener("click", this.#clicked);
    this.#area.addEventListener("input", this.#typed);
    this.#area.addEventListener("keydown", this.#pressed);
    this.#area.addEventListener("paste", this.#pasted);
    this.#files.addEventListener("change", this.#chosen);
    this.#takeDraft();
    if (matchMedia("(pointer: fine)").matches) this.#area.focus({ preventScroll: true });
  }

  disconnectedCallback() {
    this.removeEventListener("submit", this.#submitted);
    this.removeEventListener("click", this.#clicked);
    this.#area.removeEventListener("input", this.#typed);
    this.#area.removeEventListener("keydown", this.#pressed);
    this.#area.removeEventListener("paste", this.#pasted);
    this.#files.removeEventListener("change", this.#chosen);
    this.#queue?.close();
  }

  /** An answer is being written: Stop takes the place of Send. @param {boolean} isStreaming */
  set isStreaming(isStreaming) {
    if (isStreaming === this.#isStreaming) return;
    const hadFocus = this.contains(document.activeElement);
    this.#isStreaming = isStreaming;
    this.#stop.hidden = !isStreaming;
    this.#stop.disabled = false;
    if (isStreaming) this.#queue?.wait();
    this.#changed();
    // The button that had the focus is hidden now.
    if (hadFocus && document.activeElement !== this.#area) this.#area.focus({ preventScroll: true });
  }

  /** Another model is to answer. */
  modelChanged() {
    this.#showSight();
  }

  /** No answer is being written. @param {string} state how the last one ended; empty when that is not known */
  answerEnded(state) {
    this.#queue?.release(state);
  }

  get isEmpty() {
    return !this.#area.value.trim() && !this.#attachments?.documents.length;
  }

  /** Empty the field; the draft stays on this device until the server has the message. */
  clear() {
    this.#area.value = "";
    this.#attachments?.clear();
    if (this.#pictures) this.#pictures.isOpen = false;
    this.#showNotice("");
    this.#fit();
  }

  /**
   * The message is stored: its draft is not needed any more.
   *
   * @param {string} chat
   * @param {string} ref
   */
  settle(chat, ref) {
    this.#isSending = false;
    this.#queue?.drop(ref);
    this.moveTo(chat);
  }

  /** What is written belongs to this chat from now on. @param {string} chat */
  moveTo(chat) {
    keepDraft(this.#draft, { content: "", documents: [] });
    if (chat !== this.#draft) this.#queue?.moveTo(chat);
    this.#chat = this.#draft = chat;
    this.#changed();
  }

  /**
   * Put back what was not sent, before anything written since.
   *
   * @param {import("../lib/message_queue.js").Queued} message
   * @param {string} reason a sentence
   */
  restore({ content, documents, ref, picture }, reason) {
    if (picture && this.#pictures) this.#pictures.isOpen = true;
    this.#isSending = false;
    this.#queue?.drop(ref);
    this.#queue?.release("");
    this.#putBack(content, documents);
    this.#showNotice(reason);
  }

  /**
   * @param {string} content
   * @param {DraftDocument[]} documents
   */
  #putBack(content, documents) {
    const since = this.#area.value;
    this.#area.value = since ? `${content}\n${since}` : content;
    for (const document of documents) this.#attachments?.add(document);
    this.#changed();
    this.#area.focus({ preventScroll: true });
  }

  /** @param {string} text */
  suggest(text) {
    this.#area.value = text;
    this.#area.focus();
    this.#area.setSelectionRange(text.length, text.length);
    this.#area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** All of them or, when they are more than one message may have, none. @param {Iterable<File>} files */
  attach(files) {
    const room = Number(this.dataset.maxFiles) - (this.#attachments?.size ?? 0);
    if ([...files].length > room) {
      this.#showNotice(this.dataset.tooManyFiles ?? "");
      return;
    }
    for (const file of files) {
      this.#attachments?.upload(file, (error) => {
        this.#showSendDue(false);
        const general = worded(this.dataset.uploadFailed, { name: file.name });
        this.#showNotice(error.message || general);
      });
    }
  }

  /** @param {string} address */
  #fetchPage(address) {
    this.#attachments?.fetchPage(address, this.#chat, (sentence) => {
      this.#showSendDue(false);
      this.#showNotice(`${address}: ${sentence || (this.dataset.fetchFailed ?? "")}`);
    });
  }

  /** Say what went wrong with something that was to be written here. @param {string} sentence empty when nothing did */
  complain(sentence) {
    this.#showNotice(sentence);
  }

  /** Put words where the caret is, apart from what stands there. @param {string} words */
  insert(words) {
    const area = this.#area;
    const before = area.value.slice(0, area.selectionStart).at(-1) ?? "";
    const after = area.value.slice(area.selectionEnd).at(0) ?? "";
    this.#write(`${needsSpace(before, words.at(0) ?? "") ? " " : ""}${words}${needsSpace(words.at(-1) ?? "", after) ? " " : ""}`);
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus({ preventScroll: true });
  }

  /** Send what is written, as a press on Send does. */
  send() {
    this.querySelector("form")?.requestSubmit();
  }

  chooseFiles() {
    this.#files.click();
  }

  focusText() {
    this.#area.focus({ preventScroll: true });
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  /** @param {string} selector */
  #template(selector) {
    return /** @type {HTMLTemplateElement} */ (this.querySelector(`template${selector}`));
  }

  get #area() {
    return /** @type {HTMLTextAreaElement} */ (this.#find("textarea"));
  }

  get #files() {
    return /** @type {HTMLInputElement} */ (this.#find("[data-files]"));
  }

  get #send() {
    return /** @type {HTMLButtonElement} */ (this.#find("[data-send]"));
  }

  get #stop() {
    return /** @type {HTMLButtonElement} */ (this.#find("[data-stop]"));
  }

  /** What is completed in the text. @returns {import("../lib/completion.js").Source[]} */
  get #sources() {
    const words = this.#find("[data-completion]").dataset;
    const label = words.documents ?? "";
    return [
      documentSource({
        url: this.dataset.searchUrl ?? "",
        label,
        none: words.noDocument ?? "",
        noneYet: words.noDocumentYet ?? "",
        onPick: (document) => this.#attachments?.add(document),
      }),
      promptSource({
        searchUrl: this.dataset.promptsUrl ?? "",
        insertUrl: this.dataset.insertUrl ?? "",
        label: words.prompts ?? "",
        onPick: (prompt) => this.#insertPrompt(prompt),
        onError: () => this.#showNotice(this.dataset.insertFailed ?? ""),
      }),
      modelSource({
        label: words.models ?? "",
        choices: () => this.#picker?.choices ?? [],
        onPick: (mention) => this.#area.setRangeText(mention, this.#area.selectionStart, this.#area.selectionEnd, "end"),
      }),
      ...(this.#mayFetchPages
        ? [addressSource({ label, detail: words.fetch ?? "", onAddress: (address) => this.#fetchPage(address) })]
        : []),
      ...(this.#words ? [this.#words.source((usage) => this.#write(usage))] : []),
    ];
  }

  get #picker() {
    return /** @type {import("./chat_picker.js").ChatPicker | null | undefined} */ (
      this.closest("chat-page")?.querySelector("chat-picker")
    );
  }

  /** @param {import("../lib/prompt_completion.js").Prompt} prompt */
  async #insertPrompt(prompt) {
    const form = /** @type {import("./chat_prompt_form.js").ChatPromptForm | null | undefined} */ (
      this.closest("chat-page")?.querySelector("chat-prompt-form")
    );
    const area = this.#area;
    // A dialog that opens takes the caret out of the field.
    const caret = area.selectionStart;
    const text = (await form?.fill(prompt)) ?? "";
    const place = Math.min(caret, area.value.length);
    area.setRangeText(text, place, place, "end");
    this.#changed();
    area.focus();
  }

  #takeDraft() {
    const draft = readDraft(this.#draft);
    if (!this.#area.value) this.#area.value = draft.content;
    for (const document of draft.documents) this.#attachments?.add(document);
    this.#changed();
  }

  #changed = () => {
    const content = this.#area.value;
    keepDraft(this.#draft, { content, documents: this.#attachments?.documents ?? [] });
    this.#send.disabled = !content.trim();
    this.#showSend();
    this.#showSight();
    this.#fit();
    if (!this.#isSendDue || this.#attachments?.isUploading) return;
    this.#showSendDue(false);
    this.querySelector("form")?.requestSubmit();
  };

  /** While an answer is being written, Send has a place beside Stop once there is something to send after it. */
  #showSend() {
    const words = (this.#isStreaming ? this.dataset.sendLater : this.dataset.sendNow) ?? "";
    this.#send.hidden = this.#isStreaming && this.#send.disabled;
    this.#send.setAttribute("aria-label", words);
    this.#send.dataset.tooltip = words;
  }

  /** Whether there are pictures, and none of the chosen models can see them. */
  get #isBlind() {
    if (this.#pictures?.isOpen) return false;
    const models = [...(this.closest("chat-page")?.querySelectorAll('chat-picker [role="option"][aria-selected="true"]') ?? [])];
    return Boolean(this.#attachments?.hasPictures) && !models.some((model) => model.hasAttribute("data-sees"));
  }

  #showSight() {
    this.#find("[data-unseen]").hidden = !this.#isBlind;
  }

  /** @param {boolean} isDue */
  #showSendDue(isDue) {
    this.#isSendDue = isDue;
    this.#find("form").setAttribute("aria-busy", String(isDue));
  }

  #typed = () => {
    this.#showSendDue(false);
    this.#showNotice("");
    this.#changed();
  };

  #fit() {
    fitHeight(this.#area);
  }

  /** @param {string} text */
  #showNotice(text) {
    const notice = this.#find("[data-notice]");
    notice.textContent = text;
    notice.hidden = !text;
  }

  /** Put a text where the caret stands, to be gone on with. @param {string} text */
  #write(text) {
    const area = this.#area;
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  }

  /** @param {Event} event */
  #submitted = (event) => {
    event.preventDefault();
    this.#area.value = withoutQuotes(this.#area.value);
    if (this.#words?.mayBe(this.#area.value)) this.#giveWord(this.#area.value);
    else this.#submit();
  };

  /** A word of a terminal chat is for the server, whatever else is written or waits. @param {string} word */
  #giveWord(word) {
    this.#area.value = "";
    this.#showNotice("");
    this.#changed();
    this.dispatchEvent(new CustomEvent("word-given", { bubbles: true, detail: { word } }));
  }

  /** What was given as a word was none, and goes to the model. @param {string} text */
  sendText(text) {
    const since = this.#area.value;
    this.#area.value = text;
    this.#submit();
    // Unless it could not be sent, and stays.
    if (since && !this.#area.value) this.#putBack(since, []);
  }

  /** Make a picture of a text, as the choices for pictures stand; without one, let it be written. @param {string} text */
  draw(text) {
    if (!this.#pictures) return;
    this.#pictures.isOpen = true;
    if (text) this.sendText(text);
    else this.#changed();
  }

  /** Offer a text to make a picture of. @param {string} text */
  suggestPicture(text) {
    if (!this.#pictures) return;
    this.#pictures.isOpen = true;
    this.suggest(text);
  }

  /** A word was refused: it is in the field again. @param {string} word @param {string} reason a sentence */
  refuseWord(word, reason) {
    this.#putBack(word, []);
    this.#showNotice(reason);
  }

  #submit() {
    this.#takeAddresses();
    const content = this.#area.value;
    if (!content.trim()) return;
    if (this.#attachments?.isUploading) {
      this.#showSendDue(true);
      return;
    }
    const limit = Number(this.dataset.maxChars);
    const length = [...content].length;
    if (limit && length > limit) {
      this.#showNotice(worded(this.dataset.tooLong, { count: length, limit }));
      return;
    }
    if (this.#isBlind) {
      this.#find("[data-read-pictures]").focus();
      return;
    }
    const documents = this.#attachments?.documents ?? [];
    if (this.#pictures?.isOpen && documents.length) {
      this.#showNotice(this.#pictures.noFiles);
      return;
    }
    const picture = this.#pictures?.isOpen ? this.#pictures.wish : undefined;
    if (this.#isStreaming || this.#isSending) {
      if (this.#queue?.add(content, documents, picture)) this.clear();
      this.#changed();
      return;
    }
    this.clear();
    // The draft outlives the field until the server says that it has the message.
    keepDraft(this.#draft, { content, documents });
    this.#compose({ content, documents, ref: newRef(), ...(picture && { picture }) });
  }

  /** @param {import("../lib/message_queue.js").Queued} message */
  #compose(message) {
    this.#isSending = true;
    this.dispatchEvent(new CustomEvent("message-composed", { bubbles: true, detail: message }));
  }

  /** @param {import("../lib/message_queue.js").Queued} message */
  #sendQueued(message) {
    if (!this.#isStreaming && !this.#isSending) this.#compose(message);
  }

  /** What was asked in this chat, the newest last. @returns {string[]} */
  get #questions() {
    const shown = this.closest("chat-page")?.querySelectorAll('chat-message[data-role="user"]') ?? [];
    return [.../** @type {Iterable<import("./chat_message.js").ChatMessage>} */ (shown)].map(({ text }) => text);
  }

  /** Else an address behind `#` is text as any other. */
  get #mayFetchPages() {
    return Boolean(this.dataset.pageUrl);
  }

  /** A page that was pasted into the text is attached, not sent as words. */
  #takeAddresses() {
    if (!this.#mayFetchPages) return;
    const { text, addresses } = takeAddresses(this.#area.value);
    if (!addresses.length) return;
    this.#area.value = text;
    this.#completion?.close();
    for (const address of addresses) this.#fetchPage(address);
    this.#changed();
  }

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (this.#completion?.press(event) || this.#history?.press(event)) return;
    // Within three quotation marks, as in a terminal, Enter begins a line.
    if (!isPlainEnter(event) || isQuoteOpen(this.#area.value)) return;
    event.preventDefault();
    this.querySelector("form")?.requestSubmit();
  };

  /** @param {Event} event */
  #clicked = (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-choose-files]")) this.chooseFiles();
    else if (event.target.closest("[data-read-pictures]")) this.#readPictures();
    else if (event.target.closest("[data-complete]")) this.#startCompletion();
    else if (event.target.closest("[data-draw], [data-no-picture]")) this.#togglePicture();
    else if (event.target.closest("[data-stop]")) this.#stopWanted();
    // The box looks like one field: a click beside the text means the text.
    else if (!event.target.closest("button, a, li, textarea, [data-picture-bar]")) this.focusText();
  };

  #readPictures() {
    this.#attachments?.readPictures((name, error) => {
      this.#showNotice(error.message || worded(this.dataset.uploadFailed, { name }));
    });
    this.focusText();
  }

  #stopWanted() {
    this.#stop.disabled = true;
    this.dispatchEvent(new CustomEvent("stop-wanted", { bubbles: true }));
  }

  #togglePicture() {
    if (!this.#pictures) return;
    this.#pictures.isOpen = !this.#pictures.isOpen;
    this.#changed();
    this.focusText();
  }

  #startCompletion() {
    const area = this.#area;
    const before = area.value.slice(0, area.selectionStart);
    area.focus();
    area.setRangeText(!before || /\s$/u.test(before) ? "#" : " #", area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** @param {ClipboardEvent} event */
  #pasted = (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length) return;
    event.preventDefault();
    this.attach(files);
  };

  #chosen = () => {
    this.attach([...(this.#files.files ?? [])]);
    this.#files.value = "";
    this.focusText();
  };
}

/**
 * Whether two characters are parted by a space: those of words are, but not those of Chinese.
 *
 * @param {string} one
 * @param {string} other
 */
function needsSpace(one, other) {
  return /[^\s\p{Script=Han}\p{Ps}“‘，。；：！？、]/u.test(one) && /[\p{L}\p{N}]/u.test(other) && !/\p{Script=Han}/u.test(other);
}

customElements.define("chat-composer", ChatComposer);
export { ChatComposer };
