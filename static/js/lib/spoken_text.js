import { sentences } from "./sentences.js";

/** What is never read: code, formulas that stand alone, notes, and what is pressed and not read. */
const SILENT = "pre, .code, .math-block, math[display='block'], button, .footnotes, .footnote-ref, template, input, svg, [hidden]";
const BLOCKS = new Set("P LI UL OL BLOCKQUOTE FIGURE FIGCAPTION H1 H2 H3 H4 H5 H6 TR TABLE THEAD TBODY DIV DL DT DD HR SECTION".split(" "));
const CELLS = new Set(["TD", "TH"]);
const ADDRESS = /(?:https?:\/\/|www\.)[^\s，。；！？、）」』】<>"]+/giu;
/** Of text whose Markdown has not been rendered yet. */
const CITATION = /\[\d+(?:\s*[,，]\s*\d+)*\]|【\d+】/gu;
const MARKS = /^[\s>#*+•-]+|^\s*\d{1,3}[.)]\s+|[*`|]|~~|__/gmu;
/** From here on the open end of an answer is code or a formula, whatever is rendered of it so far. */
const OPENS_SILENCE = /```|~~~|\$\$|\\\[/u;
const SAID = /[\p{L}\p{N}]/gu;

/**
 * @typedef {object} Unit a sentence of an answer
 * @property {string} words as they are said; never empty
 * @property {number} from how many letters and digits go before it in the answer
 * @property {number} to the same for its end
 * @property {number} block which block of the answer it is in
 * @property {() => Range} range where it stands on the page
 */

/** A block of text: its words, and which of them stand in which text node. */
class Block {
  text = "";
  /** @type {{node: Text, at: number}[]} */
  runs = [];
  /** More may come. */
  isOpen = false;

  /** @param {Text} node */
  add(node) {
    this.runs.push({ node, at: this.text.length });
    this.text += node.data;
  }

  /** @param {import("./sentences.js").Span} span */
  range({ start, end }) {
    const range = document.createRange();
    for (const { node, at } of this.runs) {
      if (at <= start && start < at + node.length) range.setStart(node, start - at);
      if (at < end && end <= at + node.length) range.setEnd(node, end - at);
    }
    return range;
  }
}

/**
 * Return what of an answer can be said now, sentence by sentence.
 *
 * @param {Element} body the answer, with or without its open end (`[data-tail]`)
 * @returns {Unit[]}
 */
export function spokenUnits(body) {
  /** @type {Unit[]} */
  const units = [];
  let said = 0;
  blocksOf(body).forEach((block, number) => {
    const silence = block.isOpen ? block.text.search(OPENS_SILENCE) : -1;
    const spans = sentences(silence < 0 ? block.text : block.text.slice(0, silence));
    // The last sentence may go on, and its mark may turn out to be none.
    if (block.isOpen) spans.pop();
    for (const span of spans) {
      const words = clean(block.text.slice(span.start, span.end));
      const n = words.match(SAID)?.length ?? 0;
      if (n) units.push({ words, from: said, to: said + n, block: number, range: () => block.range(span) });
      said += n;
    }
  });
  return units;
}

/** @param {string} text */
function clean(text) {
  return text.replace(ADDRESS, "").replace(CITATION, "").replace(MARKS, "").replace(/\(\s*\)|（\s*）/gu, "").replace(/\s+/gu, " ").replace(/ (?=[,.;:!?，。；：！？])/gu, "").trim();
}

/** @param {Element} body */
function blocksOf(body) {
  const tail = body.querySelector("[data-tail]");
  /** @type {Block[]} */
  const blocks = [new Block()];
  gather(body, blocks);
  const filled = blocks.filter(({ text }) => text.trim());
  const last = filled.at(-1);
  if (tail && last) last.isOpen = last.runs.some(({ node }) => tail.contains(node));
  return filled;
}

/**
 * @param {Element} element
 * @param {Block[]} blocks the last one is being filled
 */
function gather(element, blocks) {
  for (const child of element.childNodes) {
    const block = /** @type {Block} */ (blocks.at(-1));
    if (child instanceof Text) block.add(child);
    if (!(child instanceof Element) || child.matches(SILENT) || isAddress(child)) continue;
    if (CELLS.has(child.tagName) && block.text.trim()) block.text += ", ";
    if (child.tagName === "BR") block.text += "\n";
    if (!BLOCKS.has(child.tagName)) {
      gather(child, blocks);
      continue;
    }
    blocks.push(new Block());
    gather(child, blocks);
    blocks.push(new Block());
  }
}

/** @param {Element} element */
function isAddress(element) {
  return element.tagName === "A" && /^(?:https?:\/\/|www\.)\S+$/iu.test(element.textContent?.trim() ?? "");
}
