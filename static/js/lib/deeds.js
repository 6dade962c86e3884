import { toast } from "../elements/chat_toasts.js";
import { fragment } from "../render.js";
import { openDialog } from "./dialogs.js";
import { get, post, sentenceOf } from "./requests.js";

/**
 * What is done to chats, one or many at once, and taken back. The words stand on <chat-sidebar>.
 *
 * @typedef {string[][]} Step the fields of a form that asks for it
 */

/** Deeds after which a chat does not stand in the same list any more. */
const LEAVING = new Set(["archive", "restore", "delete", "undelete"]);

/** @returns {import("../elements/chat_sidebar.js").ChatSidebar} */
function sidebar() {
  return /** @type {any} */ (document.querySelector("chat-sidebar"));
}

/**
 * @param {string} deed
 * @param {string[]} chats
 * @param {Record<string, string>} [fields]
 * @returns {Step}
 */
export function stepOf(deed, chats, fields = {}) {
  return [["deed", deed], ...chats.map((chat) => ["chats", chat]), ...Object.entries(fields)];
}

/**
 * Ask the server to do something to chats.
 *
 * @param {Step} step
 * @param {string} [url]
 * @returns {Promise<{said: string, undo: Step[]}>}
 * @throws {import("./requests.js").RequestFailed}
 */
export async function ask(step, url = sidebar().dataset.doUrl ?? "") {
  const answer = await post(url, step);
  const { said, undo } = await answer.json();
  const chats = step.flatMap(([name, value]) => (name === "chats" && value ? [value] : []));
  document.dispatchEvent(new CustomEvent("chats-done", { detail: { deed: valueOf(step, "deed"), chats } }));
  // Where no socket tells of it.
  if (!document.querySelector("chat-page")) await sidebar().refresh();
  return { said, undo };
}

/**
 * Do something to chats, say so, and offer to take it back.
 *
 * @param {Step} step
 * @param {string} [url]
 */
export async function carryOut(step, url) {
  const rows = rowsLeaving(step);
  show(rows, false);
  try {
    const { said, undo } = await ask(step, url);
    offerUndo(said, undo, () => show(rows, true));
  } catch (error) {
    show(rows, true);
    toast(sentenceOf(error, sidebar().dataset.failed ?? ""), { danger: true });
  }
}

/**
 * @param {string} said
 * @param {Step[]} steps
 * @param {() => void} [onUndone]
 */
export function offerUndo(said, steps, onUndone = () => {}) {
  const run = async () => {
    try {
      for (const step of steps) await ask(step);
      onUndone();
    } catch (error) {
      toast(sentenceOf(error, sidebar().dataset.failed ?? ""), { danger: true });
    }
  };
  toast(said, steps.length ? { action: { label: sidebar().dataset.undo ?? "", run } } : {});
}

/** @param {string[]} chats */
export async function openTags(chats) {
  await openAbout(chats, sidebar().dataset.taggingUrl ?? "", "tag-chats");
}

/** @param {string[]} chats */
export async function openMove(chats) {
  await openAbout(chats, sidebar().dataset.moveChosenUrl ?? "", "move-chat");
}

/**
 * Open a dialog about some chats, with what the server has for them.
 *
 * @param {string[]} chats
 * @param {string} url
 * @param {string} dialog
 */
async function openAbout(chats, url, dialog) {
  try {
    const answer = await get(`${url}?${new URLSearchParams(chats.map((chat) => ["chats", chat]))}`);
    document.getElementById(`${dialog}-body`)?.replaceChildren(fragment(await answer.text()));
    openDialog(dialog);
  } catch (error) {
    toast(sentenceOf(error, sidebar().dataset.failed ?? ""), { danger: true });
  }
}

/**
 * The rows of the page that a step takes out of their list.
 *
 * @param {Step} step
 */
function rowsLeaving(step) {
  if (!LEAVING.has(valueOf(step, "deed") || "delete")) return [];
  return step.flatMap(([name, value]) =>
    name === "chats" ? [...document.querySelectorAll(`li[data-chat="${CSS.escape(value ?? "")}"]`)] : [],
  );
}

/**
 * @param {Element[]} rows
 * @param {boolean} isShown
 */
function show(rows, isShown) {
  for (const row of rows) if (row instanceof HTMLElement) row.hidden = !isShown;
}

/**
 * @param {Step} step
 * @param {string} name
 */
function valueOf(step, name) {
  return step.find(([field]) => field === name)?.[1] ?? "";
}

addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const button = event.target.closest("[data-deed], [data-tag-chats]");
  if (!button) return;
  const chat = button.getAttribute("data-tag-chats") || button.closest("[data-chat]")?.getAttribute("data-chat");
  if (!chat) return;
  // Without scripts it is the button of a form.
  event.preventDefault();
  const deed = button.getAttribute("data-deed");
  if (deed) carryOut(stepOf(deed, [chat]));
  else openTags([chat]);
});
