/**
 * Put a chat into an address that was made for none.
 *
 * @param {string} url
 * @param {string} chat
 */
export function withChat(url, chat) {
  return url.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/u, chat);
}

/**
 * Show what can be done with a chat; until then its address names nothing.
 *
 * @param {Element} node
 * @param {string} chat
 */
export function offer(node, chat) {
  for (const name of ["hx-get", "href"]) {
    const address = node.getAttribute(name);
    if (address) node.setAttribute(name, withChat(address, chat));
  }
  if (node instanceof HTMLElement) node.hidden = false;
  globalThis.htmx.process(node);
}
