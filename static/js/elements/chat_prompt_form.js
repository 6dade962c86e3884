import { knownAt, textOf } from "../lib/prompt_completion.js";
import { copyOf } from "../render.js";

const CLIPBOARD = "CLIPBOARD";
/** Kinds of fields that a browser has an <input> for. */
const INPUTS = new Set(["number", "date", "datetime-local", "time", "month", "color", "email", "tel", "url", "range", "checkbox"]);

/**
 * @typedef {import("../lib/prompt_completion.js").Field} Field
 * @typedef {import("../lib/prompt_completion.js").Prompt} Prompt
 */

/** Asks for what a prompt needs before it is inserted: a dialog with a field for each value. */
class ChatPromptForm extends HTMLElement {
  connectedCallback() {
    this.#form.addEventListener("submit", this.#submitted);
    this.#dialog.addEventListener("close", this.#closed);
  }

  disconnectedCallback() {
    this.#form.removeEventListener("submit", this.#submitted);
    this.#dialog.removeEventListener("close", this.#closed);
  }

  /** @type {((values: Record<string, string> | null) => void) | null} */
  #answer = null;

  /**
   * The text of a prompt, once what it asks for is there; null when that was not given.
   *
   * @param {Prompt} prompt
   * @returns {Promise<string | null>}
   */
  async fill(prompt) {
    const known = knownAt(new Date(), document.documentElement.lang);
    const fields = [...prompt.fields];
    const needsClipboard = prompt.parts.some((part) => typeof part !== "string" && "known" in part && part.known === CLIPBOARD);
    if (needsClipboard) {
      const copied = await readClipboard();
      if (copied !== null) known[CLIPBOARD] = copied;
      else fields.push(this.#clipboardField);
    }
    const values = fields.length ? await this.#ask(fields) : {};
    return values && textOf(prompt, { ...known, ...values });
  }

  /** Browsers keep the clipboard to themselves on plain HTTP, and where the person says no. @returns {Field} */
  get #clipboardField() {
    const label = this.dataset.clipboard ?? "";
    return { name: CLIPBOARD, kind: "textarea", label, placeholder: "", default: "", options: [], is_required: false, bounds: {} };
  }

  /** @param {Field[]} fields */
  #ask(fields) {
    this.#place.replaceChildren(...fields.map((field, i) => this.#rowOf(field, i)));
    this.#dialog.showModal();
    /** @type {HTMLElement | null} */ (this.#place.querySelector("input, textarea, select"))?.focus();
    return new Promise((/** @type {(values: Record<string, string> | null) => void} */ resolve) => {
      this.#answer = resolve;
    });
  }

  /**
   * @param {Field} field
   * @param {number} number
   */
  #rowOf(field, number) {
    const row = copyOf(/** @type {HTMLTemplateElement} */ (this.querySelector("template[data-row]")));
    const control = controlOf(field);
    control.id = `prompt-field-${number}`;
    control.name = field.name;
    control.required = field.is_required && field.kind !== "checkbox";
    const label = /** @type {HTMLLabelElement} */ (row.querySelector("label"));
    label.htmlFor = control.id;
    label.textContent = field.label || field.name;
    if (field.kind === "checkbox") {
      row.classList.add("field--check");
      row.prepend(control);
    } else {
      row.append(control);
    }
    return row;
  }

  /** @param {Event} event */
  #submitted = (event) => {
    event.preventDefault();
    const controls = /** @type {NodeListOf<HTMLInputElement>} */ (this.#place.querySelectorAll("input, textarea, select"));
    const values = [...controls].map((control) => [
      control.name,
      control.type === "checkbox" ? String(control.checked) : control.value,
    ]);
    this.#give(Object.fromEntries(values));
    this.#dialog.close();
  };

  #closed = () => this.#give(null);

  /** @param {Record<string, string> | null} values */
  #give(values) {
    this.#answer?.(values);
    this.#answer = null;
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.querySelector("dialog"));
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  get #place() {
    return /** @type {HTMLElement} */ (this.querySelector("[data-fields]"));
  }
}

/**
 * @param {Field} field
 * @returns {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement}
 */
function controlOf({ kind, placeholder, default: value, options, bounds }) {
  if (kind === "select") {
    const select = document.createElement("select");
    select.append(...options.map((option) => new Option(option, option, option === value, option === value)));
    return select;
  }
  if (kind === "textarea") {
    const area = document.createElement("textarea");
    area.rows = 4;
    area.value = value;
    area.placeholder = placeholder;
    return area;
  }
  const input = document.createElement("input");
  input.type = INPUTS.has(kind) ? kind : "text";
  input.autocomplete = "off";
  input.placeholder = placeholder;
  Object.assign(input, bounds);
  if (kind === "checkbox") input.checked = value === "true";
  else input.value = value;
  return input;
}

/** @returns {Promise<string | null>} */
async function readClipboard() {
  return (await navigator.clipboard?.readText?.().catch(() => null)) ?? null;
}

customElements.define("chat-prompt-form", ChatPromptForm);
export { ChatPromptForm };
