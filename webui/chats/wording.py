"""The sentences for what can go wrong, in the reader's language, made where they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webui.chats.errors import FAILED_ELSEWHERE, ChatError, ModelUnreachable

REFUSALS: Final[Mapping[str, Promise]] = {
    "malformed": _("The page sent something this server does not understand. Reload the page and try again."),
    "not_found": _("This is not here any more, or it is not yours."),
    "message_empty": _("The message is empty."),
    "message_too_long": _("The message has %(n_chars)s characters; at most %(limit)s can be sent."),
    "wrong_role": _("This cannot be done with that message."),
    "nothing_to_merge": _("There are no two answers with words left to merge."),
    "answer_running": _("An answer is still being written in this chat. Stop it first, or wait."),
    "model_not_found": _("The model “%(model)s” is not available now. Choose another one."),
    "model_cannot_chat": _("The model “%(model)s” makes embeddings and cannot chat. Choose another one."),
    "model_cannot_see": _("“%(model)s” cannot see pictures. Choose another model, or have their text read instead."),
    "pictures_unavailable": _("No pictures can be made for you here. Ask your administrator."),
    "model_cannot_merge": _("“%(model)s” only quotes documents and cannot merge answers. Choose another model."),
    "preset_gone": _(
        "This preset is not here any more: it was deleted, or is not shared with you now. Choose another model."
    ),
    "preset_without_model": _(
        "“%(preset)s” answers with the model “%(model)s”, which is not available now. Choose another model."
    ),
    "message_above_deleted": _("The message above it was deleted since. Bring that one back first."),
    "title_empty": _("A chat needs a title."),
    "folder_name": _("A folder needs a name of at most %(limit)s characters."),
    "too_many_folders": _("You have %(limit)s folders, which is as many as there can be. Delete one first."),
    "folder_full": _(
        "A folder holds at most %(limit)s documents and knowledge. Put more documents into one knowledge, and add that."
    ),
    "system_prompt_too_long": _("The instructions have %(n_chars)s characters; at most %(limit)s can be saved."),
    "tag_name": _("A tag needs a name of at most %(limit)s characters."),
    "tag_taken": _("You have another tag named “%(name)s”."),
    "too_many_tags": _("You have %(limit)s tags, which is as many as there can be. Delete one first."),
    "too_many_tags_of_chat": _("A chat can have at most %(limit)s tags."),
    "too_many_pinned": _("At most %(limit)s chats can be pinned. Unpin one first."),
    "import_running": _("Another file is being imported. Wait until that is done, or stop it."),
    "repl_set": _("What can be set: %(names)s."),
    "repl_show": _("What can be shown: %(names)s."),
    "repl_terminal": _("“/set %(name)s” is for the chat in a terminal."),
    "repl_option": _("There is no option “%(name)s”, but %(names)s."),
    "repl_value": _(
        "“%(name)s” needs a value; “default” takes back what is set in this chat, “none” what is set elsewhere."
    ),
    "repl_whole": _("“%(name)s” takes a whole number from %(least)s to %(most)s, not “%(value)s”."),
    "repl_number": _("“%(name)s” takes a number from %(least)s to %(most)s, not “%(value)s”."),
    "repl_texts": _("“%(name)s” takes a few short texts, in quotes where they hold blanks."),
    "repl_think": _("Thinking is one of %(names)s, not “%(value)s”."),
    "repl_format": _("The form of an answer is the word json or a JSON schema."),
    "repl_system": _("A system prompt has at most %(limit)s characters."),
    "repl_name": _("“/%(name)s” needs a name after it."),
    "repl_load": _("There is no model and no preset called “%(name)s” here. “/list” tells which there are."),
    "repl_save_nobody": _("No model answers here, so there is nothing to save."),
    "repl_save_name": _("A preset has a name of at most %(limit)s characters."),
    "repl_save_long": _("This chat is too long to be saved as a preset."),
    "repl_save_many": _("You have %(limit)s presets already; delete one that you do not need."),
    "internal": _("Something went wrong on the server. It has been logged; please try again."),
}


def refusal_text(error: ChatError) -> str:
    if isinstance(error, ModelUnreachable):
        words = explain(error.failure.code, error.failure.facts)
        return f"{words.title} {words.advice}"
    return str(REFUSALS[error.code]) % dict(error.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What went wrong and what to do, for a person.

    Attributes:
        details: What the upstream said, in its own words; empty when it said nothing. Plain text.
        can_retry: Asking again may help.
    """

    title: str
    advice: str
    details: str
    can_retry: bool


