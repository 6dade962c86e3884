import { get, postForJson } from "./requests.js";

/** `/` at the start of a word, and what follows it up to the caret. A path has a second one. */
const QUERY = /(?:^|\s)\/([^\s/]*)$/u;
const NOBODY = "00000000-0000-0000-0000-000000000000";

/**
 * @typedef {object} Field a value to ask for
 * @property {string} name
 * @property {string} kind
 * @property {string} label
 * @property {string} placeholder
 * @property {string} default
 * @property {string[]} options
 * @property {boolean} is_required
 * @property {Record<string, string>} bounds
 *
 * @typedef {string | {known: string} | {asked: string}} Part
 * @typedef {{parts: Part[], fields: Field[]}} Prompt
 */

/**
 * Prompt presets by their commands and names, those used last first.
 *
 * @param {object} parts
 * @param {string} parts.searchUrl
 * @param {string} parts.insertUrl with NOBODY for the prompt
 * @param {string} parts.label
 * @param {(prompt: Prompt) => void} parts.onPick
 * @param {() => void} parts.onError
 * @returns {import("./completion.js").Source}
 */
export function promptSource({ searchUrl, insertUrl, label, onPick, onError }) {
  return {
    name: "prompt",
    label,
    query: (before) => QUERY.exec(before)?.[1] ?? null,
    find: async (query) => {
      const answer = await get(`${searchUrl}?q=${encodeURIComponent(query)}`);
      const { prompts } = await answer.json();
      return prompts.map((/** @type {{uuid: string, command: string, name: string}} */ { uuid, command, name }) => ({
        id: uuid,
        name: `/${command}`,
        detail: name,
        kind: "prompt",
      }));
    },
    pick: async ({ id }) => {
      const prompt = await postForJson(insertUrl.replace(NOBODY, id), {}).catch(() => null);
      if (prompt?.parts) onPick(prompt);
      else onError();
    },
  };
}

/**
 * The text of a prompt. A value stands in it as it is: what looks like a variable in one is none.
 *
 * @param {Prompt} prompt
 * @param {Record<string, string>} values of its fields and of what is known, by name
 */
export function textOf({ parts }, values) {
  const texts = parts.map((part) => (typeof part === "string" ? part : (values["known" in part ? part.known : part.asked] ?? "")));
  return texts.join("");
}

/**
 * What a device knows of the moment.
 *
 * @param {Date} now
 * @param {string} language
 * @returns {Record<string, string>}
 */
export function knownAt(now, language) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}`;
  return {
    CURRENT_DATE: date,
    CURRENT_TIME: time,
    CURRENT_DATETIME: `${date} ${time}`,
    CURRENT_WEEKDAY: new Intl.DateTimeFormat(language, { weekday: "long" }).format(now),
    CURRENT_TIMEZONE: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}
