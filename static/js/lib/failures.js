import { toast } from "../elements/chat_toasts.js";

/** What htmx asked for and did not get is said aloud: a click is never answered with nothing. */

document.addEventListener("htmx:sendError", () => say("offline"));
document.addEventListener("htmx:timeout", () => say("offline"));
document.addEventListener("htmx:responseError", () => say("failed"));

/** @param {"offline" | "failed"} kind */
function say(kind) {
  const text = document.querySelector("chat-toasts")?.getAttribute(`data-${kind}`);
  if (text) toast(text, { danger: true });
}
