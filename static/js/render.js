/**
 * The one place where HTML from our own server, sanitised there, becomes nodes.
 *
 * @param {string} html
 * @returns {DocumentFragment}
 */
export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return document.importNode(template.content, true);
}

/**
 * The element that a piece of HTML consists of.
 *
 * @param {string} html
 * @returns {Element | null}
 */
export function element(html) {
  return fragment(html).firstElementChild;
}

/**
 * Copy the first element of a <template>.
 *
 * @param {HTMLTemplateElement} template
 * @returns {HTMLElement}
 */
export function copyOf(template) {
  const node = document.importNode(template.content, true).firstElementChild;
  if (!(node instanceof HTMLElement)) throw new Error("The template is empty.");
  return node;
}

/**
 * Read a whole page of ours without showing it.
 *
 * @param {string} html
 */
export function parsePage(html) {
  return new DOMParser().parseFromString(html, "text/html");
}
