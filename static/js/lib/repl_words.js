/** What is typed of a word so far: a slash at the start of the text, and no line break. */
const BEGUN = /^\/([^\n]*)$/u;

/**
 * Words of a terminal chat, such as `/clear`. What they do is the server's to say.
 *
 * A list of them stands in the page: how a text begins that may be one, and what of them is offered.
 */
export class ReplWords {
  #names;
  #offered;
  #label;

  /** @param {HTMLDataListElement} list */
  constructor(list) {
    this.#names = new Set((list.dataset.names ?? "").split(" "));
    this.#label = list.dataset.label ?? "";
    this.#offered = [...list.options].map(({ value, label }) => ({ id: value, name: value, detail: label }));
  }

  /** Whether a text may be one of the words, with what follows it. @param {string} text */
  mayBe(text) {
    const name = /^\/(\S+)/u.exec(text)?.[1];
    return name !== undefined && this.#names.has(name.toLowerCase());
  }

  /**
   * What completes them.
   *
   * @param {(usage: string) => void} onPick
   * @returns {import("./completion.js").Source}
   */
  source(onPick) {
    const offeredFor = (/** @type {string} */ begun) => this.#offered.filter(({ name }) => name.startsWith(`/${begun.toLowerCase()}`));
    return {
      name: "word",
      label: this.#label,
      isLocal: true,
      // What is written out needs no completing: Enter is for sending it then.
      query: (before) => {
        const begun = BEGUN.exec(before)?.[1];
        return begun === undefined || this.#offered.some(({ name }) => name === `/${begun.trim()}`) ? null : begun;
      },
      find: offeredFor,
      pick: ({ name }) => onPick(name),
    };
  }
}
