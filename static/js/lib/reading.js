/**
 * @typedef {import("./spoken_text.js").Unit} Unit
 *
 * @typedef {object} Piece what is said without a break
 * @property {Unit[]} units
 * @property {Promise<unknown>} sound
 *
 * @typedef {object} Speaker
 * @property {(text: string) => Promise<unknown>} prepare
 * @property {(sound: any) => Promise<void>} play resolves when it is said, or cut off
 * @property {() => void} stop
 *
 * @typedef {object} Listening
 * @property {() => Unit[]} units what can be said now
 * @property {() => boolean} isOver whether nothing will be added
 * @property {() => void} onPiece another piece is being said
 * @property {(error: unknown) => void} onEnd `error` is null when all was said
 */

/** Short sentences are said together: each piece is a request, and a voice sounds better with more to say. */
const PIECE_CHARACTERS = 140;

/** One text read aloud, from its first sentence on, also while it is still being written. */
export class Reading {
  #speaker;
  #listening;
  /** How many letters and digits were taken: blocks are rendered anew while one listens, and words stay. */
  #taken = 0;
  #isStopped = false;
  /** @type {Piece | null} */
  #current = null;
  /** @type {Piece | null} */
  #next = null;
  /** Goes on once there is more. @type {(() => void) | null} */
  #wake = null;

  /**
   * @param {Speaker} speaker
   * @param {Listening} listening
   */
  constructor(speaker, listening) {
    this.#speaker = speaker;
    this.#listening = listening;
  }

  /** Read until the end, or until `stop`. */
  async start() {
    try {
      while (!this.#isStopped) {
        const piece = this.#next ?? this.#take();
        this.#next = null;
        if (piece) await this.#say(piece);
        else if (this.#listening.isOver()) break;
        else await new Promise((wake) => (this.#wake = () => wake(null)));
      }
      if (!this.#isStopped) this.#end(null);
    } catch (error) {
      if (!this.#isStopped) this.#end(error);
    }
  }

  /** There is more to read, or what there is stands elsewhere. */
  changed() {
    if (this.#current) this.#fetchNext();
    this.#wake?.();
    this.#wake = null;
  }

  stop() {
    if (this.#isStopped) return;
    this.#end(null);
    this.#speaker.stop();
    this.#wake?.();
  }

  /** Where the piece that is being said stands on the page now. @returns {Range[]} */
  get ranges() {
    const current = new Set(this.#current?.units.map(({ from }) => from));
    return this.#listening.units().filter(({ from }) => current.has(from)).map(({ range }) => range());
  }

  /** @param {Piece} piece */
  async #say(piece) {
    const sound = await piece.sound;
    if (this.#isStopped) return;
    this.#current = piece;
    this.#listening.onPiece();
    this.#fetchNext();
    await this.#speaker.play(sound);
    this.#current = null;
  }

  #fetchNext() {
    this.#next ??= this.#take();
  }

  /** @returns {Piece | null} */
  #take() {
    const waiting = this.#listening.units().filter(({ from }) => from >= this.#taken);
    const [first] = waiting;
    if (!first) return null;
    let n = 0;
    const size = this.#taken === 0 ? 0 : PIECE_CHARACTERS;
    const units = waiting.filter(({ block, words }) => {
      const isTaken = block === first.block && (n === 0 || n + words.length <= size);
      n += isTaken ? words.length : size + 1;
      return isTaken;
    });
    this.#taken = /** @type {Unit} */ (units.at(-1)).to;
    const sound = this.#speaker.prepare(units.map(({ words }) => words).join(" "));
    // What goes wrong is told when it is to be said.
    sound.catch(() => {});
    return { units, sound };
  }

  /** @param {unknown} error */
  #end(error) {
    this.#isStopped = true;
    this.#current = this.#next = null;
    this.#listening.onEnd(error);
  }
}
