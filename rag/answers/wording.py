"""What Quotes says, in Markdown: quotations word for word, what is not there, and where to look instead."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext, ngettext

from rag.answers.candidates import Candidate
from rag.answers.names import absent_names
from rag.types import Passage, innermost

MAX_NAMED_PLACES = 3
QUOTE_MAX_CHARACTERS = 600
_ACTIVE = re.compile(r"([\\`*_~$<>|&])")
_MARKER_LIKE = re.compile(r"\[(?=\d+\])")
_LINE_START = re.compile(r"^(\s*)([#+-]|\d+(?=[.)]))", re.M)


def quotations(question: str, chosen: Sequence[Candidate], passages: Sequence[Passage], *, is_sure: bool) -> str:
    if not is_sure:
        lead = gettext("I found no sentence that surely answers this. Nearest to its subject stand:")
        return "\n\n".join((lead, *map(_quotation, chosen)))
    lead = ngettext(
        "No model writes here: this is the sentence of your documents that comes closest to your question.",
        "No model writes here: these are the sentences of your documents that come closest to your question.",
        len(chosen),
    )
    return "\n\n".join(filter(None, (lead, *map(_quotation, chosen), _missing_words(question, passages))))


def _quotation(candidate: Candidate) -> str:
    """Return a block quote, a line for each line; two blanks break a line in Markdown."""
    lines = "  \n> ".join(map(_verbatim, candidate.statement.lines))
    return f"> {lines} [{candidate.number}]"


def _missing_words(question: str, passages: Sequence[Passage]) -> str:
    """Say which names and numbers of the question stand in no passage: a near miss must not pass for an answer."""
    missing = absent_names(question, passages)
    if not missing:
        return ""
    listed = ", ".join(f"“{_verbatim(word)}”" for word in missing[:5])
    return gettext("Not in these passages: %(words)s.") % {"words": listed}


def _verbatim(sentence: str) -> str:
    """Return Markdown that shows a sentence as it stands: nothing in it formats, links or cites."""
    on_one_line = " ".join(sentence.split())
    if len(on_one_line) > QUOTE_MAX_CHARACTERS:
        on_one_line = f"{on_one_line[:QUOTE_MAX_CHARACTERS]} …"
    escaped = _ACTIVE.sub(r"\\\1", on_one_line)
    # An entity, because a backslash before a bracket opens a formula.
    return _MARKER_LIKE.sub("&#91;", _LINE_START.sub(lambda m: f"{m[1]}{_escaped_start(m[2])}", escaped))


def _escaped_start(mark: str) -> str:
    return f"\\{mark}" if not mark.isdigit() else f"&#{ord(mark[0])};{mark[1:]}"


def nothing_matches(passages: Sequence[Passage]) -> str:
    """Say so, and name the places that the search found nearest: the answer may stand there in other words."""
    said = gettext(
        "Nothing in your documents matches this question.\n\n"
        "Without a model I only look for sentences that share its words or its meaning. "
        "Other words may find what you are looking for."
    )
    places = list(dict.fromkeys(map(_place, passages)))[:MAX_NAMED_PLACES]
    if not places:
        return said
    return "\n\n".join(
        (said, gettext("These places come closest to its subject:"), "\n".join(f"- {p}" for p in places))
    )


def _place(passage: Passage) -> str:
    """Return Markdown that names a passage's document and the heading or page that it stands under."""
    name = innermost(passage.page_name)
    if not name and passage.page:
        name = gettext("page %(number)d") % {"number": passage.page}
    return ", ".join(
        f"{mark}{_verbatim(text)}{mark}" for text, mark in ((passage.document_name, "**"), (name, "")) if text
    )


def introduction() -> str:
    return gettext(
        "No model is chosen that could write an answer. I quote: add a document to this chat, ask about it, "
        "and I show the sentences that come closest, each with the place where it stands.\n\n"
        "For written answers, pick a model above, or add one."
    )
