import { blockWords } from "./block_words.js";

/** The button of code blocks that are drawings or pages: shows them in a frame that is cut off from everything, then the source again. */
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest(".code__show") : null;
  const figure = button?.closest("figure.code");
  if (button && figure) toggle(figure, button);
});

/**
 * @param {Element} figure
 * @param {Element} button
 */
function toggle(figure, button) {
  const address = addressOf(figure);
  if (!address) return;
  const shown = figure.querySelector("iframe");
  figure.classList.toggle("code--shown", !shown);
  if (shown) {
    button.textContent = button.getAttribute("data-name");
    shown.remove();
    return;
  }
  const words = blockWords();
  button.setAttribute("data-name", button.textContent ?? "");
  button.textContent = words.source ?? "";
  figure.querySelector("pre")?.before(frameOf(address, words.preview ?? ""));
}

/** Where the server shows it: the message has the address of its first block. @param {Element} figure */
function addressOf(figure) {
  const message = figure.closest("chat-message");
  const first = message instanceof HTMLElement ? (message.dataset.previewUrl ?? "") : "";
  const blocks = [...(message?.querySelectorAll("[data-body] figure.code") ?? [])];
  return first.replace(/0\/$/u, `${blocks.indexOf(figure)}/`);
}

/**
 * @param {string} address
 * @param {string} title
 */
function frameOf(address, title) {
  const frame = document.createElement("iframe");
  frame.className = "code__frame";
  frame.title = title;
  // Its response says so as well: nothing is allowed.
  frame.setAttribute("sandbox", "");
  frame.referrerPolicy = "no-referrer";
  frame.src = address;
  return frame;
}
