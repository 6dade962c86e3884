const NUMBER = /^[+-]?[\d\s.,'’]*\d\s*%?$/u;
const FORMULA = /^[=+\-@＝＋－＠\t\r]/u;

/**
 * Write rows as a file that spreadsheets read as it is meant: with a mark that says UTF-8, and nothing in it that they run.
 *
 * @param {string[][]} rows
 */
export function csvOf(rows) {
  return `\ufeff${rows.map((row) => row.map((cell) => quoted(harmless(cell))).join(",")).join("\r\n")}\r\n`;
}

/**
 * Write rows as what spreadsheets put into cells when it is pasted.
 *
 * @param {string[][]} rows
 */
export function tabbedOf(rows) {
  return rows.map((row) => row.map((cell) => harmless(cell.replace(/\s+/gu, " "))).join("\t")).join("\n");
}

/** A cell that would be run as a formula begins with an apostrophe, which makes it text; numbers stay numbers. @param {string} cell */
function harmless(cell) {
  return FORMULA.test(cell) && !NUMBER.test(cell) ? `'${cell}` : cell;
}

/** @param {string} cell */
function quoted(cell) {
  return /[",\r\n\t;']/u.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
