import { sentenceOf } from "../lib/requests.js";
import { canSpeak, speakerFor } from "../lib/speakers.js";

/** How answers are read to somebody: offers the browser's voices where no server reads, and lets one be heard. */
class ChatVoiceForm extends HTMLElement {
  connectedCallback() {
    this.querySelector("[data-listen]")?.addEventListener("click", this.#wanted);
    if (this.dataset.sayUrl || !canSpeak("")) return;
    speechSynthesis.addEventListener("voiceschanged", this.#offer);
    this.#offer();
  }

  disconnectedCallback() {
    globalThis.speechSynthesis?.removeEventListener("voiceschanged", this.#offer);
  }

  get #voices() {
    return /** @type {HTMLSelectElement} */ (this.querySelector('select[name="voice"]'));
  }

  #offer = () => {
    const offered = new Set([...this.#voices.options].map(({ value }) => value));
    for (const { name } of speechSynthesis.getVoices()) if (!offered.has(name)) this.#voices.add(new Option(name, name));
  };

  #wanted = async () => {
    this.#complain("");
    const url = this.dataset.sayUrl ?? "";
    if (!canSpeak(url) || (!url && !speechSynthesis.getVoices().length)) {
      this.#complain(this.dataset.noVoice ?? "");
      return;
    }
    const speed = Number(/** @type {HTMLSelectElement} */ (this.querySelector('select[name="voice_speed"]')).value);
    const speaker = speakerFor({ url, voice: this.#voices.value, speed });
    try {
      await speaker.play(await speaker.prepare(this.dataset.sample ?? ""));
    } catch (error) {
      this.#complain(sentenceOf(error, this.dataset.failed ?? ""));
    }
  };

  /** @param {string} sentence */
  #complain(sentence) {
    const problem = /** @type {HTMLElement} */ (this.querySelector("[data-problem]"));
    problem.textContent = sentence;
    problem.hidden = !sentence;
  }
}

customElements.define("chat-voice-form", ChatVoiceForm);
