import { placeBeside } from "./placement.js";

const LONGEST_TEXT = 420;

/**
 * @typedef {{number: string, name: string, place: string, text: string, url: string, passageUrl: string}} Source
 */

/**
 * What a citation of an answer rests on, read from the list of sources under the answer.
 *
 * @param {Element} citation the chip in the text or in the list
 * @returns {Source | null} null while the answer is still being written
 */
export function sourceOf(citation) {
  const number = citation.getAttribute("data-citation") ?? "";
  const item = citation.closest("chat-message")?.querySelector(`[data-source="${CSS.escape(number)}"]`);
  const passage = item?.querySelector("[data-source-text]");
  if (!item || !(passage instanceof HTMLTemplateElement)) return null;
  return {
    number,
    name: item.querySelector("[data-source-name]")?.textContent ?? "",
    place: passage.dataset.place ?? "",
    text: passage.content.textContent ?? "",
    url: passage.dataset.url ?? "",
    passageUrl: passage.dataset.passageUrl ?? "",
  };
}

/** @param {Element} citation */
export function showCard(citation) {
  const card = document.getElementById("citation-card");
  const source = sourceOf(citation);
  if (!card || !source) return;
  const text = source.text.length > LONGEST_TEXT ? `${source.text.slice(0, LONGEST_TEXT)}…` : source.text;
  write(card, "[data-card-name]", source.name);
  write(card, "[data-card-place]", source.place);
  write(card, "[data-card-text]", text);
  card.showPopover();
  placeBeside(card, citation);
  citation.setAttribute("aria-describedby", card.id);
}

export function hideCard() {
  const card = document.getElementById("citation-card");
  if (!card?.matches(":popover-open")) return;
  card.hidePopover();
  document.querySelector(`[aria-describedby="${card.id}"]`)?.removeAttribute("aria-describedby");
}

/**
 * @param {Element} card
 * @param {string} selector
 * @param {string} text
 */
function write(card, selector, text) {
  const node = card.querySelector(selector);
  if (node) node.textContent = text;
}
