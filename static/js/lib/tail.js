/** Elements that hold text of their own: plain text is added inside them, not beside them. */
const TEXT_BLOCKS = new Set(["P", "LI", "UL", "OL", "BLOCKQUOTE", "FIGURE", "PRE", "CODE", "TD", "TH", "TR", "TBODY", "TABLE", "DIV"]);
const HEADINGS = /^H[1-6]$/;

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
  end.append(text);
}
