import { confirmOn } from "./confirming.js";
import { copyText } from "./clipboard.js";
import { csvOf, tabbedOf } from "./csv.js";
import { saveText } from "./download.js";

/** The buttons below tables, wherever an answer is shown: copy for a spreadsheet, and save. */
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  const table = button?.closest(".table-block")?.querySelector("table");
  if (!button || !table) return;
  if (button.matches(".table-block__copy")) copy(table, button);
  else if (button.matches(".table-block__download")) saveText("table.csv", csvOf(rowsOf(table)), "text/csv;charset=utf-8");
});

/**
 * @param {HTMLTableElement} table
 * @param {Element} button
 */
async function copy(table, button) {
  if (await copyText(tabbedOf(rowsOf(table)))) confirmOn(button);
}

/** @param {HTMLTableElement} table */
function rowsOf(table) {
  return [...table.rows].map((row) => [...row.cells].map((cell) => textOf(cell).trim()));
}

/** What a reader reads: formulas as TeX, citations with their brackets. @param {Node} node @returns {string} */
function textOf(node) {
  if (!(node instanceof Element)) return node.textContent ?? "";
  if (node.localName === "br") return " ";
  const tex = node.localName === "math" ? node.getAttribute("alttext") : null;
  if (tex) return tex;
  const inner = [...node.childNodes].map(textOf).join("");
  return node.matches(".citation") ? `[${inner}]` : inner;
}
