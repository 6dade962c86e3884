import { post } from "./requests.js";

/**
 * @typedef {object} Page what words of a terminal chat can change
 * @property {import("../elements/chat_composer.js").ChatComposer} composer
 * @property {Record<string, string>} place where the word was given, and who is to answer there
 * @property {(outcome: any) => void} begin a chat that has no message yet
 * @property {(message: string, html: string) => void} replace a message by what it is now
 * @property {(html: string) => void} addNote an aside that no model is sent
 * @property {(error: unknown) => void} complain
 */

/**
 * Let the server do what a word of a terminal chat asks for.
 *
 * @param {string} word
 * @param {Page} page
 */
export async function giveWord(word, { composer, place, begin, replace, addNote, complain }) {
  try {
    const outcome = await (await post(composer.dataset.commandUrl ?? "", { ...place, command: word })).json();
    if (outcome.is_message) composer.sendText(word);
    else if (outcome.draw !== undefined) composer.draw(outcome.draw);
    else if (outcome.refusal) composer.refuseWord(word, outcome.refusal);
    else if (outcome.go) go(outcome.go);
    if (outcome.chat) begin(outcome);
    if (outcome.message) replace(outcome.message, outcome.html);
    if (outcome.note) addNote(outcome.note);
  } catch (error) {
    composer.refuseWord(word, "");
    complain(error);
  }
}

/** Go to another page as its link does. @param {string} url */
function go(url) {
  const link = document.querySelector(`chat-sidebar a[href="${CSS.escape(url)}"]`);
  if (link instanceof HTMLElement) link.click();
  else location.assign(url);
}
