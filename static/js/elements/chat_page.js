import { offer, withChat } from "../lib/chat_addresses.js";
import { copyText } from "../lib/clipboard.js";
import { EarlierMessages } from "../lib/earlier_messages.js";
import { FileDrops } from "../lib/file_drops.js";
import { giveWord } from "../lib/given_words.js";
import { addressee } from "../lib/model_completion.js";
import { stepTo } from "../lib/message_steps.js";
import { Recovery } from "../lib/recovery.js";
import { newRef } from "../lib/refs.js";
import { get, post, RequestFailed } from "../lib/requests.js";
import { ScrollFollower } from "../lib/scroll_follower.js";
import { socket } from "../lib/socket.js";
import { TreeActions } from "../lib/tree_actions.js";
import { copyOf, fragment } from "../render.js";
import { toast } from "./chat_toasts.js";

/** As who answers are asked that are pictures. */
const PICTURES = "pictures";

/**
 * @typedef {import("./chat_composer.js").ChatComposer} ChatComposer
 * @typedef {import("./chat_message.js").ChatMessage} ChatMessage
 * @typedef {import("./chat_messages.js").ChatMessages} ChatMessages
 * @typedef {import("./chat_panel.js").ChatPanel} ChatPanel
 * @typedef {import("./chat_picker.js").ChatPicker} ChatPicker
 * @typedef {import("./chat_sidebar.js").ChatSidebar} ChatSidebar
 * @typedef {import("./chat_title.js").ChatTitle} ChatTitle
 *
 * @typedef {object} Pending what was asked for and is not answered yet
 * @property {"send" | "edit" | "regenerate" | "merge"} kind
 * @property {string} [content]
 * @property {import("../lib/drafts.js").DraftDocument[]} [documents]
 * @property {import("../lib/picture_bar.js").Wish} [picture] what a picture is to be like, if one was asked for
 * @property {string} [message] the message that was edited or answered anew
 */

/** One chat, or the beginning of one: carries what people do to the server and what it says to the page. */
class ChatPage extends HTMLElement {
  /** By `ref`. @type {Map<string, Pending>} */
  #pending = new Map();
  /** @type {ScrollFollower | null} */
  #follower = null;
  /** @type {EarlierMessages | null} */
  #earlier = null;
  #drops = new FileDrops(this, (files) => this.#composer.attach(files));
  #hasBeenOpen = false;
  #tree = new TreeActions((html) => this.#showMessages(html));
  #recovery = new Recovery({ adopt: (page) => this.#adopt(page), isBusy: () => this.#pending.size > 0 });

