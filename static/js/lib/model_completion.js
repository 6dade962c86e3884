/** `@` at the beginning of a message, and what follows it up to the caret. */
const QUERY = /^\s*@([^\s@]*)$/u;

/** @typedef {{id: string, name: string, detail: string}} ModelChoice a model or a preset */

/**
 * The models that a message can be sent to, by their names.
 *
 * @param {object} parts
 * @param {string} parts.label
 * @param {() => ModelChoice[]} parts.choices
 * @param {(text: string) => void} parts.onPick called with what is written into the message
 * @returns {import("./completion.js").Source}
 */
export function modelSource({ label, choices, onPick }) {
  return {
    name: "model",
    label,
    isLocal: true,
    query: (before) => QUERY.exec(before)?.[1] ?? null,
    find: (query) => {
      const wanted = query.toLocaleLowerCase();
      const found = choices().map((choice, i) => ({ ...choice, id: String(i), kind: "model" }));
      return found.filter(({ name }) => name.toLocaleLowerCase().includes(wanted));
    },
    pick: ({ name }) => onPick(`@${name} `),
  };
}

/**
 * Whom a message is sent to alone, because it begins with `@` and a name, and what is left of it.
 *
 * @param {string} text
 * @param {ModelChoice[]} choices
 * @returns {{to: string, content: string}} `to` is empty when it names nobody, or says nothing else
 */
export function addressee(text, choices) {
  const said = text.trimStart();
  // Of two names that begin alike the longer one is meant.
  const byLength = [...choices].sort((a, b) => b.name.length - a.name.length);
  const named = byLength.find(({ name }) => {
    const isNamed = said.slice(0, name.length + 1).toLocaleLowerCase() === `@${name.toLocaleLowerCase()}`;
    return isNamed && /^\s+\S/u.test(said.slice(name.length + 1));
  });
  return named ? { to: named.id, content: said.slice(named.name.length + 1).trimStart() } : { to: "", content: text };
}
