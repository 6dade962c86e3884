"""What could not be taken of a chat, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from rag.types import Problem
from webui.chats.transfer.limits import MAX_CHAT_BYTES, MAX_MESSAGES
from webui.chats.transfer.shapes import Note

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


def notes_in_words(notes: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each note of a chat."""
    for code, n in notes.items():
        yield _SENTENCES[Note(code)] % {"n": n, "limit": MAX_CHAT_BYTES // 2**20, "most": MAX_MESSAGES}


_SENTENCES: Final[Mapping[Note, _StrPromise]] = {
    Note.NOT_JSON: gettext_lazy("It is not written as JSON is, so nothing of it can be read."),
    Note.CUT_OFF: gettext_lazy("The file is damaged, or ends in the middle of it."),
    Note.TOO_LARGE: gettext_lazy("It is larger than a chat can be: %(limit)s MB."),
    Note.NOT_A_CHAT: gettext_lazy("This is no chat in a form that is known here."),
    Note.NO_MESSAGES: gettext_lazy("It has no messages."),
    Note.TOO_MANY_MESSAGES: gettext_lazy("It has more messages than a chat can have: %(most)s."),
    Note.NOT_STORED: gettext_lazy("It could not be stored. The log of the server says more."),
    Note.DANGLING: ngettext_lazy(
        "%(n)s message answers one that is not in the file; it begins a branch of its own.",
        "%(n)s messages answer ones that are not in the file; they begin branches of their own.",
        "n",
    ),
    Note.CIRCLES: ngettext_lazy(
        "Messages answered each other in a circle, which was cut open.",
        "Messages answered each other in %(n)s circles, which were cut open.",
        "n",
    ),
    Note.DOUBLES: ngettext_lazy(
        "%(n)s message had the id of another one; it is there, but what answered it may be below that one.",
        "%(n)s messages had ids of others; they are there, but what answered them may be below those.",
        "n",
    ),
    Note.NO_SHOWN: gettext_lazy("It does not say which branch was shown; the newest one is."),
    Note.NO_MESSAGE: ngettext_lazy(
        "%(n)s entry is no message and was left out.", "%(n)s entries are no messages and were left out.", "n"
    ),
    Note.MOMENTS: ngettext_lazy(
        "%(n)s time makes no sense; another one stands there.", "%(n)s times make no sense; others stand there.", "n"
    ),
    Note.CUT_TEXTS: ngettext_lazy(
        "%(n)s text was too long and was cut.", "%(n)s texts were too long and were cut.", "n"
    ),
    Note.CUT_TITLE: gettext_lazy("The title was too long and was cut."),
    Note.MISSING_FILES: ngettext_lazy(
        "%(n)s file or picture is not in the file.", "%(n)s files or pictures are not in the file.", "n"
    ),
    Note.REFUSED_FILES: ngettext_lazy(
        "%(n)s file or picture cannot be read here and was left out.",
        "%(n)s files or pictures cannot be read here and were left out.",
        "n",
    ),
    Note.KNOWLEDGE: ngettext_lazy(
        "Knowledge was asked %(n)s time that is not there for you.",
        "Knowledge was asked %(n)s times that is not there for you.",
        "n",
    ),
    Note.FOLDER: gettext_lazy("There are as many folders as there can be, so it is in none."),
    Note.TAGS: gettext_lazy("There are as many tags as there can be, so it has none."),
    Note.PINNED: gettext_lazy("There are as many pinned chats as there can be, so it is not pinned."),
    Note.RECORDS: ngettext_lazy(
        "%(n)s record of how an answer came about was left out.",
        "%(n)s records of how answers came about were left out.",
        "n",
    ),
    Note.PARTS: ngettext_lazy(
        "%(n)s part of a message is neither text nor a picture and was left out.",
        "%(n)s parts of messages are neither text nor pictures and were left out.",
        "n",
    ),
    Note.TOO_MANY: ngettext_lazy(
        "%(n)s file, source or the like is more than there can be, and was left out.",
        "%(n)s files, sources or the like are more than there can be, and were left out.",
        "n",
    ),
    Note.HIDDEN: ngettext_lazy(
        "%(n)s message that was never shown was left out.", "%(n)s messages that were never shown were left out.", "n"
    ),
    Note.OPTIONS: ngettext_lazy(
        "%(n)s setting means nothing here and was left out.", "%(n)s settings mean nothing here and were left out.", "n"
    ),
}


def refusal_in_words(problem: Problem) -> str:
    """Say why no chats can be taken from a file."""
    match problem:
        case Problem.TOO_LARGE:
            return _("This file holds more than can be taken in.")
        case Problem.EMPTY:
            return _("There are no chats in this file.")
        case Problem.PASSWORD:
            return _("This archive asks for a password. Unpack it, and import what is in it.")
        case Problem.UNSUPPORTED:
            return _("This is neither a ZIP nor JSON. Choose the file as it was exported.")
        case _:
            return _("This archive is damaged.")
