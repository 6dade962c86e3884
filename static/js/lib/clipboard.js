/**
 * Put text on the clipboard, unchanged.
 *
 * Without TLS a browser offers `navigator.clipboard` on localhost only; on a home network the old way is what is left.
 *
 * @param {string} text
 * @returns {Promise<boolean>} whether it is there
 */
export async function copyText(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => copyBySelection(text),
    );
  }
  return copyBySelection(text);
}

/**
 * Put text on the clipboard that is still on its way from the server.
 *
 * Some browsers let only the press itself write there: they are given the promise at once.
 *
 * @param {Promise<string>} text
 * @returns {Promise<boolean>} whether it is there
 */
export async function copyComing(text) {
  if (navigator.clipboard && "ClipboardItem" in globalThis) {
    try {
      const blob = text.then((words) => new Blob([words], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
      return true;
    } catch {
      // Refused, or the text did not come; the next line tells which.
    }
  }
  return copyText(await text);
}

/** @param {string} text */
function copyBySelection(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return isCopied;
}
