const KEPT_MS = 5 * 60_000;
const WIDTH = 120;
const HEIGHT = 32;

/** What each model took in the last minutes; the elements come and go with every answer of the server.
 * @type {Map<string, [number, number][]>} */
const history = new Map();

/** Draws the memory of one model over the last minutes: the part of its context as a band, the forecast as a line. */
class ChatMemoryChart extends HTMLElement {
  connectedCallback() {
    const { name = "", bytes = "0", expected = "0", cache = "0" } = this.dataset;
    const now = Date.now();
    const points = (history.get(name) ?? []).filter(([at]) => now - at < KEPT_MS);
    points.push([now, Number(bytes)]);
    history.set(name, points);
    if (points.length > 1) this.replaceChildren(drawn(points, Number(expected), Number(cache)));
  }
}

/**
 * @param {[number, number][]} points
 * @param {number} expected
 * @param {number} cache
 */
function drawn(points, expected, cache) {
  const top = Math.max(expected, ...points.map(([, bytes]) => bytes), 1) * 1.1;
  const [start, end] = [points[0][0], points[points.length - 1][0]];
  const x = (/** @type {number} */ at) => ((at - start) / Math.max(1, end - start)) * WIDTH;
  const y = (/** @type {number} */ bytes) => HEIGHT - (bytes / top) * HEIGHT;
  const line = points.map(([at, bytes]) => `${x(at).toFixed(1)},${y(bytes).toFixed(1)}`).join(" ");
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" }, [
    svg("polygon", { class: "runner__area", points: `0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}` }),
    svg("rect", { class: "runner__cache", x: "0", y: `${y(cache)}`, width: `${WIDTH}`, height: `${HEIGHT - y(cache)}` }),
    svg("line", { class: "runner__expected", x1: "0", x2: `${WIDTH}`, y1: `${y(expected)}`, y2: `${y(expected)}` }),
    svg("polyline", { class: "runner__line", points: line }),
  ]);
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {Element[]} [children]
 */
function svg(name, attributes, children = []) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

customElements.define("chat-memory-chart", ChatMemoryChart);
