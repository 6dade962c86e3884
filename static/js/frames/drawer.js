/*
 * Runs in the frame that draws diagrams, beside Mermaid. The frame has no origin, may ask for nothing and runs nothing
 * else: what comes in is somebody's source, what goes out is text. Not a module: those are refused to such a frame.
 */
(() => {
  const FONTS = "system-ui, sans-serif";
  const INK = "#1f1c1a";
  const GROUNDS = { neutral: "#ffffff", dark: "#26221f" };
  /** For parts side by side, on either ground and below the same ink. */
  const COLOURS = ["#d9a582", "#8fbaba", "#e0c382", "#adbb8c", "#cba6bd", "#a0b1d1", "#dcbfae", "#b9b4ae"];
  /** In these, labels that are text come out in the wrong place or colour. */
  const NEEDS_PAGES = new Set(["mindmap", "journey"]);
  const SVG = "http://www.w3.org/2000/svg";
  const XHTML = "http://www.w3.org/1999/xhtml";
  const DRAWING = new Set(
    ("svg g defs symbol use path rect circle ellipse line polyline polygon text tspan textPath marker linearGradient " +
      "radialGradient stop pattern clipPath mask filter feDropShadow feGaussianBlur feOffset feFlood feComposite " +
      "feMerge feMergeNode feColorMatrix title desc style switch foreignObject").split(" "),
  );
  /** Of a label that is a page within the drawing. */
  const PAGE = new Set("div span p br b strong i em u s sub sup code".split(" "));
  /** Addresses outside the drawing, and what could hide one. */
  const OUTER = /url\((?!\s*["']?#)[^)]*\)?|@import[^;]*;?|\\/giu;
  const mermaid = /** @type {any} */ (globalThis).mermaid;

  /** @param {boolean} isDark */
  function themeFor(isDark) {
    return isDark ? "dark" : "neutral";
  }

  /** Mermaid's names for them: of pies, and of branches and columns. */
  function colours() {
    const named = COLOURS.flatMap((colour, place) => [
      [`pie${place + 1}`, colour],
      [`cScale${place}`, colour],
      [`cScaleLabel${place}`, INK],
    ]);
    return { ...Object.fromEntries(named), git0: COLOURS[6], gitBranchLabel0: INK, pieSectionTextColor: INK, pieOpacity: "1" };
  }

  /**
   * @param {boolean} isDark
   * @param {boolean} hasPages
   */
  function settingsFor(isDark, hasPages) {
    return {
      startOnLoad: false,
      securityLevel: "strict",
      suppressErrorRendering: true,
      maxTextSize: 20_000,
      maxEdges: 400,
      // Labels as text of the drawing, not as pages within it: those do not show in every program.
      htmlLabels: hasPages,
      flowchart: { htmlLabels: hasPages },
      theme: themeFor(isDark),
      fontFamily: FONTS,
      themeVariables: { fontFamily: FONTS, ...colours() },
    };
  }

  /**
   * @param {string} source
   * @param {boolean} isDark
   */
  async function draw(source, isDark) {
    try {
      mermaid.initialize(settingsFor(isDark, false));
      const { diagramType } = await mermaid.parse(source);
      if (NEEDS_PAGES.has(diagramType)) mermaid.initialize(settingsFor(isDark, true));
      const { svg } = await mermaid.render("diagram", source);
      return { svg: cleaned(svg, GROUNDS[themeFor(isDark)]) };
    } catch (error) {
      return problemOf(String(error instanceof Error ? `${error.name} ${error.message}` : error), source);
    }
  }

  /**
   * @param {string} said
   * @param {string} source
   */
  function problemOf(said, source) {
    if (/Maximum text size|maxEdges|Too many edges|call stack/iu.test(said)) return { problem: "large" };
    if (/UnknownDiagram|No diagram type/u.test(said)) return { problem: "unknown" };
    const found = /\bline:?\s+(\d+)/iu.exec(said);
    // Without comments and settings Mermaid counts the lines that somebody sees; at the end it counts on.
    const isCounted = found && !source.includes("%%") && !source.trimStart().startsWith("---");
    const last = source.trimEnd().split("\n").length;
    return isCounted ? { problem: "wrongLine", line: Math.min(Number(found[1]), last) } : { problem: "wrong" };
  }

  /**
   * The drawing with its size, on a ground, and with nothing in it but what draws: also for who saves it and opens it
   * elsewhere.
   *
   * @param {string} svg
   * @param {string} background
   */
  function cleaned(svg, background) {
    const root = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
    for (const element of [root, ...root.querySelectorAll("*")]) cleanElement(element);
    const [, , width, height] = (root.getAttribute("viewBox") ?? "").trim().split(/[\s,]+/u).map(Number);
    root.setAttribute("width", String(Math.ceil(width ?? 0)));
    root.setAttribute("height", String(Math.ceil(height ?? 0)));
    root.setAttribute("style", `background-color:${background}`);
    return new XMLSerializer().serializeToString(root);
  }

  /** @param {Element} element */
  function cleanElement(element) {
    const { localName, namespaceURI } = element;
    const isSvg = namespaceURI === SVG && (DRAWING.has(localName) || localName === "a");
    if (!isSvg && !(namespaceURI === XHTML && PAGE.has(localName))) {
      element.remove();
      return;
    }
    for (const attribute of [...element.attributes]) {
      const isAddress = attribute.localName === "href" && !attribute.value.startsWith("#");
      if (attribute.localName.startsWith("on") || isAddress) element.removeAttributeNode(attribute);
      else if (attribute.value.search(OUTER) >= 0) attribute.value = attribute.value.replace(OUTER, "");
    }
    if (localName === "style") element.textContent = (element.textContent ?? "").replace(OUTER, "");
    // What a link holds is drawn; where it leads is not for a picture.
    if (localName === "a") element.replaceWith(...element.childNodes);
  }

  addEventListener("message", async (event) => {
    if (event.source !== parent) return;
    const { source, isDark } = event.data;
    parent.postMessage(await draw(String(source), Boolean(isDark)), "*");
  });
  parent.postMessage("ready", "*");
})();
