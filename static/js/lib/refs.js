/**
 * A name for something asked of the server, to know its answer by.
 *
 * `crypto.randomUUID` is missing on plain HTTP, which is how a home network is often used.
 *
 * @returns {string}
 */
export function newRef() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
