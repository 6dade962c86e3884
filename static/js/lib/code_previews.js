import { addressOf } from "./message_addresses.js";

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
  const message = figure.closest("chat-message");
  const menu = figure.closest("chat-page")?.querySelector("chat-message-menu");
  if (!(message instanceof HTMLElement) || !(menu instanceof HTMLElement)) return;
  const shown = figure.querySelector("iframe");
  figure.classList.toggle("code--shown", !shown);
  if (shown) {
    button.textContent = button.getAttribute("data-name");
    shown.remove();
    return;
  }
  button.setAttribute("data-name", button.textContent ?? "");
  button.textContent = menu.dataset.source ?? "";
  const blocks = [...(message.querySelector("[data-body]")?.querySelectorAll("figure.code") ?? [])];
  const address = addressOf(menu.dataset.previewAddress ?? "", message).replace(/0\/$/u, `${blocks.indexOf(figure)}/`);
  figure.querySelector("pre")?.before(frameOf(address, menu.dataset.preview ?? ""));
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
