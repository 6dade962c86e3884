import { copyText } from "./clipboard.js";
import { confirmOn } from "./confirming.js";
import { saveText } from "./download.js";

/** The buttons of code blocks, wherever an answer is shown: copy, save, and show all of a long one. */
document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const figure = event.target.closest("figure.code");
  const button = event.target.closest("button");
  if (!figure || !button) return;
  if (button.matches(".code__copy")) copy(figure, button);
  else if (button.matches(".code__download")) saveText(button.dataset.name ?? "", codeOf(figure));
  else if (button.matches(".code__unfold")) unfold(figure);
});

/**
 * @param {Element} figure
 * @param {Element} button
 */
async function copy(figure, button) {
  if (await copyText(codeOf(figure))) confirmOn(button);
}

/** Character for character what was written. @param {Element} figure */
function codeOf(figure) {
  return figure.querySelector("pre code")?.textContent ?? "";
}

/** @param {Element} figure */
function unfold(figure) {
  figure.classList.add("code--open");
  // The button is gone; reading goes on in the code.
  figure.querySelector("pre")?.focus({ preventScroll: true });
}
