const LEVEL_EVERY_MS = 50;
const SAMPLES = 2048;
/** Enough for words; a minute takes a quarter of a megabyte. */
const BITS_PER_SECOND = 32_000;
/** The best first; the browser's own choice when it has none of them. */
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

/** Whether this page may be given a microphone: pages under https, and those of this machine. */
export function mayRecord() {
  return globalThis.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
}

/** What a microphone hears, from `begin` until it is finished or cancelled. */
export class Recording {
  #stream;
  #recorder;
  #context = new AudioContext();
  #analyser;
  #samples = new Float32Array(SAMPLES);
  #timer = 0;
  /** @type {Blob[]} */
  #parts = [];

  /**
   * @param {MediaStream} stream
   * @param {(level: number) => void} onLevel how loud it is, many times a second
   */
  constructor(stream, onLevel) {
    this.#stream = stream;
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.#recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: BITS_PER_SECOND });
    this.#recorder.addEventListener("dataavailable", ({ data }) => this.#parts.push(data));
    this.#analyser = new AnalyserNode(this.#context, { fftSize: SAMPLES });
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
    this.#context.resume();
    this.#recorder.start();
    this.#timer = setInterval(() => onLevel(this.#level()), LEVEL_EVERY_MS);
  }

  /**
   * Ask for the microphone, and listen.
   *
   * @param {(level: number) => void} onLevel
   * @throws {DOMException} as `getUserMedia` does
   */
  static async begin(onLevel) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    return new Recording(stream, onLevel);
  }

  #level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return Math.sqrt(this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / SAMPLES);
  }

  /** What was heard until now; it goes on. */
  async soFar() {
    return this.#after(() => this.#recorder.requestData());
  }

  /** Stop listening. @returns {Promise<Blob>} what was heard */
  async finish() {
    const whole = this.#after(() => this.#recorder.stop());
    this.#letGo();
    return whole;
  }

  cancel() {
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    this.#letGo();
  }

  /**
   * @param {() => void} ask lets the recorder hand out what it has
   * @returns {Promise<Blob>}
   */
  #after(ask) {
    const handed = new Promise((resolve) => this.#recorder.addEventListener("dataavailable", resolve, { once: true }));
    ask();
    return handed.then(() => new Blob(this.#parts, { type: this.#recorder.mimeType }));
  }

  #letGo() {
    clearInterval(this.#timer);
    for (const track of this.#stream.getTracks()) track.stop();
    this.#context.close();
  }
}
