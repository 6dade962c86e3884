/**
 * Let the browser save a text as a file.
 *
 * @param {string} name
 * @param {string} text
 * @param {string} [type]
 */
export function saveText(name, text, type = "text/plain;charset=utf-8") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The click has begun the download; browsers that read the address a moment later still find it.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