  /** What people do inside the page, by the event that tells of it. @type {Record<string, (detail: any) => void>} */
  #deeds = {
    "message-composed": (detail) => this.#send(detail),
    "message-edited": (detail) => this.#edit(detail),
    "answer-wanted": (detail) => this.#regenerate(detail),
    "merge-wanted": (detail) => this.#merge(detail),
    "sibling-wanted": (detail) => this.#showSibling(detail),
    "tree-action-wanted": (detail) => this.#actOnTree(detail),
    "stop-wanted": (detail) => this.#stop(detail?.generation),
    "citation-opened": (detail) => this.#panel.open(detail.source, detail.opener),
    "model-picked": (detail) => this.#modelPicked(detail),
    "panel-wanted": (detail) => this.#panel.openAddress(detail.url, detail.name, detail.opener),
    "word-given": (detail) => this.#giveWord(detail),
    "chat-begun": (detail) => this.#begunEmpty(detail),
    "picture-wanted": (detail) => this.#composer.suggestPicture(detail.text),
    "shortcut-pressed": (detail) => this.#pressed(detail),
  };

  connectedCallback() {
    // Swapped in as a whole, this element is reached before those inside it.
    customElements.upgrade(this);
    for (const name of Object.keys(this.#deeds)) this.addEventListener(name, this.#done);
    this.addEventListener("click", this.#clicked);
    this.#drops.start();
    socket.addEventListener("opened", this.#opened);
    socket.addEventListener("lost", this.#lost);
    socket.addEventListener("refused", this.#signedOut);
    socket.addEventListener("received", this.#received);
    const jump = this.#find("[data-jump]");
    this.#follower = new ScrollFollower(this.#find("[data-scroll]"), this.#messages, (isAtEnd) => {
      jump.hidden = isAtEnd;
    });
    this.#earlier = new EarlierMessages(this.#find("[data-scroll]"), this.#messages, (error) => this.#complain(error));
    this.#follower.follow();
    this.#showState();
    this.#reachGoal();
    if (socket.isOpen) this.#opened();
    else socket.connect();
  }

  disconnectedCallback() {
    for (const name of Object.keys(this.#deeds)) this.removeEventListener(name, this.#done);
    this.removeEventListener("click", this.#clicked);
    this.#drops.stop();
    socket.removeEventListener("opened", this.#opened);
    socket.removeEventListener("lost", this.#lost);
    socket.removeEventListener("refused", this.#signedOut);
    socket.removeEventListener("received", this.#received);
    this.#follower?.stop();
    this.#earlier?.stop();
    if (this.#chat && socket.isOpen) socket.send({ type: "chat.closed", chat: this.#chat });
  }

  /** Uuid of the chat; empty for a new one. */
  get #chat() {
    return this.dataset.chat ?? "";
  }

  get #model() {
    return this.#picker.value;
  }

  get #picker() {
    return /** @type {ChatPicker} */ (this.#find("chat-picker"));
  }

  /**
   * Who is to answer.
   *
   * @param {string} [to] who answers alone this time, whoever is picked
   */
  #asked(to = "") {
    const { value, beside } = this.#picker;
    return { model: value, ...(beside.length && { beside }), ...(to && { to }) };
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  get #messages() {
    return /** @type {ChatMessages} */ (this.#find("chat-messages"));
  }

  get #composer() {
    return /** @type {ChatComposer} */ (this.#find("chat-composer"));
  }

  get #panel() {
    return /** @type {ChatPanel} */ (this.#find("chat-panel"));
  }

  get #title() {
    return /** @type {ChatTitle} */ (this.#find("chat-title"));
  }

  get #sidebar() {
    return /** @type {ChatSidebar | null} */ (document.querySelector("chat-sidebar"));
  }

  // ---- what people do ---------------------------------------------------------------------------

  /** @param {Event} event */
  #done = (event) => {
    if (event instanceof CustomEvent) this.#deeds[event.type]?.(event.detail);
  };

  /** @param {import("../lib/message_queue.js").Queued} detail */
  #send({ ref, content: written, documents, picture }) {
    const { to, content } = picture ? { to: PICTURES, content: written } : addressee(written, this.#picker.choices);
    this.#pending.set(ref, { kind: "send", content: written, documents, ...(picture && { picture }) });
    const question = copyOf(this.#template("[data-optimistic]"));
    question.querySelector("[data-body]")?.append(content);
    this.#messages.append(question, copyOf(this.#template("[data-waiting]")));
    this.classList.remove("chat--empty");
    this.#follower?.follow();
    socket.send({
      type: "message.sent",
      ref,
      content,
      ...this.#asked(to),
      ...(picture && { picture }),
      ...(this.#chat ? { chat: this.#chat } : this.dataset.folder && { folder: this.dataset.folder }),
      ...idsOf("documents", documents.filter(({ kind }) => (kind ?? "document") === "document")),
      ...idsOf("knowledge", documents.filter(({ kind }) => kind === "knowledge")),
      ...idsOf("images", documents.filter(({ kind }) => kind === "image")),
    });
  }

  /** @param {{message: string, content: string}} detail */
  #edit({ message, content }) {
    const ref = newRef();
    this.#pending.set(ref, { kind: "edit", content, message });
    this.#messages.find(message)?.setAttribute("aria-busy", "true");
    const to = this.#messages.find(message)?.hasAttribute("data-pictured") ? PICTURES : "";
    socket.send({ type: "message.edited", ref, chat: this.#chat, message, content, ...this.#asked(to) });
  }

  /** Of several answers each is asked for anew of the one that gave it. @param {{message: string}} detail */
  #regenerate({ message }) {
    const ref = newRef();
    this.#pending.set(ref, { kind: "regenerate", message });
    const answer = this.#messages.find(message);
    answer?.setAttribute("aria-busy", "true");
    const isPicture = answer?.hasAttribute("data-picture");
    const isOneOfSeveral = isPicture || this.#picker.beside.length > 0 || Boolean(answer?.closest("[data-columns]"));
    const asked = this.#asked(isOneOfSeveral ? answer?.dataset.answerer : "");
    socket.send({ type: "answer.requested", ref, chat: this.#chat, message, ...asked });
  }

  /** One answer is to be made of several. @param {{answers: string[], to: string}} detail */
  #merge({ answers, to }) {
    const ref = newRef();
    this.#pending.set(ref, { kind: "merge" });
    this.#panel.close();
    socket.send({ type: "merge.requested", ref, chat: this.#chat, answers, ...this.#asked(to) });
  }

  /** An empty chat greets as the model or preset that is picked; one in a folder shows that instead. @param {{model: string}} detail */
  async #welcome({ model }) {
    const shown = [...this.querySelectorAll("[data-welcome]")];
    if (this.#chat || !shown.length || !this.dataset.welcomeUrl) return;
    try {
      const answer = await get(`${this.dataset.welcomeUrl}?model=${encodeURIComponent(model)}`);
      const nodes = [...fragment(await answer.text()).querySelectorAll("[data-welcome]")];
      // Another one has been picked since, or a question was sent.
      if (this.#model !== model || this.#chat) return;
      shown.forEach((node, i) => nodes[i] && node.replaceWith(nodes[i]));
    } catch (error) {
      this.#complain(error);
    }
  }

  /** @param {{model: string}} detail */
  #modelPicked(detail) {
    this.#composer.modelChanged();
    this.#welcome(detail);
  }

  /** @param {{act: string}} detail what of a chat a shortcut is for */
  #pressed({ act }) {
    if (act === "compose") this.#composer.focusText();
    else if (act === "stop") this.#stop();
    else if (act === "copy") this.#copyLast();
    else {
      this.#follower?.letGo();
      stepTo(this.#messages.all, this.#find("[data-scroll]"), act === "previous" ? -1 : 1);
    }
  }

  async #copyLast() {
    const answers = /** @type {ChatMessage[]} */ (this.#messages.all.filter(({ dataset }) => dataset.role === "assistant"));
    const text = answers.at(-1)?.text;
    if (text && (await copyText(text))) toast(document.querySelector("chat-message-menu")?.getAttribute("data-copied") ?? "");
  }

  /** @param {string} [generation] all that run, without it */
  #stop(generation) {
    const running = this.#messages.active.map((answer) => answer.dataset.generation);
    for (const one of running.filter((uuid) => !generation || uuid === generation)) {
      socket.send({ type: "stop.requested", chat: this.#chat, generation: one });
    }
  }

  /** @param {{url: string, to: string, message: string}} detail */
  async #showSibling({ url, to }) {
    const before = this.#messages.all.length;
    if (!(await this.#showBranch(url)) || !before) return;
    const [, message = ""] = /\/siblings\/([0-9a-f-]{36})\//u.exec(url) ?? [];
    if (message && !this.#messages.find(message)) await this.#bring(message, "nearest");
    this.#focusSibling(url, to);
  }

  /** @param {string} url @returns {Promise<boolean>} */
  async #showBranch(url) {
    try {
      const answer = await post(url);
      this.#showMessages(await answer.text());
      return true;
    } catch (error) {
      this.#complain(error);
      return false;
    }
  }

  /** Bring the message into sight that the address names, on whichever branch it is. */
  async #reachGoal() {
    const { goal, goalUrl } = this.dataset;
    if (!goal || (goalUrl && !(await this.#showBranch(goalUrl)))) return;
    const message = await this.#bring(goal, "center");
    if (!message) return;
    message.classList.add("message--found");
    message.tabIndex = -1;
    message.focus({ preventScroll: true });
  }

  /**
   * Scroll to a message, which may be far above what is loaded.
   *
   * @param {string} uuid
   * @param {ScrollLogicalPosition} block
   * @returns {Promise<HTMLElement | null>} null when it is not in this branch
   */
  async #bring(uuid, block) {
    this.#follower?.letGo();
    await this.#earlier?.bring(uuid);
    const message = this.#messages.find(uuid);
    message?.scrollIntoView({ block });
    return message;
  }

  /** Another branch, or another state of this one. @param {string} html */
  #showMessages(html) {
    this.#messages.replaceAll(fragment(html));
    this.classList.toggle("chat--empty", !this.#messages.all.length);
    // An answer may still be written in the branch that was left.
    this.#showState("");
    this.#changed();
    this.#open({});
  }

  /** @param {{action: string, url: string}} detail */
  async #actOnTree({ action, url }) {
    if (action === "fork") {
      await this.#tree.fork(url);
      return;
    }
    await this.#tree.delete(url, action === "delete-branch");
    // What had the focus is gone.
    if (!this.contains(document.activeElement)) this.#composer.focusText();
  }

  /**
   * Keep the focus on the arrow that was pressed: on the message that has come in its place.
   *
   * @param {string} url names the message that was asked for
   * @param {string} to
   */
  #focusSibling(url, to) {
    const shown = this.#messages.all.find((node) => url.includes(node.dataset.message ?? "-"));
    const arrow = shown?.querySelector(`[data-to="${to}"]:not(:disabled)`) ?? shown?.querySelector("[data-to]:not(:disabled)");
    if (arrow instanceof HTMLElement) arrow.focus({ preventScroll: true });
  }

  /** @param {Event} event */
  #clicked = (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-jump]")) this.#follower?.follow();
    else if (event.target.closest("[data-reconnect]")) socket.retry();
    const opener = event.target.closest("[data-panel-url]");
    if (opener instanceof HTMLElement) this.#openPanel(opener);
    const restore = event.target.closest("[data-restore-url]");
    if (restore instanceof HTMLElement) this.#restoreContext(restore);
    if (event.target.closest("[data-remove-note]")) this.#removeNote(event.target);
    const suggestion = event.target.closest(".suggestion");
    if (!(suggestion instanceof HTMLButtonElement)) return;
    if (suggestion.dataset.suggestion) this.#composer.suggest(suggestion.dataset.suggestion);
    if ("chooseFiles" in suggestion.dataset) this.#composer.chooseFiles();
  };

  /** @param {{word: string}} detail */
  #giveWord({ word }) {
    const place = this.#chat ? { chat: this.#chat } : { folder: this.dataset.folder ?? "" };
    giveWord(word, {
      composer: this.#composer,
      place: { ...place, model: this.#model },
      begin: (outcome) => this.#begunEmpty(outcome),
      replace: (message, html) => this.#replace(message, html),
      addNote: (html) => this.#addNote(html),
      complain: (error) => this.#complain(error),
    });
  }

  /** @param {string} html an aside that no model is sent */
  #addNote(html) {
    this.#messages.append(fragment(html));
    this.classList.remove("chat--empty");
    this.#follower?.follow();
  }

  /** @param {Element} inside */
  #removeNote(inside) {
    inside.closest("[data-note]")?.remove();
    this.classList.toggle("chat--empty", !this.#messages.children.length);
    this.#composer.focusText();
  }

  /**
   * Show a message as it is now.
   *
   * @param {string} message
   * @param {string} html
   */
  #replace(message, html) {
    this.#messages.find(message)?.replaceWith(fragment(html));
    this.#showState("");
    this.#follower?.follow();
  }

  /** @param {HTMLElement} button takes back that the context was cleared */
  async #restoreContext(button) {
    const message = /** @type {HTMLElement | null} */ (button.closest("chat-message"))?.dataset.message ?? "";
    try {
      const answer = await post(button.dataset.restoreUrl ?? "");
      this.#replace(message, await answer.text());
      this.#composer.focusText();
    } catch (error) {
      this.#complain(error);
    }
  }

  /** Show a fragment beside the chat, asked for as the page is now where it is about the chat. @param {HTMLElement} opener */
  #openPanel(opener) {
    const { panelUrl = "", chatPanelUrl } = opener.dataset;
    const url = new URL(this.#chat && chatPanelUrl ? withChat(chatPanelUrl, this.#chat) : panelUrl, location.href);
    if (chatPanelUrl) url.searchParams.set("model", this.#model);
    if (chatPanelUrl && !this.#chat && this.dataset.folder) url.searchParams.set("folder", this.dataset.folder);
    const name = opener.dataset.panelName ?? opener.getAttribute("aria-label") ?? opener.textContent?.trim() ?? "";
    // An item of a menu is gone when the panel closes: what opened the menu is not.
    const button = opener.closest("chat-menu")?.querySelector("[popovertarget]") ?? opener;
    this.#panel.openAddress(url.href, name, button);
  }

  // ---- the connection -----------------------------------------------------------------------------

  #opened = () => {
    this.#find("[data-offline]").hidden = true;
    this.#open(this.#messages.seen);
    // What is on its way again is answered with the state of its branch.
    if (this.#hasBeenOpen && !this.#pending.size) this.#recover();
    this.#hasBeenOpen = true;
  };

  /** @param {Record<string, number>} seen */
  #open(seen) {
    if (this.#chat && socket.isOpen) socket.send({ type: "chat.opened", chat: this.#chat, last: this.#messages.last, seen });
  }

  #lost = () => {
    // The first break is often over before anyone has noticed it.
    if (socket.failures > 1 || this.#pending.size) this.#find("[data-offline]").hidden = false;
  };

  /** The session has ended: what was on its way is in its field again, and signing in brings the page back. */
  #signedOut = () => {
    const notice = this.#find("[data-signed-out]");
    notice.hidden = false;
    this.#find("[data-offline]").hidden = true;
    for (const [ref, request] of this.#pending) this.#giveBack(ref, request, notice.querySelector("span")?.textContent?.trim() ?? "");
    this.#pending.clear();
  };

  /** Ask the server what it has, after a break: whatever has come meanwhile. */
  async #recover() {
    if (!this.#chat) return;
    try {
      await this.#recovery.run();
    } catch (error) {
      this.#complain(error);
    }
  }

  /** Something was answered, or has changed the page: what is still to be asked after a break may be asked now. */
  async #changed() {
    this.#recovery.noteChange();
    try {
      await this.#recovery.runIfDue();
    } catch (error) {
      this.#complain(error);
    }
  }

  /** @param {Document} page as the server shows it now */
  #adopt(page) {
    const stored = page.querySelector("chat-messages");
    if (!stored || !this.isConnected || this.querySelector(".message__editor")) return;
    if (this.#messages.shows(stored)) return;
    const nodes = document.createDocumentFragment();
    for (const node of [...stored.childNodes]) nodes.append(document.importNode(node, true));
    this.#messages.replaceEnd(nodes);
    this.#showState();
    this.#open({});
  }

  // ---- what the server says ------------------------------------------------------------------------

  /** @param {Event} event */
  #received = (event) => {
    const said = /** @type {CustomEvent} */ (event).detail;
    if (said.type === "sidebar.changed") this.#chatsChanged(said.html);
    else if (said.type === "chat.moved_up") this.#movedUp(said);
    else if (said.type === "folder.changed") this.#folderChanged(said);
    else if (said.type === "chat.moved") this.#placeChanged(said);
    else if (said.type === "chat.renamed") this.#renamed(said);
    else if (said.type === "branch.changed") this.#branchChanged(said);
    else if (said.type === "branch.outdated") this.#branchOutdated(said);
    else if (said.type === "request.refused") this.#refused(said);
    else if (said.chat === this.#chat) this.#answered(said);
  };

  /** @param {any} said */
  #answered(said) {
    if (said.type === "follow_ups.suggested") {
      this.#messages.showFollowUps(said);
      return;
    }
    const words = this.#messages.apply(said);
    if (words) this.#announce(words);
    if (said.type !== "generation.ended") return;
    this.#showState();
    this.#changed();
  }

  /** @param {string} html */
  #chatsChanged(html) {
    this.#sidebar?.replaceChats(html);
    this.#showTitle();
    this.#showFolder();
  }

  /** @param {{chat: string, label: string, html: string}} said */
  #movedUp(said) {
    this.#sidebar?.moveUp(said);
    this.#showTitle();
  }

  /** @param {{chat: string, title: string, folder: string, html: string}} said */
  #folderChanged(said) {
    this.#sidebar?.showFolder(said);
    if (said.chat === this.#chat) this.#title.show(said.title);
  }

  /** A chat is in another folder. @param {{chat: string, folder: string | null, html: string}} said */
  #placeChanged({ chat, folder, html }) {
    const row = this.querySelector(`[data-folder-chats] li[data-chat="${CSS.escape(chat)}"]`);
    if (row && folder !== this.dataset.folder) row.remove();
    if (chat !== this.#chat) return;
    this.dataset.folder = folder ?? "";
    const place = this.#find("[data-folder-link]");
    place.replaceChildren(fragment(html));
    globalThis.htmx.process(place);
  }

  /** The name that the list has for the folder of this chat, if that is still there. */
  #showFolder() {
    const name = this.#sidebar?.folderName(this.dataset.folder ?? "");
    const link = this.querySelector("[data-folder-link] a span");
    if (!link) return;
    if (name) link.textContent = name;
    else if (this.#chat) this.#find("[data-folder-link]").replaceChildren();
  }

  /** The title that the list has for this chat. */
  #showTitle() {
    const title = this.#sidebar?.titleOf(this.#chat);
    if (this.#chat && title) this.#title.show(title);
  }

  /** @param {{chat: string, title: string}} said */
  #renamed({ chat, title }) {
    this.#sidebar?.rename(chat, title);
    const row = this.querySelector(`[data-folder-chats] li[data-chat="${CSS.escape(chat)}"] > a`);
    if (row) row.textContent = title;
    if (chat === this.#chat) this.#title.show(title);
  }

  /** @param {any} said */
  #branchChanged(said) {
    const request = this.#settle(said.ref);
    const isNew = !this.#chat && request !== undefined;
    if (!isNew && said.chat !== this.#chat) return;
    if (isNew) this.#begin(said);
    for (const node of this.querySelectorAll("[data-welcome]")) node.remove();
    if (request?.kind === "send") this.#composer.settle(said.chat, said.ref);
    if (!this.#messages.replaceAfter(said.after, said.html)) {
      this.#recover();
      return;
    }
    if (request) this.#follower?.follow();
    this.#showState();
    this.#changed();
  }

  /** The branch went on between loading this page and connecting it. @param {{chat: string}} said */
  #branchOutdated({ chat }) {
    if (chat === this.#chat) this.#recover();
  }

  /**
   * Take a request out: it has been answered.
   *
   * @param {string | undefined} ref
   */
  #settle(ref) {
    const request = this.#pending.get(ref ?? "");
    this.#pending.delete(ref ?? "");
    return request;
  }

  /** The new chat has an address now. @param {{chat: string, url: string}} said */
  #begin({ chat, url }) {
    this.dataset.chat = chat;
    this.#title.dataset.chat = chat;
    this.#title.dataset.url = withChat(this.dataset.renameUrl ?? "", chat);
    for (const node of this.querySelectorAll("[data-of-chat]")) offer(node, chat);
    // Going back means loading that page anew, which is what htmx does with entries of its own.
    history.replaceState({ htmx: true }, "", location.href);
    history.pushState({ htmx: true }, "", url);
  }

  /** Something was set for the new chat before its first question. @param {{chat: string, url: string}} begun */
  #begunEmpty(begun) {
    this.#begin(begun);
    this.#composer.moveTo(begun.chat);
    this.#open({});
  }

  /** @param {{text: string, ref?: string}} said */
  #refused({ text, ref }) {
    const request = this.#settle(ref);
    if (request) this.#giveBack(ref ?? "", request, text);
    else toast(text, { danger: true });
    this.#changed();
  }

  /**
   * Nothing was stored: the page is as it was before, and what was written is in its field again.
   *
   * @param {string} ref
   * @param {Pending} request
   * @param {string} reason
   */
  #giveBack(ref, { kind, content = "", documents = [], message = "", picture }, reason) {
    for (const node of this.querySelectorAll(".message--unsent")) node.remove();
    this.classList.toggle("chat--empty", !this.#messages.all.length);
    if (kind === "send") {
      this.#composer.restore({ content, documents, ref, ...(picture && { picture }) }, reason);
      return;
    }
    toast(reason, { danger: true });
    const asked = /** @type {ChatMessage | null} */ (this.#messages.find(message));
    asked?.removeAttribute("aria-busy");
    if (kind === "edit") asked?.edit(content);
  }

  // ---- the rest --------------------------------------------------------------------------------

  /** @param {string} [ended] how the last answer ended; empty when that is not known, or one is to be chosen first */
  #showState(ended = this.#messages.ended) {
    const isStreaming = this.#messages.active.length > 0;
    this.#composer.isStreaming = isStreaming;
    if (!isStreaming) this.#composer.answerEnded(ended);
    /** @type {import("./chat_gauge.js").ChatGauge} */ (this.#find("chat-gauge")).show(this.#messages.all);
  }

  /** @param {string} words */
  #announce(words) {
    this.#find("[data-announcer]").textContent = words;
  }

  /** @param {unknown} error */
  #complain(error) {
    const kind = error instanceof RequestFailed && error.status > 0 ? "failed" : "offline";
    toast(document.querySelector("chat-toasts")?.getAttribute(`data-${kind}`) ?? "", { danger: true });
  }

  /** @param {string} selector */
  #template(selector) {
    return /** @type {HTMLTemplateElement} */ (this.querySelector(`template${selector}`));
  }
}

/**
 * @param {"documents" | "knowledge" | "images"} field
 * @param {import("../lib/drafts.js").DraftDocument[]} chosen
 */
function idsOf(field, chosen) {
  return chosen.length ? { [field]: chosen.map(({ uuid }) => uuid) } : {};
}

customElements.define("chat-page", ChatPage);
