/**
 * Go from message to message: the next one gets the focus, and stands at the upper edge.
 *
 * @param {HTMLElement[]} messages in the order of the page
 * @param {HTMLElement} scroller
 * @param {-1 | 1} direction
 */
export function stepTo(messages, scroller, direction) {
  const target = messages[nextIndex(messages, scroller, direction)];
  if (!target) return;
  target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "start" });
}

/**
 * From the message that has the focus; else into those in sight, from the side that one comes from.
 *
 * @param {HTMLElement[]} messages
 * @param {HTMLElement} scroller
 * @param {-1 | 1} direction
 */
function nextIndex(messages, scroller, direction) {
  const focused = messages.findIndex((message) => message.contains(document.activeElement));
  if (focused >= 0) return Math.min(Math.max(focused + direction, 0), messages.length - 1);
  const sight = scroller.getBoundingClientRect();
  if (direction < 0) return messages.findLastIndex((message) => message.getBoundingClientRect().top < sight.bottom);
  return messages.findIndex((message) => message.getBoundingClientRect().bottom > sight.top);
}
