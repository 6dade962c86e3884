import { uploadFile } from "../lib/upload.js";

/** Sends the ZIP of a knowledge with progress, and goes to the page that tells how far it is and what became of each file. */
class ChatImport extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", this.#chosen);
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.#chosen);
  }

  #chosen = async () => {
    const input = /** @type {HTMLInputElement} */ (this.querySelector("input[type=file]"));
    const file = input.files?.[0];
    if (!file) return;
    input.value = "";
    if (file.size > Number(this.dataset.maxBytes)) {
      this.#say(this.dataset.tooLarge ?? "", null);
      return;
    }
    this.toggleAttribute("aria-busy", true);
    input.disabled = true;
    try {
      const stored = await uploadFile(this.dataset.uploadUrl ?? "", file, (done) => {
        // All is sent: the server looks at the archive before it answers.
        if (done === 1) this.#say(this.dataset.working ?? "", undefined);
        else this.#say(`${file.name}, ${Math.round(done * 100)} %`, done);
      });
      location.assign(stored.url ?? "");
    } catch (error) {
      this.#say((error instanceof Error && error.message) || (this.dataset.failed ?? ""), null);
    } finally {
      this.toggleAttribute("aria-busy", false);
      input.disabled = false;
    }
  };

  /**
   * @param {string} text
   * @param {number | null | undefined} done null for an end, undefined for nobody knows
   */
  #say(text, done) {
    const bar = /** @type {HTMLProgressElement} */ (this.querySelector("progress"));
    bar.hidden = done === null;
    if (typeof done === "number") bar.value = done;
    else bar.removeAttribute("value");
    const words = /** @type {HTMLElement} */ (this.querySelector("[data-state]"));
    words.textContent = text;
  }
}

customElements.define("chat-import", ChatImport);
