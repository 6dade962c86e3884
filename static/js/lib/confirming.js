const CONFIRMED_MS = 1600;

/**
 * Say on a button with words that it worked, for a moment.
 *
 * @param {Element} button
 */
export function confirmOn(button) {
  const label = button.textContent;
  const done = document.body.dataset.copied ?? label;
  if (label === done) return;
  button.textContent = done;
  setTimeout(() => {
    button.textContent = label;
  }, CONFIRMED_MS);
}
