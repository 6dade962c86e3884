import { csrfToken } from "../lib/requests.js";
import { playResponse } from "../lib/speakers.js";
import { fragment } from "../render.js";

/** Tries the server that is typed into a form: what it says is heard, and what is wrong stands below. */
class ChatVoiceTrial extends HTMLElement {
  connectedCallback() {
    this.#button.addEventListener("click", this.#wanted);
  }

  get #button() {
    return /** @type {HTMLButtonElement} */ (this.querySelector("[data-try]"));
  }

  #wanted = async () => {
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    this.#button.disabled = true;
    this.#say(this.dataset.trying ?? "");
    try {
      const headers = { "X-CSRFToken": csrfToken() };
      const response = await fetch(this.dataset.url ?? "", { method: "POST", body: new FormData(form), headers, credentials: "same-origin" });
      if (response.headers.get("Content-Type")?.startsWith("audio/")) {
        this.#say(this.dataset.said ?? "");
        await playResponse(response);
      } else if (response.ok || response.status === 422) {
        this.querySelector("[data-outcome]")?.replaceChildren(fragment(await response.text()));
      } else {
        this.#say(this.dataset.failed ?? "");
      }
    } catch {
      this.#say(this.dataset.failed ?? "");
    } finally {
      this.#button.disabled = false;
    }
  };

  /** @param {string} text */
  #say(text) {
    const line = document.createElement("p");
    line.textContent = text;
    this.querySelector("[data-outcome]")?.replaceChildren(line);
  }
}

customElements.define("chat-voice-trial", ChatVoiceTrial);
