"""The sentences that stand where an answer will be while no text comes."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inference.types import Progress
from rag import api as rag
from webui.chats.answering.live import LiveAnswer
from webui.imagery.types import Progress as Drawing
from webui.ui.moments import duration_in_words


def say_waiting(answer: LiveAnswer, progress: Progress) -> None:
    if progress.state == "loading":
        _say(answer, _loading_text, answer.task.model, progress.waited_s)
    else:
        _say(answer, _queue_text, progress.queue_position or 0, progress.expected_s)


def say_thinking(answer: LiveAnswer, seconds: float) -> None:
    if not answer.has_text:
        _say(answer, _thinking_text, seconds)


def say_drawing(answer: LiveAnswer, progress: Drawing, seconds: float) -> None:
    if progress.state == "queued":
        _say(answer, _pictures_before_text, progress.position)
    elif progress.state == "fetching":
        _say(answer, _fetching_text)
    else:
        _say(answer, _drawing_text, progress.percent, seconds)


def say_reading(answer: LiveAnswer, document: rag.Document) -> None:
    _say(answer, _reading_text, document)


def _say(answer: LiveAnswer, make: Callable[..., str], *facts: object) -> None:
    """Show a sentence where the answer will be, in the reader's language; the same one is not sent twice."""
    with translation.override(answer.task.language or None):
        answer.publish_progress(make(*facts))


def _reading_text(document: rag.Document) -> str:
    if not document.n_chunks:
        return _("Reading %(name)s") % {"name": document.name}
    percent = 100 * document.n_chunks_done // document.n_chunks
    return _("Reading %(name)s, %(percent)s %%") % {"name": document.name, "percent": percent}


def _loading_text(model: str, seconds: float) -> str:
    return _("Loading %(model)s, %(seconds).0f s") % {"model": model, "seconds": seconds}


def _queue_text(position: int, expected_s: float | None) -> str:
    if position:
        words = ngettext(
            "Waiting: %(n)s question is before yours", "Waiting: %(n)s questions are before yours", position
        )
        words %= {"n": position}
    else:
        words = _("Waiting: yours is the next question")
    if expected_s is None:
        return words
    return _("%(waiting)s, about %(time)s") % {"waiting": words, "time": duration_in_words(_calm(expected_s))}


def _calm(seconds: float) -> float:
    """An estimate in steps, so that it does not change with every look at it."""
    return max(1, round(seconds)) if seconds < 10 else 5 * round(seconds / 5)


def _thinking_text(seconds: float) -> str:
    return _("Thinking, %(seconds).0f s") % {"seconds": seconds}


def _pictures_before_text(n_before: int) -> str:
    words = ngettext(
        "Waiting: %(n)s picture is made before yours", "Waiting: %(n)s pictures are made before yours", n_before
    )
    return words % {"n": n_before}


def _fetching_text() -> str:
    return _("Fetching the picture")


def _drawing_text(percent: int | None, seconds: float) -> str:
    if percent is None:
        return _("Making the picture, %(seconds).0f s") % {"seconds": seconds}
    return _("Making the picture, %(percent)s %%, %(seconds).0f s") % {"percent": percent, "seconds": seconds}
