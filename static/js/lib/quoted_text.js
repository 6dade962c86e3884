const MARK = '"""';

/** Whether a text begins with three quotation marks, as in a terminal, and they are not closed. @param {string} text */
export function isQuoteOpen(text) {
  const begun = text.trimStart();
  return begun.startsWith(MARK) && !isClosed(begun.trimEnd());
}

/** What stands between the three quotation marks that a text begins and ends with; else the text. @param {string} text */
export function withoutQuotes(text) {
  const whole = text.trim();
  return whole.startsWith(MARK) && isClosed(whole) ? whole.slice(MARK.length, -MARK.length).replace(/^\n|\n$/gu, "") : text;
}

/** @param {string} text that begins with the mark */
function isClosed(text) {
  return text.length >= 2 * MARK.length && text.endsWith(MARK);
}
