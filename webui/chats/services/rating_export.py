"""Rated answers as JSON lines, to train or to judge models with.

Each line is a pair of answers to one question, as trainers of preferences read it:

    {"prompt": [{"role", "content"}, ...],             the branch from its root to the question
     "chosen": [{"role": "assistant", "content"}],     or null
     "rejected": [{"role": "assistant", "content"}],   or null
     "chosen_model", "rejected_model",                 or null
     "chosen_rating", "rejected_rating"}               {"is_good", "reasons", "comment", "rated_at"}, or null

An answer that was found good is chosen before each sibling that was not. One that has nothing to be compared with
stands alone, in a line where the other is null. No line says who has rated or asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TypedDict

from webui.accounts.models import User
from webui.chats.models import Generation, Message, Rating
from webui.chats.queries import branch_before, ratings_of

_PAGE = 50


class TurnDict(TypedDict):
    role: str
    content: str


class RatingDict(TypedDict):
    is_good: bool
    reasons: list[str]
    comment: str
    rated_at: str


class PairDict(TypedDict):
    prompt: list[TurnDict]
    chosen: list[TurnDict] | None
    rejected: list[TurnDict] | None
    chosen_model: str | None
    rejected_model: str | None
    chosen_rating: RatingDict | None
    rejected_rating: RatingDict | None


def export_ratings(user: User | None) -> Iterator[bytes]:
    """Yield the lines of a person's ratings, or of everybody's for None. At any time one branch is in memory."""
    last = 0
    while True:
        # By id, as every piece may be made in another thread, and so on another connection.
        questions = ratings_of(user).filter(message__parent__gt=last).order_by("message__parent_id")
        parents = questions.values_list("message__parent_id", flat=True).distinct()[:_PAGE]
        page = [parent for parent in parents if parent is not None]
        for question in page:
            yield from _lines_of(question, user)
        if len(page) < _PAGE:
            return
        last = page[-1]


def _lines_of(question_id: int, user: User | None) -> Iterator[bytes]:
    ratings: dict[int, Rating] = {}
    # A chat has one owner; were an answer rated by several people, the newest rating would speak.
    for rating in ratings_of(user).filter(message__parent=question_id).order_by("rated_at", "pk"):
        ratings[rating.message_id] = rating
    answers = _answers_to(question_id, ratings)
    if not answers:
        return
    prompt = [_turn(message) for message in branch_before(answers[0])]
    good = [answer for answer in answers if answer.pk in ratings and ratings[answer.pk].is_good]
    others = [answer for answer in answers if answer not in good]
    rated = [answer for answer in others if answer.pk in ratings]
    pairs: Sequence[tuple[Message | None, Message | None]] = (
        list(product(good, others)) or [(answer, None) for answer in good] or [(None, answer) for answer in rated]
    )
    for chosen, rejected in pairs:
        line = PairDict(
            prompt=prompt,
            chosen=[_turn(chosen)] if chosen else None,
            rejected=[_turn(rejected)] if rejected else None,
            chosen_model=chosen.model if chosen else None,
            rejected_model=rejected.model if rejected else None,
            chosen_rating=_rating(ratings[chosen.pk]) if chosen else None,
            rejected_rating=_rating(ratings[rejected.pk]) if rejected and rejected.pk in ratings else None,
        )
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _answers_to(question_id: int, ratings: dict[int, Rating]) -> list[Message]:
    """Return the answers that were rated, and those that came to their end and so can be compared with them."""
    answers = Message.objects.filter(parent=question_id, role=Message.Role.ASSISTANT).exclude(content="")
    return [
        answer
        for answer in answers.select_related("generation", "parent")
        if answer.pk in ratings or _is_finished(answer.its_generation)
    ]


def _is_finished(generation: Generation | None) -> bool:
    return generation is None or generation.state == Generation.State.FINISHED


def _turn(message: Message) -> TurnDict:
    return {"role": message.role, "content": message.content}


def _rating(rating: Rating) -> RatingDict:
    return {
        "is_good": rating.is_good,
        "reasons": list(rating.reasons),
        "comment": rating.comment,
        "rated_at": rating.rated_at.isoformat(),
    }
