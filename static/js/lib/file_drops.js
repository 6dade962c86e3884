/** Takes the files that are dropped anywhere on a part of the page, which says meanwhile that it takes them. */
export class FileDrops {
  #element;
  #take;

  /**
   * @param {HTMLElement} element
   * @param {(files: FileList) => void} take
   */
  constructor(element, take) {
    this.#element = element;
    this.#take = take;
  }

  start() {
    this.#element.addEventListener("dragover", this.#dragged);
    this.#element.addEventListener("dragleave", this.#ended);
    this.#element.addEventListener("drop", this.#dropped);
  }

  stop() {
    this.#element.removeEventListener("dragover", this.#dragged);
    this.#element.removeEventListener("dragleave", this.#ended);
    this.#element.removeEventListener("drop", this.#dropped);
  }

  /** @param {DragEvent} event */
  #dragged = (event) => {
    // What is over a place that takes files itself is not for this one.
    const isForThis = Boolean(event.dataTransfer?.types.includes("Files")) && !event.defaultPrevented;
    this.#element.classList.toggle("chat--drop", isForThis);
    if (isForThis) event.preventDefault();
  };

  /** @param {DragEvent} event */
  #ended = (event) => {
    const isInside = event.relatedTarget instanceof Node && this.#element.contains(event.relatedTarget);
    if (!isInside) this.#element.classList.remove("chat--drop");
  };

  /** @param {DragEvent} event */
  #dropped = (event) => {
    this.#element.classList.remove("chat--drop");
    if (!event.dataTransfer?.files.length || event.defaultPrevented) return;
    event.preventDefault();
    this.#take(event.dataTransfer.files);
  };
}
