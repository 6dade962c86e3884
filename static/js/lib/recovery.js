import { parsePage } from "../render.js";
import { get } from "./requests.js";

/**
 * Brings a page up to date after a break, with what the server shows at the same address.
 *
 * The answer may be overtaken: what was asked for while it came is missing in it, and what the socket told meanwhile is
 * newer. Such an answer is dropped and asked for again, once nothing is on its way any more.
 */
export class Recovery {
  #adopt;
  #isBusy;
  /** How often the page has changed. */
  #changes = 0;
  #isDue = false;

  /**
   * @param {object} page
   * @param {(page: Document) => void} page.adopt take over what the server shows
   * @param {() => boolean} page.isBusy something was asked for and is not answered yet
   */
  constructor({ adopt, isBusy }) {
    this.#adopt = adopt;
    this.#isBusy = isBusy;
  }

  noteChange() {
    this.#changes += 1;
  }

  /** Raises what `get` raises. */
  async run() {
    const changes = this.#changes;
    const answer = await get(location.pathname);
    const page = parsePage(await answer.text());
    this.#isDue = this.#isBusy() || changes !== this.#changes;
    if (this.#isDue) await this.runIfDue();
    else this.#adopt(page);
  }

  /** To be called when something was answered. */
  async runIfDue() {
    if (this.#isDue && !this.#isBusy()) await this.run();
  }
}
