/** A request that was answered with an error, or not at all (`status` 0). `sentence` is the server's for the person, or empty. */
export class RequestFailed extends Error {
  /**
   * @param {number} status
   * @param {string} [sentence]
   */
  constructor(status, sentence = "") {
    super(`The request failed with status ${status}.`);
    this.status = status;
    this.sentence = sentence;
  }
}

/**
 * What to tell the person of a request that failed.
 *
 * @param {unknown} error
 * @param {string} general
 */
export function sentenceOf(error, general) {
  return (error instanceof RequestFailed && error.sentence) || general;
}

/** @returns {string} */
export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "";
}

/**
 * Send a form to our own server.
 *
 * @param {string} url
 * @param {Record<string, string> | string[][]} [fields]
 * @returns {Promise<Response>}
 * @throws {RequestFailed}
 */
export async function post(url, fields = {}) {
  const body = new URLSearchParams(fields);
  return ask(url, { method: "POST", body, headers: { "X-CSRFToken": csrfToken(), "HX-Request": "true" } });
}

/**
 * @param {string} url
 * @returns {Promise<Response>}
 * @throws {RequestFailed}
 */
export async function get(url) {
  return ask(url, { headers: { "HX-Request": "true" } });
}

/**
 * Ask for data; the shape is the caller's to know.
 *
 * @param {string} url
 * @returns {Promise<any>}
 * @throws {RequestFailed}
 */
export async function getJson(url) {
  const response = await ask(url, { headers: { Accept: "application/json" } });
  return response.json();
}

/**
 * Send a form whose answer is data, also when it is a refusal.
 *
 * @param {string} url
 * @param {Record<string, string>} fields
 * @returns {Promise<any>}
 */
export async function postForJson(url, fields) {
  const headers = { "X-CSRFToken": csrfToken(), Accept: "application/json" };
  const response = await fetch(url, { credentials: "same-origin", method: "POST", body: new URLSearchParams(fields), headers });
  return response.json();
}

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function ask(url, options) {
  const response = await fetch(url, { credentials: "same-origin", ...options }).catch(() => null);
  if (!response?.ok) throw new RequestFailed(response?.status ?? 0, await refusalIn(response));
  // A redirect means that the session has ended: what came is the sign-in page, not the answer.
  if (response.redirected) throw new RequestFailed(401);
  return response;
}

/** @param {Response | null} response */
async function refusalIn(response) {
  const isSentence = response?.status === 422 && response.headers.get("Content-Type")?.startsWith("text/plain");
  return isSentence ? response.text().catch(() => "") : "";
}
