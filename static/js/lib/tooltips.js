/** One tooltip for the whole page, in the top layer, so that no scrolling box cuts it off. */

const DELAY_MS = 450;
const GAP_PX = 6;

const tip = document.createElement("div");
tip.className = "tooltip";
tip.setAttribute("role", "tooltip");
tip.setAttribute("popover", "manual");

let timer = 0;

/** @param {Element} owner */
function show(owner) {
  const text = owner.getAttribute("data-tooltip");
  if (!text || !owner.isConnected || owner.getAttribute("aria-expanded") === "true") return;
  tip.textContent = text;
  document.body.append(tip);
  tip.showPopover();
  const around = owner.getBoundingClientRect();
  const own = tip.getBoundingClientRect();
  const below = around.bottom + GAP_PX;
  const top = below + own.height > innerHeight ? around.top - own.height - GAP_PX : below;
  const centred = around.left + around.width / 2 - own.width / 2;
  tip.style.top = `${Math.max(4, top)}px`;
  tip.style.left = `${Math.min(Math.max(4, centred), innerWidth - own.width - 4)}px`;
}

function hide() {
  clearTimeout(timer);
  if (tip.isConnected && tip.matches(":popover-open")) tip.hidePopover();
}

/** @param {Event} event */
function ownerOf(event) {
  return event.target instanceof Element ? event.target.closest("[data-tooltip]") : null;
}

addEventListener("pointerover", (event) => {
  if (event.pointerType !== "mouse") return;
  hide();
  const owner = ownerOf(event);
  if (owner) timer = setTimeout(() => show(owner), DELAY_MS);
});

addEventListener("focusin", (event) => {
  hide();
  const owner = ownerOf(event);
  if (owner?.matches(":focus-visible")) show(owner);
});

addEventListener("focusout", hide);
addEventListener("pointerdown", hide, { capture: true });
addEventListener("scroll", hide, { capture: true, passive: true });
addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});
