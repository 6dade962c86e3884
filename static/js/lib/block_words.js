/** What the page says about drawings, pages and diagrams among the code. */
export function blockWords() {
  const words = document.querySelector("template[data-block-words]");
  return words instanceof HTMLElement ? words.dataset : {};
}
