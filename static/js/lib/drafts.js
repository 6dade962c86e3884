import { storeFor } from "./device_store.js";

/**
 * @typedef {{uuid: string, name: string, kind?: "document" | "knowledge" | "image"}} DraftDocument a document, knowledge, or a picture
 * @typedef {{content: string, documents: DraftDocument[]}} Draft
 */

/** @param {string} chat empty for a new one */
function keyOf(chat) {
  return `hearth:draft:${document.body.dataset.user ?? ""}:${chat || "new"}`;
}

/**
 * What was written in a chat and not sent, on this device.
 *
 * @param {string} chat
 * @returns {Draft}
 */
export function readDraft(chat) {
  try {
    const stored = JSON.parse(storeFor(keyOf(chat)).getItem(keyOf(chat)) ?? "{}");
    return { content: String(stored.content ?? ""), documents: Array.isArray(stored.documents) ? stored.documents : [] };
  } catch {
    return { content: "", documents: [] };
  }
}

/**
 * @param {string} chat
 * @param {Draft} draft an empty one is forgotten
 */
export function keepDraft(chat, draft) {
  try {
    if (draft.content || draft.documents.length) storeFor(keyOf(chat)).setItem(keyOf(chat), JSON.stringify(draft));
    else storeFor(keyOf(chat)).removeItem(keyOf(chat));
  } catch {
    // Storage is full or switched off: the text is still in the field.
  }
}
