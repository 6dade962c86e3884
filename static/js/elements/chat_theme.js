import { clearCookie, setCookie } from "../lib/cookies.js";
import { post } from "../lib/requests.js";
import { toast } from "./chat_toasts.js";

const COOKIE = "hearth_theme";

/** The choice between themes: applied at once, kept with the person, and in a cookie for pages without one. */
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
    this.#keep(theme);
  };

  /** @param {string} theme */
  async #keep(theme) {
    try {
      await post(this.dataset.url ?? "", { theme });
    } catch {
      toast(document.querySelector("chat-toasts")?.getAttribute("data-failed") ?? "", { danger: true });
    }
  }
}

customElements.define("chat-theme", ChatTheme);