@dataclass(frozen=True, slots=True)
class _Words:
    title: Promise
    advice: Promise
    can_retry: bool = True


_NEXT_TRY = _("Try again in a moment.")
_ASK_ADMIN = _("Try again; if it stays, tell your administrator.")

_EXPLANATIONS: Final[Mapping[str, _Words]] = {
    "model_not_found": _Words(
        _("The model “%(model)s” is not available."), _("Choose another model and ask again."), False
    ),
    "bad_model_file": _Words(
        _("The file of the model “%(model)s” is damaged or is not a model."),
        _("Choose another model, or have its file replaced."),
        False,
    ),
    "model_load_failed": _Words(
        _("The model “%(model)s” could not be loaded."),
        _("It may need more memory than is free. Try again, or choose a smaller model."),
    ),
    "invalid_request": _Words(
        _("The model cannot answer this request."), _("Shorten the message or start a new chat."), True
    ),
    "queue_full": _Words(_("Too many people are asking at the same time."), _NEXT_TRY),
    "runner_died": _Words(
        _("The model “%(model)s” crashed while it answered."),
        _("The text so far is kept. Ask again: the model is started anew."),
    ),
    "connection_refused": _Words(_("Nothing answers at %(host)s."), _ASK_ADMIN),
    "host_not_found": _Words(_("The address %(host)s does not exist."), _ASK_ADMIN),
    "upstream_timeout": _Words(_("The model did not answer in time."), _NEXT_TRY),
    "wrong_service": _Words(_("What answers at %(host)s is not a model server."), _ASK_ADMIN),
    "connection_failed": _Words(
        _("The connection to the model broke."), _("The text so far is kept. Ask again to get a whole answer.")
    ),
    "bad_credentials": _Words(
        _("The model's service refused our credentials."), _("An administrator has to check the key."), True
    ),
    "upstream_refused": _Words(_("The model's service answered with error %(status)s."), _NEXT_TRY),
    "drawing_failed": _Words(
        _("The picture could not be made."), _("Say it in other words, or with other settings, and try again.")
    ),
    "no_picture": _Words(
        _("What came back is no picture."),
        _("Say it in other words, or try again; if it stays, tell your administrator."),
    ),
    "picture_elsewhere": _Words(
        _("The picture lies at an address that is not fetched."),
        _("It is in a private network, or did not answer. An administrator can have pictures sent with the answer."),
    ),
    "workflow_refused": _Words(
        _("The workflow for pictures does not fit its settings."), _("An administrator has to look at it."), False
    ),
    "document_unreadable": _Words(
        _("“%(name)s” could not be read."),
        _("Ask without it, or attach another copy of the document."),
        False,
    ),
    "document_late": _Words(_("“%(name)s” is still being read."), _("Ask again when the document is ready.")),
    "retrieval_failed": _Words(_("The documents could not be searched."), _ASK_ADMIN),
    "drafts_too_long": _Words(
        _("The answers together are too long for this model: about %(n_tokens)s tokens, where it sees %(window)s."),
        _("Merge fewer of them, or choose a model with a larger context window."),
        False,
    ),
    "answer_empty": _Words(_("The model ended without an answer."), _("Ask again, or choose another model.")),
    "answer_too_long": _Words(
        _("The model did not come to an end and was stopped."),
        _("The text so far is kept. Ask again, or more narrowly."),
    ),
    "interrupted": _Words(
        _("This answer was interrupted."), _("The server stopped while it was written. The text so far is kept.")
    ),
    FAILED_ELSEWHERE: _Words(_("This answer had failed before it was imported."), _("Ask again to get one here.")),
    "internal": _Words(_("Something went wrong on the server."), _("It has been logged. Please try again.")),
}


class _Unknown(dict[str, Any]):
    """Facts of a sentence; a missing one reads as a question mark instead of breaking the page."""

    def __missing__(self, key: str) -> str:
        return "?"


def explain(code: str, facts: Mapping[str, Any]) -> Explanation:
    """Make the words for a stored failure; an unknown code gets the general ones."""
    words = _EXPLANATIONS.get(code, _EXPLANATIONS["internal"])
    return Explanation(
        title=str(words.title) % _Unknown(facts),
        advice=str(words.advice),
        details=str(facts.get("detail", "")),
        can_retry=words.can_retry,
    )
