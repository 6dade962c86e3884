import { csrfToken } from "./requests.js";

/**
 * @typedef {{uuid: string, name: string, state: string, detail: string, advice: string, progress: number | null, url?: string}} UploadedDocument
 */

/** An upload that was refused or broke off. `message` is the server's sentence for the person, or empty. */
export class UploadFailed extends Error {
  /**
   * @param {number} status 0 when no answer came
   * @param {string} [sentence]
   */
  constructor(status, sentence = "") {
    super(sentence);
    this.status = status;
  }
}

/**
 * Send one file to where it is taken.
 *
 * @param {string} url
 * @param {File} file
 * @param {(done: number) => void} [onProgress] called with the share that has been sent, 0 to 1
 * @returns {Promise<UploadedDocument>}
 * @throws {UploadFailed}
 */
export function uploadFile(url, file, onProgress = () => {}) {
  // fetch cannot tell how much of a request has been sent.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      const answer = parsed(request.responseText);
      if (request.status === 201 && answer) resolve(answer);
      else reject(new UploadFailed(request.status, answer?.error));
    });
    for (const end of ["error", "abort", "timeout"]) {
      request.addEventListener(end, () => reject(new UploadFailed(0)));
    }
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    const body = new FormData();
    body.append("file", file);
    request.send(body);
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
