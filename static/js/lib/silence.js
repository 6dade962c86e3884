/** Loudness is that of samples between -1 and 1, as a root mean square. */
const LOUD = 0.012;
const QUIET = 0.008;
/** Speech is so many times as loud as the room. */
const ABOVE_ROOM = 3;
const LOUDEST_ROOM = 0.05;
/** How much louder the room may be each time, unless somebody speaks. */
const ROOM_RISES = 1.002;
/** A click of the mouse is shorter. */
const WORD_MS = 150;

/**
 * Tells from how loud it is when somebody has stopped speaking: after words, `earlyMs` of silence and then `overMs`.
 */
export class SilenceWatch {
  #earlyMs;
  #overMs;
  #room = QUIET / 2;
  #spokenMs = 0;
  #lastLoud = 0;
  #lastFed = 0;
  #isEarlyTold = false;

  /** @param {{earlyMs: number, overMs: number}} after */
  constructor({ earlyMs, overMs }) {
    this.#earlyMs = earlyMs;
    this.#overMs = overMs;
  }

  /** Whether there were words. */
  get hasHeard() {
    return this.#spokenMs >= WORD_MS;
  }

  /**
   * @param {number} level
   * @param {number} now in ms
   * @returns {"" | "early" | "over" | "resumed"} "resumed": there are words again after "early"
   */
  feed(level, now) {
    const passed = this.#lastFed ? now - this.#lastFed : 0;
    this.#lastFed = now;
    this.#room = Math.min(LOUDEST_ROOM, level < this.#room ? level : this.#room * ROOM_RISES);
    const isSpeaking = this.#lastLoud > 0 && now - this.#lastLoud < this.#earlyMs;
    const threshold = Math.max(isSpeaking ? QUIET : LOUD, this.#room * ABOVE_ROOM);
    if (level > threshold) {
      this.#spokenMs += passed;
      this.#lastLoud = now;
      const isResumed = this.#isEarlyTold;
      this.#isEarlyTold = false;
      return isResumed ? "resumed" : "";
    }
    if (!this.hasHeard) return "";
    const silentMs = now - this.#lastLoud;
    if (silentMs >= this.#overMs) return "over";
    if (silentMs < this.#earlyMs || this.#isEarlyTold) return "";
    this.#isEarlyTold = true;
    return "early";
  }
}
