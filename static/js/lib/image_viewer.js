/** Pictures of messages open large in a dialog; with a modifier key, and without script, they open as any link does. */

const AROUND = "4rem";

/** As wide as the window lets a drawing be, which has no size of its own. @param {number} ratio of width to height */
function grown(ratio) {
  return `min(100vw - ${AROUND}, (100dvh - ${AROUND}) * ${ratio})`;
}

addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const opener = event.target.closest("[data-image]");
  const dialog = document.getElementById("image-viewer");
  if (!(opener instanceof HTMLElement) || !(dialog instanceof HTMLDialogElement)) return;
  const address = opener instanceof HTMLAnchorElement ? opener.href : (opener.dataset.image ?? "");
  event.preventDefault();
  const shown = /** @type {HTMLImageElement} */ (dialog.querySelector("img"));
  // The one before must not be seen while this one comes.
  shown.removeAttribute("src");
  shown.width = Number(opener.dataset.width);
  shown.height = Number(opener.dataset.height);
  shown.style.inlineSize = "grows" in opener.dataset ? grown(Number(opener.dataset.width) / Number(opener.dataset.height)) : "";
  shown.alt = opener.querySelector("img")?.alt ?? "";
  shown.src = address;
  const download = /** @type {HTMLAnchorElement} */ (dialog.querySelector("a[download]"));
  download.href = address;
  download.download = opener.dataset.fileName ?? "";
  dialog.showModal();
});
