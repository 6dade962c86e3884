"""What people think of answers: rated, explained, taken back. One rating of each person for each answer."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from webui.accounts.models import User
from webui.chats import access
from webui.chats.models import Rating


@transaction.atomic
def rate_answer(user: User, chat_uuid: UUID | str, message_uuid: UUID | str, *, is_good: bool) -> Rating:
    """Rate an answer, or change one's mind; then the reasons of before are forgotten."""
    answer = access.answer_read(user, chat_uuid, message_uuid)
    rating, is_new = Rating.objects.get_or_create(message=answer, rated_by=user, defaults={"is_good": is_good})
    if not is_new and rating.is_good != is_good:
        rating.is_good, rating.reasons, rating.comment, rating.rated_at = is_good, [], "", timezone.now()
        rating.save(update_fields=["is_good", "reasons", "comment", "rated_at"])
    return rating


def explain_rating(rating: Rating, *, reasons: Sequence[str], comment: str) -> None:
    rating.reasons, rating.comment, rating.rated_at = list(reasons), comment, timezone.now()
    rating.save(update_fields=["reasons", "comment", "rated_at"])


def remove_rating(rating: Rating) -> None:
    rating.delete()
