const GAP_PX = 4;

/**
 * Put an open popover below a button, or above where there is no room, always inside the window.
 *
 * @param {HTMLElement} panel
 * @param {Element} button
 * @param {{atEnd?: boolean}} [options] line up the edges where lines end instead of those where they begin
 */
export function placeBeside(panel, button, { atEnd = false } = {}) {
  const around = button.getBoundingClientRect();
  const own = panel.getBoundingClientRect();
  const below = around.bottom + GAP_PX;
  const top = below + own.height <= innerHeight ? below : around.top - own.height - GAP_PX;
  const isFromRight = getComputedStyle(panel).direction === "rtl";
  const left = atEnd === isFromRight ? around.left : around.right - own.width;
  panel.style.top = `${Math.max(GAP_PX, top)}px`;
  panel.style.left = `${Math.max(GAP_PX, Math.min(left, innerWidth - own.width - GAP_PX))}px`;
}
