import { openDialog } from "../lib/dialogs.js";

const MAC_SIGNS = { mod: "⌘", alt: "⌥", shift: "⇧" };
const SIGNS = {
  mod: "Ctrl",
  alt: "Alt",
  shift: "Shift",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
};

/**
 * Keys that do something wherever one is. What they are, and what they do, is said by the list that `?` opens.
 *
 * A chat that is shown does its own part: it is told by the event `shortcut-pressed`.
 */
class ChatShortcuts extends HTMLElement {
  connectedCallback() {
    document.addEventListener("keydown", this.#pressed);
    const signs = /** @type {Record<string, string>} */ (isMac() ? { ...SIGNS, ...MAC_SIGNS } : SIGNS);
    for (const key of this.querySelectorAll("kbd")) {
      const name = key.getAttribute("data-key") ?? "";
      key.textContent = signs[name] ?? (name.length === 1 ? name.toUpperCase() : name);
    }
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#pressed);
  }

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (event.isComposing || event.defaultPrevented || event.repeat) return;
    const row = this.#rows.find(({ dataset }) => isPressed(event, dataset.keys ?? ""));
    if (!row || !this.#mayAct(row, event)) return;
    if (this.#act(row.dataset)) event.preventDefault();
  };

  /** @returns {HTMLElement[]} */
  get #rows() {
    return [...this.querySelectorAll("[data-act]")].filter((row) => row instanceof HTMLElement);
  }

  /**
   * What is asked in a dialog is answered first. A character belongs to the field that one writes in, and so does what
   * moves in it.
   *
   * @param {HTMLElement} row
   * @param {KeyboardEvent} event
   */
  #mayAct(row, event) {
    const { act } = row.dataset;
    const open = document.querySelector("dialog[open]");
    if (open) return act === "palette" && open.matches("chat-palette dialog");
    if ("single" in row.dataset) return !("noSingleKeys" in this.dataset) && !isWritten(event);
    return !(event.altKey && isWritten(event) && writtenIn(event));
  }

  /** @param {DOMStringMap} row @returns {boolean} whether there was something to do */
  #act({ act, target }) {
    if (act === "list") openDialog("shortcuts");
    else if (act === "palette") document.dispatchEvent(new CustomEvent("palette-wanted"));
    else if (act === "press") return press(target ?? "");
    else {
      const page = document.querySelector("chat-page");
      page?.dispatchEvent(new CustomEvent("shortcut-pressed", { detail: { act } }));
      return page !== null;
    }
    return true;
  }
}

/** @param {string} selector the first that is seen, else the first; a drawer has its own @returns {boolean} */
function press(selector) {
  const found = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);
  const control = found.find((node) => node.checkVisibility()) ?? found[0];
  control?.click();
  return control !== undefined;
}

/**
 * @param {KeyboardEvent} event
 * @param {string} keys
 */
function isPressed(event, keys) {
  const names = keys.split(" ");
  const key = names.at(-1) ?? "";
  const isMod = isMac() ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  if (names.includes("mod") ? !isMod : event.ctrlKey || event.metaKey) return false;
  if (event.altKey !== names.includes("alt")) return false;
  // Where a character is typed with Shift is for the keyboard to say.
  const isCharacter = names.length === 1 && key.length === 1;
  if (!isCharacter && event.shiftKey !== names.includes("shift")) return false;
  return (event.key.length === 1 ? event.key.toLowerCase() : event.key) === key;
}

/** @param {KeyboardEvent} event whether it goes to a field */
function isWritten(event) {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("textarea, select, input:not([type='checkbox'], [type='radio'], [type='button'])");
}

/** @param {KeyboardEvent} event what is in the field */
function writtenIn(event) {
  const { target } = event;
  return target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement ? target.value : "";
}

function isMac() {
  return /^(Mac|iPhone|iPad)/u.test(navigator.platform);
}

customElements.define("chat-shortcuts", ChatShortcuts);
