/** Pictures of messages open large in a dialog; with a modifier key, and without script, they open as any link does. */

addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a[data-image]");
  const dialog = document.getElementById("image-viewer");
  if (!(link instanceof HTMLAnchorElement) || !(dialog instanceof HTMLDialogElement)) return;
  event.preventDefault();
  const shown = /** @type {HTMLImageElement} */ (dialog.querySelector("img"));
  // The one before must not be seen while this one comes.
  shown.removeAttribute("src");
  shown.width = Number(link.dataset.width);
  shown.height = Number(link.dataset.height);
  shown.alt = link.querySelector("img")?.alt ?? "";
  shown.src = link.href;
  const download = /** @type {HTMLAnchorElement} */ (dialog.querySelector("a[download]"));
  download.href = link.href;
  download.download = link.dataset.fileName ?? "";
  dialog.showModal();
});
