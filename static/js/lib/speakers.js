import { csrfToken, RequestFailed } from "./requests.js";

const CHINESE = /\p{Script=Han}/u;

/** @type {AudioContext | null} */
let context = null;

/**
 * Let sound be heard: browsers allow that where somebody has just pressed something.
 *
 * @returns {AudioContext}
 */
function soundContext() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
  return context;
}

/**
 * Play a sound to its end.
 *
 * @param {AudioBuffer} sound
 * @returns {{source: AudioBufferSourceNode, ended: Promise<void>}}
 */
function playSound(sound) {
  const source = soundContext().createBufferSource();
  source.buffer = sound;
  source.connect(soundContext().destination);
  const ended = new Promise((resolve) => source.addEventListener("ended", () => resolve(undefined)));
  source.start();
  return { source, ended };
}

/** @param {Response} response with a sound in it */
export async function playResponse(response) {
  await playSound(await soundContext().decodeAudioData(await response.arrayBuffer())).ended;
}

/** Says texts in a voice of the server. */
export class ServerSpeaker {
  #url;
  #voice;
  #speed;
  #asked = new AbortController();
  /** @type {AudioBufferSourceNode | null} */
  #source = null;

  /** @param {{url: string, voice: string, speed: number}} how */
  constructor({ url, voice, speed }) {
    this.#url = url;
    this.#voice = voice;
    this.#speed = speed;
    soundContext();
  }

  /** @param {string} text */
  async prepare(text) {
    const body = new URLSearchParams({ text, voice: this.#voice, speed: String(this.#speed) });
    const headers = { "X-CSRFToken": csrfToken(), Accept: "application/json" };
    const response = await fetch(this.#url, { method: "POST", body, headers, credentials: "same-origin", signal: this.#asked.signal }).catch(() => null);
    if (!response?.ok || response.redirected) {
      const said = await response?.json().catch(() => null);
      throw new RequestFailed(response?.status ?? 0, said?.error);
    }
    return soundContext().decodeAudioData(await response.arrayBuffer());
  }

  /** @param {AudioBuffer} sound */
  async play(sound) {
    const { source, ended } = playSound(sound);
    this.#source = source;
    await ended;
  }

  stop() {
    this.#asked.abort();
    this.#source?.stop();
  }
}

/** Says texts in a voice that the browser has. */
export class BrowserSpeaker {
  #voice;
  #speed;

  /** @param {{voice: string, speed: number}} how */
  constructor({ voice, speed }) {
    this.#voice = voice;
    this.#speed = speed;
  }

  /** @param {string} text */
  async prepare(text) {
    return text;
  }

  /** @param {string} text */
  async play(text) {
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.rate = this.#speed;
    utterance.lang = CHINESE.test(text) ? "zh-CN" : document.documentElement.lang || navigator.language;
    utterance.voice = speechSynthesis.getVoices().find(({ name }) => name === this.#voice) ?? null;
    await new Promise((resolve, reject) => {
      utterance.addEventListener("end", () => resolve(undefined));
      utterance.addEventListener("error", ({ error }) => {
        if (error === "canceled" || error === "interrupted") resolve(undefined);
        else reject(new Error(error));
      });
      speechSynthesis.speak(utterance);
    });
  }

  stop() {
    speechSynthesis.cancel();
  }
}

/** Whether anything here can speak. @param {string} url where a server reads; empty where none does */
export function canSpeak(url) {
  return Boolean(url) || "speechSynthesis" in globalThis;
}

/**
 * @param {{url: string, voice: string, speed: number}} how
 * @returns {import("./reading.js").Speaker}
 */
export function speakerFor(how) {
  return how.url ? new ServerSpeaker(how) : new BrowserSpeaker(how);
}
