"""What is said about an answer beside it: of whose it was made, how long it was thought about, and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webui.chats.answerers import QUOTES, model_label
from webui.chats.models import Generation, Message
from webui.ui.moments import duration_in_words


def merged_words(names: Sequence[str]) -> str:
    """Say of whose answers one was made; empty for none."""
    if not names:
        return ""
    return _("Merged from the answers of %(names)s") % {"names": ", ".join(map(model_label, names))}


def thinking_title(generation: Generation | None) -> str:
    seconds = generation.timings.get("thinking_s") if generation else None
    if seconds is None:
        return _("Thoughts")
    if seconds < 1:
        return _("Thought for a moment")
    return _("Thought for %(time)s") % {"time": duration_in_words(seconds)}


def facts_of(message: Message, generation: Generation) -> Iterator[str]:
    if generation.state == Generation.State.STOPPED:
        yield _("Stopped")
    if message.model == QUOTES:
        return
    if generation.has_retrieval and not generation.ledger.get("passages", True):
        yield _("Nothing in the documents matched")
    if unsupported := generation.ledger.get("unsupported"):
        marks = ", ".join(f"[{number}]" for number in unsupported)
        yield ngettext(
            "%(marks)s is no source of this: its passage says nothing of it",
            "%(marks)s are no sources of this: their passages say nothing of it",
            len(unsupported),
        ) % {"marks": marks}
    pictures = generation.ledger.get("pictures", {})
    if n_unseen := pictures.get("left_out"):
        words = (
            ngettext("%(n)s earlier picture was not sent", "%(n)s earlier pictures were not sent", n_unseen)
            if pictures.get("can_see")
            else ngettext(
                "This model cannot see pictures: %(n)s was not sent",
                "This model cannot see pictures: %(n)s were not sent",
                n_unseen,
            )
        )
        yield words % {"n": n_unseen}
    n_tokens = generation.answer_tokens
    if n_tokens:
        yield ngettext("%(n)s token", "%(n)s tokens", n_tokens) % {"n": n_tokens}
    answer_s = generation.timings.get("answer_s")
    if n_tokens and answer_s:
        yield _("%(rate).0f tokens a second") % {"rate": n_tokens / answer_s}
