const ANY_CHAT = "00000000-0000-0000-0000-000000000000";
const ANY_MESSAGE = "11111111-1111-1111-1111-111111111111";

/**
 * Put the ids of a message into an address.
 *
 * @param {string} address with the ids of no chat and no message
 * @param {HTMLElement} message
 */
export function addressOf(address, message) {
  const chat = message.closest("chat-page")?.getAttribute("data-chat") ?? "";
  return address.replace(ANY_CHAT, chat).replace(ANY_MESSAGE, message.dataset.message ?? "");
}
