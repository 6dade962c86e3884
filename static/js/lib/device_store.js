/** What a browser keeps of chats on its device; of temporary ones, nothing beyond the page. */

/** @type {Set<string>} */
const temporary = new Set();
/** @type {Map<string, string>} */
const memory = new Map();

const inMemory = {
  getItem: (/** @type {string} */ key) => memory.get(key) ?? null,
  setItem: (/** @type {string} */ key, /** @type {string} */ value) => void memory.set(key, value),
  removeItem: (/** @type {string} */ key) => void memory.delete(key),
};

/** Write nothing of a chat to the device. @param {string} chat */
export function forgetWithPage(chat) {
  temporary.add(chat);
}

/** Where what is kept under a key, which names its chat, has its place. @param {string} key */
export function storeFor(key) {
  return [...temporary].some((chat) => key.includes(chat)) ? inMemory : localStorage;
}
