"""How full the context window was with an answer, and what had no room in it or was not read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webui.chats.models import Generation, Message
from webui.chats.prompting.building import estimate_tokens
from webui.ui.numbers import grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowView:
    """What the next question has before it: tokens used of those there are, and the same in words."""

    used: int
    size: int
    words: str


def window_after(answer: Message, generation: Generation) -> WindowView | None:
    """Return how full the window is once an answer is there; None where its size is not known."""
    size = generation.ledger.get("context_tokens")
    if not size:
        return None
    used = 0 if answer.ends_context else _used(answer, generation)
    facts = {"used": grouped(used), "size": grouped(size), "percent": round(100 * used / size)}
    return WindowView(
        used=used,
        size=size,
        words=_("Context window: %(used)s of %(size)s tokens used, %(percent)s %%") % facts,
    )


def _used(answer: Message, generation: Generation) -> int:
    """What was sent counts as the server counts it, where it does; what it thought is not sent again."""
    n_sent = max(generation.prompt_tokens or 0, generation.ledger.get("least_tokens", 0))
    if not generation.prompt_tokens:
        n_sent = generation.ledger["estimated_tokens"]
    n_answer = estimate_tokens(answer.content)
    return int(n_sent + (min(generation.answer_tokens, n_answer) if generation.answer_tokens else n_answer))


def remarks_on(generation: Generation) -> Iterator[str]:
    """Yield what a reader of the answer should know about what the model had before it."""
    ledger = generation.ledger
    if n_dropped := len(ledger.get("dropped", ())):
        yield ngettext(
            "%(n)s earlier message was left out: the context window is full.",
            "%(n)s earlier messages were left out: the context window is full.",
            n_dropped,
        ) % {"n": grouped(n_dropped)}
    if n_passages := ledger.get("passages_without_room"):
        yield ngettext(
            "%(n)s passage that was found had no room in the context window.",
            "%(n)s passages that were found had no room in the context window.",
            n_passages,
        ) % {"n": grouped(n_passages)}
    size, estimated = ledger.get("context_tokens"), ledger.get("estimated_tokens", 0)
    if size and estimated > size:
        yield _(
            "The question and what must go with it have about %(n)s tokens, more than the context window of %(size)s."
            " The model may not have read all of it."
        ) % {"n": grouped(estimated), "size": grouped(size)}
    elif is_cut_silently(generation):
        yield _(
            "%(server)s has read %(read)s tokens of at least %(sent)s that were sent: it cut the beginning off without"
            " saying so. Its context window is smaller than the one it was asked for."
        ) % {
            "server": ledger.get("server") or _("The server"),
            "read": grouped(generation.prompt_tokens or 0),
            "sent": grouped(ledger["least_tokens"]),
        }


def is_cut_silently(generation: Generation) -> bool:
    """Whether the server counts fewer tokens than what it was sent can have, with whichever model."""
    return bool(generation.prompt_tokens) and generation.prompt_tokens < generation.ledger.get("least_tokens", 0)
