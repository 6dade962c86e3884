/** Buttons that open and close <dialog>s by id; the browser keeps the focus, and Esc but for one kind of field. */

addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) {
    openDialog(opener.getAttribute("data-open-dialog") ?? "");
    return;
  }
  const dialog = event.target.closest("dialog");
  if (!dialog) return;
  // The dialog itself is hit only beside its content: on the backdrop.
  if (event.target === dialog ? isOutside(dialog, event) : event.target.closest("[data-close-dialog]")) dialog.close();
});

// A field for searches that has something in it would only be emptied.
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
  const field = event.target instanceof Element ? event.target.closest('input[type="search"]') : null;
  const layer = field?.closest("dialog, [popover]");
  if (!(layer instanceof HTMLElement)) return;
  event.preventDefault();
  if (layer instanceof HTMLDialogElement) layer.close();
  else layer.hidePopover();
});

/** @param {string} id */
export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {MouseEvent} event
 */
function isOutside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  const { clientX: x, clientY: y } = event;
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}
