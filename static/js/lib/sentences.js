/** Where a sentence ends: after its mark and the quotes that close with it, or where the text begins anew. */
const SENTENCE_END =
  /(?<=[。！？；…])[”’」』）]*|(?<=[.!?])["'”’)\]]*(?=\s+[^\p{Ll}\s])|\n\s*\n\s*|\n(?=\s*(?:[-*+•]\s|\d{1,3}[.)]\s|#{1,6}\s))/gu;
/** A full stop behind these does not end a sentence. */
const ABBREVIATION =
  /(?:^\s*\d{1,4}|\b(?:Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs|etc|e\.g|i\.e|cf|Fig|al|Inc|Ltd|Jr|Sr)|(?:^|[\s.(])\p{Lu})\.$/u;
/** Where a long sentence may be taken apart, the best places first. */
const CLAUSE_ENDS = [/[;:；：]\s*/gu, /[,，、]\s*|\s[–—-]\s/gu, /\s+/gu];
const MAX_CHARACTERS = 280;

/** @typedef {{start: number, end: number}} Span */

/**
 * Cut a text into what can be said in one breath: its sentences, English or Chinese; of long ones, parts.
 *
 * @param {string} text
 * @returns {Span[]} without the blanks around them
 */
export function sentences(text) {
  /** @type {Span[]} */
  const found = [];
  let start = 0;
  for (const { index, 0: mark } of text.matchAll(SENTENCE_END)) {
    const end = index + mark.length;
    if (end <= start || (!mark.includes("\n") && ABBREVIATION.test(text.slice(start, end)))) continue;
    found.push({ start, end });
    start = end;
  }
  found.push({ start, end: text.length });
  return found.flatMap((span) => parts(text, trimmed(text, span))).filter(({ start: first, end }) => end > first);
}

/**
 * @param {string} text
 * @param {Span} span
 * @returns {Span[]}
 */
function parts(text, { start, end }) {
  if (end - start <= MAX_CHARACTERS) return [{ start, end }];
  const cut = start + cutOf(text.slice(start, start + MAX_CHARACTERS));
  return [trimmed(text, { start, end: cut }), ...parts(text, trimmed(text, { start: cut, end }))];
}

/** @param {string} beginning of a sentence that goes on */
function cutOf(beginning) {
  for (const clause of CLAUSE_ENDS) {
    const last = [...beginning.matchAll(clause)].at(-1);
    // Not so early that the rest is hardly shorter.
    if (last && last.index > MAX_CHARACTERS / 4) return last.index + last[0].length;
  }
  return beginning.length;
}

/**
 * @param {string} text
 * @param {Span} span
 * @returns {Span}
 */
function trimmed(text, { start, end }) {
  const piece = text.slice(start, end);
  const first = start + piece.length - piece.trimStart().length;
  return { start: first, end: Math.max(first, end - (piece.length - piece.trimEnd().length)) };
}
