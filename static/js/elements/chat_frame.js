import { clearCookie, setCookie } from "../lib/cookies.js";
import { VisibleHeight } from "../lib/visible_height.js";

const COOKIE = "hearth_sidebar";
const WIDE = matchMedia("(min-width: 56rem)");

/** The frame of a page: its sidebar beside the page, or over it as a drawer where the screen is narrow. */
class ChatFrame extends HTMLElement {
  /** @type {VisibleHeight | null} */
  #height = null;

  connectedCallback() {
    this.#height = new VisibleHeight(this);
    this.addEventListener("click", this.#clicked);
    document.addEventListener("keydown", this.#pressed);
    this.addEventListener("htmx:beforeSwap", this.#closeDrawer);
    WIDE.addEventListener("change", this.#closeDrawer);
  }

  disconnectedCallback() {
    this.#height?.stop();
    this.removeEventListener("click", this.#clicked);
    document.removeEventListener("keydown", this.#pressed);
    this.removeEventListener("htmx:beforeSwap", this.#closeDrawer);
    WIDE.removeEventListener("change", this.#closeDrawer);
  }

  get #isDrawerOpen() {
    return this.dataset.drawer === "open";
  }

  /** @param {Event} event */
  #clicked = (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-toggle-sidebar]")) this.#toggle();
    else if (event.target.closest("[data-close-drawer]")) this.#closeDrawer();
  };

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (event.key !== "Escape" || !this.#isDrawerOpen || event.defaultPrevented) return;
    if (this.querySelector(":popover-open")) return;
    this.#closeDrawer();
  };

  #toggle() {
    if (WIDE.matches) this.#toggleSidebar();
    else if (this.#isDrawerOpen) this.#closeDrawer();
    else this.#openDrawer();
  }

  #toggleSidebar() {
    const isClosed = this.dataset.sidebar === "closed";
    if (isClosed) {
      delete this.dataset.sidebar;
      clearCookie(COOKIE);
    } else {
      this.dataset.sidebar = "closed";
      setCookie(COOKIE, "closed");
    }
    this.#focusToggle(isClosed);
  }

  #openDrawer() {
    this.dataset.drawer = "open";
    this.querySelector("#main")?.setAttribute("inert", "");
    this.#focusToggle(true);
  }

  #closeDrawer = () => {
    if (!this.#isDrawerOpen) return;
    delete this.dataset.drawer;
    this.querySelector("#main")?.removeAttribute("inert");
    this.#focusToggle(false);
  };

  /**
   * Focus goes to the button that undoes what was just done.
   *
   * @param {boolean} inSidebar
   */
  #focusToggle(inSidebar) {
    const scope = inSidebar ? "chat-sidebar" : "#main";
    const button = this.querySelector(`${scope} [data-toggle-sidebar]`);
    if (button instanceof HTMLElement) button.focus({ preventScroll: true });
  }
}

customElements.define("chat-frame", ChatFrame);
