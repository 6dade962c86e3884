"""What is known of how an answer came about: who gave it, how it ended, its tokens, and where its time went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webui.chats.answerers import QUOTES, model_label
from webui.chats.models import Generation, Message
from webui.ui.moments import measured_duration

PROMPT_SHOWN_CHARS: Final = 400


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Facts under one heading. The last one of `has_sum` is what the others come to."""

    heading: str
    facts: Sequence[Fact]
    has_sum: bool = False


@dataclass(frozen=True, slots=True)
class AnswerInfo:
    """All that `chats/_answer_info.html` shows. What nobody has measured is not there."""

    parts: Sequence[Part]


def answer_info(answer: Message) -> AnswerInfo:
    """Reads the generation; one query if not selected."""
    generation = answer.its_generation
    parts = [Part(heading=_("Answer"), facts=list(_answer_facts(answer, generation)))]
    if generation is not None:
        parts += [
            Part(heading=_("Picture"), facts=list(_picture_facts(generation.ledger.get("picture", {})))),
            Part(heading=_("Tokens"), facts=list(_token_facts(generation))),
            Part(heading=_("Time"), facts=list(_time_facts(generation)), has_sum=True),
        ]
    return AnswerInfo([part for part in parts if part.facts])


def _answer_facts(answer: Message, generation: Generation | None) -> Iterator[Fact]:
    if answer.preset_name:
        yield Fact(_("Preset"), answer.preset_name)
    if answer.model:
        yield Fact(_("Answered by") if answer.model == QUOTES else _("Model"), model_label(answer.model))
    if answer.merged_from:
        yield Fact(_("Merged from"), ", ".join(model_label(one["name"]) for one in answer.merged_from))
    if generation is not None:
        yield Fact(_("State"), generation.get_state_display())
    yield Fact(_("Asked"), _exact(generation.created_at if generation else answer.created_at))


def _picture_facts(made: Mapping[str, Any]) -> Iterator[Fact]:
    """What a picture was made with; what its server takes no word of is not there."""
    seeds = made.get("seeds") or ()
    told: Sequence[tuple[str, Any]] = (
        (_("Prompt"), Truncator(made.get("prompt", "")).chars(PROMPT_SHOWN_CHARS)),
        (_("Connection"), made.get("connection")),
        (_("Size"), made.get("size")),
        (_("Seed"), ", ".join(map(str, seeds))),
        (_("Steps"), made.get("steps")),
        (_("Sampler"), made.get("sampler")),
        (_("Left out"), made.get("negative_prompt")),
        (_("Made of"), Truncator(made.get("revised_prompt", "")).chars(PROMPT_SHOWN_CHARS)),
    )
    for name, value in told:
        if value:
            yield Fact(name, str(value))


def _token_facts(generation: Generation) -> Iterator[Fact]:
    """Tokens are counted by the server that answered; speeds are its own, without waiting and loading."""
    n_read, n_cached, n_written = generation.prompt_tokens, generation.cached_tokens, generation.answer_tokens
    if n_read is not None:
        yield Fact(_("Question and what went with it"), _tokens(n_read))
    if n_cached:
        yield Fact(_("Of these known from before"), _tokens(n_cached))
    if n_written is not None:
        yield Fact(_("Answer"), _tokens(n_written))
    # Without knowing how many it had read before, a speed would be nonsense.
    if n_read is not None and n_cached is not None:
        yield from _speed(_("Speed of reading"), n_read - n_cached, generation.timings.get("prompt_s"))
    yield from _speed(_("Speed of writing"), n_written, generation.timings.get("answer_s"))


def _tokens(n_tokens: int) -> str:
    return ngettext("%(n)s token", "%(n)s tokens", n_tokens) % {"n": number_format(n_tokens)}


def _speed(name: str, n_tokens: int | None, seconds: float | None) -> Iterator[Fact]:
    if n_tokens and seconds:
        rate = n_tokens / seconds
        yield Fact(name, _("%(rate)s tokens a second") % {"rate": number_format(rate, 0 if rate >= 10 else 1)})


def _time_facts(generation: Generation) -> Iterator[Fact]:
    timings = generation.timings
    searched_s = generation.ledger.get("retrieval", {}).get("total_s")
    steps: Sequence[tuple[str, Any]] = (
        (_("Documents searched"), searched_s),
        (_("Waited for its turn"), timings.get("queue_s")),
        (_("Model loaded"), timings.get("load_s")),
        (_("Question read"), timings.get("prompt_s")),
        (_("Until the first word"), _seconds(generation.created_at, generation.first_delta_at)),
        (_("Picture made"), generation.ledger.get("picture", {}).get("drawn_s")),
        (_("Answer written"), timings.get("answer_s")),
        (_("Between two tokens, usually"), timings.get("token_p50_s")),
        (_("Between two tokens, at the slowest 5 %"), timings.get("token_p95_s")),
        (_("All together"), _seconds(generation.created_at, generation.finished_at)),
    )
    for name, seconds in steps:
        if seconds is not None:
            yield Fact(name, measured_duration(seconds))


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else max(0.0, (end - start).total_seconds())


def _exact(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")
