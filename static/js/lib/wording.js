/**
 * Sentences that a page carries for its scripts, in `data-…` attributes and templates: no script holds words of its own.
 * A `{name}` in them stands for a value.
 */

/** The language of the page, for `Intl`, with the digits that the server writes. */
export function pageLanguage() {
  const { lang } = document.documentElement;
  return lang ? `${lang}-u-nu-latn` : undefined;
}

/** @param {number} value */
export function numberInWords(value) {
  return new Intl.NumberFormat(pageLanguage()).format(value);
}

/**
 * Fill the places of a sentence; a place without a value stays as it is.
 *
 * @param {string | undefined} sentence
 * @param {Record<string, string | number>} values
 */
export function worded(sentence, values) {
  return (sentence ?? "").replace(/\{(\w+)\}/gu, (place, /** @type {string} */ name) => {
    const value = values[name] ?? place;
    return typeof value === "number" ? numberInWords(value) : value;
  });
}
