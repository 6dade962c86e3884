import { copyText } from "./clipboard.js";

const CONFIRMED_MS = 1600;

/** The copy buttons of code blocks, wherever an answer is shown. */
document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("button.code__copy") : null;
  if (!button) return;
  const code = button.closest("figure")?.querySelector("pre code");
  if (code && (await copyText(code.textContent ?? ""))) confirmOn(button);
});

/**
 * Say on the button itself that it worked, for a moment.
 *
 * @param {Element} button
 */
function confirmOn(button) {
  const label = button.textContent;
  const done = document.body.dataset.copied ?? label;
  if (label === done) return;
  button.textContent = done;
  setTimeout(() => {
    button.textContent = label;
  }, CONFIRMED_MS);
}
