/** From this share on the ring takes the accent: soon earlier messages will be left out. */
const NEARLY_FULL = 0.7;

/** How full the context window is: a ring, with the numbers as its name and its tooltip. */
class ChatGauge extends HTMLElement {
  /** Show what the last of some messages says of the window; hide when none does. @param {HTMLElement[]} messages */
  show(messages) {
    const last = messages.findLast((message) => message.dataset.windowSize);
    this.hidden = !last;
    if (!last) return;
    const { windowUsed, windowSize, windowWords = "", ledgerUrl = "" } = last.dataset;
    const share = Math.min(1, Number(windowUsed) / Number(windowSize));
    const button = /** @type {HTMLElement} */ (this.querySelector("button"));
    button.setAttribute("aria-label", windowWords);
    button.dataset.tooltip = windowWords;
    button.dataset.panelUrl = ledgerUrl;
    this.querySelector(".gauge__used")?.setAttribute("stroke-dasharray", `${Math.round(100 * share)} 100`);
    this.classList.toggle("gauge--full", share >= NEARLY_FULL);
  }
}

customElements.define("chat-gauge", ChatGauge);
export { ChatGauge };
