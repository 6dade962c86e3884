import { clearCookie, setCookie } from "../lib/cookies.js";

const COOKIE = "hearth_theme";

/** The choice between themes: applied at once, kept in a cookie for the first paint of the next page. */
class ChatTheme extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", this.#changed);
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.#changed);
  }

  /** @param {Event} event */
  #changed = (event) => {
    if (!(event.target instanceof HTMLInputElement)) return;
    const theme = event.target.value;
    const root = document.documentElement;
    const scheme = document.querySelector('meta[name="color-scheme"]');
    if (theme === "system") {
      clearCookie(COOKIE);
      root.removeAttribute("data-theme");
    } else {
      setCookie(COOKIE, theme);
      root.setAttribute("data-theme", theme);
    }
    scheme?.setAttribute("content", theme === "light" || theme === "dark" ? theme : "light dark");
  };
}

customElements.define("chat-theme", ChatTheme);
