import { toast } from "../elements/chat_toasts.js";
import { copyComing } from "./clipboard.js";
import { get } from "./requests.js";

/**
 * Copy a message without its marks, as the server reads it.
 *
 * @param {string} url
 * @param {HTMLElement} button the message's, which carries no words of its own: they stand on the menu
 */
export async function copyPlainText(url, button) {
  const words = /** @type {HTMLElement} */ (button.closest("chat-page")?.querySelector("chat-message-menu")).dataset;
  const text = get(url).then((answer) => answer.text());
  const isCopied = await copyComing(text).catch(() => false);
  toast((isCopied ? words.copied : words.copyFailed) ?? "", { danger: !isCopied });
}
