const PATIENCE_MS = 30_000;
const MAX_CHARACTERS = 4_000_000;
/** What does not draw, as text: the frame leaves none of it. */
const NO_DRAWING = /<(?:[!?]|\/?(?:script|image|img|a|iframe|animate\w*|set|[\w-]+:)\b)/iu;

/** Why a diagram could not be drawn. `problem` names the sentence for it. */
export class NotDrawn extends Error {
  /**
   * @param {string} problem
   * @param {number} [line]
   */
  constructor(problem, line = 0) {
    super(`The diagram was not drawn: ${problem}.`);
    this.problem = problem;
    this.line = line;
  }
}

/**
 * Have a frame draw a diagram that may hold anything: it has no origin, asks for nothing, and is gone afterwards.
 *
 * @param {string} address of the page for the frame
 * @param {{source: string, isDark: boolean}} order
 * @returns {Promise<string>} SVG
 * @throws {NotDrawn}
 */
export async function drawn(address, order) {
  const frame = document.createElement("iframe");
  frame.className = "code__drawer";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.setAttribute("aria-hidden", "true");
  frame.tabIndex = -1;
  frame.referrerPolicy = "no-referrer";
  frame.src = address;
  const listening = new AbortController();
  try {
    const answer = await new Promise((resolve, reject) => {
      addEventListener("message", ({ source, data }) => {
        if (source !== frame.contentWindow) return;
        if (data === "ready") frame.contentWindow?.postMessage(order, "*");
        else resolve(data);
      }, { signal: listening.signal });
      setTimeout(() => reject(new NotDrawn("large")), PATIENCE_MS);
      document.body.append(frame);
    });
    return checked(answer);
  } finally {
    listening.abort();
    frame.remove();
  }
}

/** What came from the frame is as little trusted as what it was given. @param {any} answer */
function checked(answer) {
  const { svg, problem, line } = answer ?? {};
  if (typeof svg === "string") {
    if (svg.length > MAX_CHARACTERS) throw new NotDrawn("large");
    if (!svg.startsWith("<svg ") || NO_DRAWING.test(svg)) throw new NotDrawn("failed");
    return svg;
  }
  const isKnown = ["wrong", "wrongLine", "unknown", "large"].includes(problem);
  throw new NotDrawn(isKnown ? problem : "failed", Number.isInteger(line) ? line : 0);
}
