import { get } from "./requests.js";

/** `#` at the start of a word, and what follows it up to the caret. */
const QUERY = /(?:^|\s)#([^\s#]*)$/u;
/** An address may have a `#` of its own. */
const ADDRESS = /(?:^|\s)#(https?:\/\/\S+)$/iu;
const ADDRESS_DONE = /(?:^|\s)#(https?:\/\/\S+)\s$/iu;

/**
 * @typedef {import("./completion.js").Source} Source
 * @typedef {import("./drafts.js").DraftDocument} DraftDocument
 * @typedef {{uuid: string, name: string, detail?: string}} Found
 */

/**
 * Take the pages out of a text that were written into it as `#https://…`.
 *
 * @param {string} text
 * @returns {{text: string, addresses: string[]}}
 */
export function takeAddresses(text) {
  const addresses = [...text.matchAll(/(?<=^|\s)#(https?:\/\/\S+)/giu)].map((found) => found[1]);
  return { text: text.replace(/(?<=^|\s)#https?:\/\/\S+[ \t]*/giu, ""), addresses };
}

/**
 * Knowledge and documents that the person may read, by their names.
 *
 * @param {object} parts
 * @param {string} parts.url
 * @param {string} parts.label
 * @param {string} parts.none
 * @param {string} [parts.noneYet] said instead where nothing was asked for
 * @param {boolean} [parts.isBare] the field holds a name and nothing else
 * @param {(document: DraftDocument) => void} parts.onPick
 * @returns {Source}
 */
export function documentSource({ url, label, none, noneYet = none, isBare = false, onPick }) {
  const queryOf = (/** @type {string} */ before) => (ADDRESS.test(before) ? null : (QUERY.exec(before)?.[1] ?? null));
  return {
    name: "document",
    label,
    none: (query) => (query ? none : noneYet),
    query: isBare ? (text) => text.trim().replace(/^#/u, "") : queryOf,
    find: async (query) => {
      const answer = await get(`${url}?q=${encodeURIComponent(query)}`);
      const { knowledge, documents } = await answer.json();
      return [
        ...knowledge.map((/** @type {Found} */ one) => ({ id: one.uuid, kind: "knowledge", ...one })),
        ...documents.map((/** @type {Found} */ one) => ({ id: one.uuid, kind: "document", ...one })),
      ];
    },
    pick: ({ id, name, kind }) => onPick({ uuid: id, name, kind: kind === "knowledge" ? "knowledge" : "document" }),
  };
}

/**
 * Pages to fetch, by their addresses.
 *
 * @param {object} parts
 * @param {string} parts.label
 * @param {string} parts.detail what picking one does
 * @param {(address: string) => void} parts.onAddress
 * @returns {Source}
 */
export function addressSource({ label, detail, onAddress }) {
  const choiceOf = (/** @type {string} */ address) => ({ id: "page", name: address, detail, kind: "document" });
  return {
    name: "address",
    label,
    isLocal: true,
    query: (before) => ADDRESS.exec(before)?.[1] ?? null,
    find: (address) => [choiceOf(address)],
    finished: (before) => {
      const address = ADDRESS_DONE.exec(before)?.[1];
      return address ? choiceOf(address) : null;
    },
    pick: ({ name }) => onAddress(name),
  };
}
