const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");

/**
 * Let a text area be as high as its text; the style sheet sets the limit.
 *
 * @param {HTMLTextAreaElement} area
 */
export function fitHeight(area) {
  if (GROWS_BY_ITSELF) return;
  area.style.blockSize = "auto";
  area.style.blockSize = `${area.scrollHeight}px`;
}

/**
 * Whether a key press means "send". Enter that ends the choice of an input method does not;
 * Safari reports that one with key code 229 after the composition has ended.
 *
 * @param {KeyboardEvent} event
 */
export function isPlainEnter(event) {
  return event.key === "Enter" && !event.shiftKey && !event.altKey && !event.isComposing && event.keyCode !== 229;
}
