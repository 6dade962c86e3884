import { blockWords } from "./block_words.js";
import { drawn, NotDrawn } from "./diagram_drawing.js";
import { worded } from "./wording.js";

const LEAST_SCALE = 0.6;
const LEAST_WIDTH = 280;

/** The button of diagrams in Mermaid's language: shows one as a picture, then the source again. */
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button.code__draw") : null;
  const figure = button?.closest("figure.code");
  if (!(button instanceof HTMLButtonElement) || !figure) return;
  if (figure.classList.contains("code--shown")) showSource(figure, button);
  else show(figure, button);
});

/**
 * @param {Element} figure
 * @param {HTMLButtonElement} button
 */
async function show(figure, button) {
  if (button.getAttribute("aria-busy") === "true") return;
  const words = blockWords();
  const name = button.textContent ?? "";
  figure.querySelector(".code__problem")?.remove();
  button.setAttribute("aria-busy", "true");
  button.textContent = words.drawing ?? name;
  try {
    const picture = await pictureOf(figure.querySelector("pre code")?.textContent ?? "", words);
    figure.querySelector("pre")?.before(picture);
    figure.classList.add("code--shown");
    button.dataset.name = name;
    button.textContent = words.source ?? "";
  } catch (error) {
    button.textContent = name;
    figure.append(problemOf(error, words));
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/**
 * @param {Element} figure
 * @param {HTMLButtonElement} button
 */
function showSource(figure, button) {
  figure.classList.remove("code--shown");
  figure.querySelector(".code__diagram")?.remove();
  button.textContent = button.dataset.name ?? "";
}

/**
 * The picture; pressed, it opens large. As an image nothing in it runs, and nothing is asked for.
 *
 * @param {string} source
 * @param {DOMStringMap} words
 */
async function pictureOf(source, words) {
  const svg = await drawn(words.drawerUrl ?? "", { source, isDark: isPageDark() });
  const image = new Image();
  image.alt = words.diagram ?? "";
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  // A wide one scrolls before its words become dots.
  image.style.minInlineSize = `${Math.min(image.naturalWidth, Math.max(LEAST_WIDTH, image.naturalWidth * LEAST_SCALE))}px`;
  const picture = document.createElement("button");
  picture.type = "button";
  picture.className = "code__diagram";
  picture.setAttribute("aria-label", words.enlarge ?? "");
  picture.dataset.image = image.src;
  picture.dataset.width = String(image.naturalWidth);
  picture.dataset.height = String(image.naturalHeight);
  picture.dataset.grows = "";
  picture.dataset.fileName = "diagram.svg";
  picture.append(image);
  return picture;
}

/**
 * @param {unknown} error
 * @param {DOMStringMap} words
 */
function problemOf(error, words) {
  const { problem, line } = error instanceof NotDrawn ? error : new NotDrawn("failed");
  const note = document.createElement("p");
  note.className = "code__note code__problem";
  note.setAttribute("role", "alert");
  note.textContent = worded(words[problem] ?? words.failed, { line });
  return note;
}

function isPageDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
