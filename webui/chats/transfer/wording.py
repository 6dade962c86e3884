"""What could not be taken of a chat, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rag.types import Problem
from webui.chats.transfer.limits import MAX_CHAT_BYTES, MAX_MESSAGES
from webui.chats.transfer.shapes import Note


def notes_in_words(notes: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each note of a chat."""
    for code, n in notes.items():
        yield _sentence(Note(code), n)


def _sentence(note: Note, n: int) -> str:
    match note:
        case Note.NOT_JSON:
            words = _("It is not written as JSON is, so nothing of it can be read.")
        case Note.CUT_OFF:
            words = _("The file is damaged, or ends in the middle of it.")
        case Note.TOO_LARGE:
            words = _("It is larger than a chat can be: %(limit)s MB.")
        case Note.NOT_A_CHAT:
            words = _("This is no chat in a form that is known here.")
        case Note.NO_MESSAGES:
            words = _("It has no messages.")
        case Note.TOO_MANY_MESSAGES:
            words = _("It has more messages than a chat can have: %(most)s.")
        case Note.NOT_STORED:
            words = _("It could not be stored. The log of the server says more.")
        case Note.DANGLING:
            words = ngettext(
                "%(n)s message answers one that is not in the file; it begins a branch of its own.",
                "%(n)s messages answer ones that are not in the file; they begin branches of their own.",
                n,
            )
        case Note.CIRCLES:
            words = ngettext(
                "Messages answered each other in a circle, which was cut open.",
                "Messages answered each other in %(n)s circles, which were cut open.",
                n,
            )
        case Note.DOUBLES:
            words = ngettext(
                "%(n)s message had the id of another one; it is there, but what answered it may be below that one.",
                "%(n)s messages had ids of others; they are there, but what answered them may be below those.",
                n,
            )
        case Note.NO_SHOWN:
            words = _("It does not say which branch was shown; the newest one is.")
        case Note.NO_MESSAGE:
            words = ngettext(
                "%(n)s entry is no message and was left out.", "%(n)s entries are no messages and were left out.", n
            )
        case Note.MOMENTS:
            words = ngettext(
                "%(n)s time makes no sense; another one stands there.",
                "%(n)s times make no sense; others stand there.",
                n,
            )
        case Note.CUT_TEXTS:
            words = ngettext("%(n)s text was too long and was cut.", "%(n)s texts were too long and were cut.", n)
        case Note.CUT_TITLE:
            words = _("The title was too long and was cut.")
        case Note.MISSING_FILES:
            words = ngettext(
                "%(n)s file or picture is not in the file.", "%(n)s files or pictures are not in the file.", n
            )
        case Note.REFUSED_FILES:
            words = ngettext(
                "%(n)s file or picture cannot be read here and was left out.",
                "%(n)s files or pictures cannot be read here and were left out.",
                n,
            )
        case Note.KNOWLEDGE:
            words = ngettext(
                "Knowledge was asked %(n)s time that is not there for you.",
                "Knowledge was asked %(n)s times that is not there for you.",
                n,
            )
        case Note.FOLDER:
            words = _("There are as many folders as there can be, so it is in none.")
        case Note.TAGS:
            words = _("There are as many tags as there can be, so it has none.")
        case Note.PINNED:
            words = _("There are as many pinned chats as there can be, so it is not pinned.")
        case Note.RECORDS:
            words = ngettext(
                "%(n)s record of how an answer came about was left out.",
                "%(n)s records of how answers came about were left out.",
                n,
            )
        case Note.PARTS:
            words = ngettext(
                "%(n)s part of a message is neither text nor a picture and was left out.",
                "%(n)s parts of messages are neither text nor pictures and were left out.",
                n,
            )
    return words % {"n": n, "limit": MAX_CHAT_BYTES // 2**20, "most": MAX_MESSAGES}


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
