import { copyText } from "./clipboard.js";

const CONFIRMED_MS = 1600;

/** The buttons of code blocks, wherever an answer is shown: copy, and show all of a long one. */
document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const figure = event.target.closest("figure.code");
  const button = event.target.closest("button");
  if (!figure || !button) return;
  if (button.matches(".code__copy")) copy(figure, button);
  else if (button.matches(".code__unfold")) unfold(figure);
});

/**
 * @param {Element} figure
 * @param {Element} button
 */
async function copy(figure, button) {
  const code = figure.querySelector("pre code");
  if (code && (await copyText(code.textContent ?? ""))) confirmOn(button);
}

/** @param {Element} figure */
function unfold(figure) {
  figure.classList.add("code--open");
  // The button is gone; reading goes on in the code.
  figure.querySelector("pre")?.focus({ preventScroll: true });
}

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
