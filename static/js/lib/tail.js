/** Elements that hold text of their own: plain text is added inside them, not beside them. */
const TEXT_BLOCKS = new Set(["P", "LI", "UL", "OL", "BLOCKQUOTE", "FIGURE", "PRE", "CODE", "TD", "TH", "TR", "TBODY", "TABLE", "DIV"]);
const HEADINGS = /^H[1-6]$/;

/** The white space that the text before ended in: rendering drops it, and the next words need it. @type {WeakMap<Element, string>} */
const openSpace = new WeakMap();

/**
 * Tell what white space the text of a tail ended in, when that was rendered anew.
 *
 * @param {Element} tail
 * @param {string} space
 */
export function endIn(tail, space) {
  openSpace.set(tail, space);
}

/**
 * Add plain text at the open end of an answer, until the server renders that end anew.
 *
 * @param {Element} tail
 * @param {string} text
 */
export function appendText(tail, text) {
  let end = tail;
  while (end.lastElementChild && (TEXT_BLOCKS.has(end.lastElementChild.tagName) || HEADINGS.test(end.lastElementChild.tagName))) {
    end = end.lastElementChild;
  }
  if (end === tail) {
    end = document.createElement("p");
    tail.append(end);
  }
  const isApart = /\s$/u.test(end.textContent ?? "") || !end.textContent;
  end.append(isApart ? text : (openSpace.get(tail) ?? "") + text);
  openSpace.set(tail, /\s*$/u.exec(text)?.[0] ?? "");
}
