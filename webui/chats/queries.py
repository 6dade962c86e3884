"""Reading chats: folders and pages of the sidebar, the tree of one chat, what runs in it and what is thought of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Q, QuerySet

from webui.accounts.models import User
from webui.chats.branches import Parents
from webui.chats.models import Chat, Folder, Generation, Message, Rating
from webui.ui.keyset import KeysetPage, newest_first

PAGE_SIZE = 40
CHATS_OF_FOLDER = 5
"""So many of an open folder's chats stand in the sidebar."""


def visible_chats(user: User) -> QuerySet[Chat]:
    """Return a person's chats, newest first. Never touches messages."""
    return Chat.objects.filter(owner=user, deleted_at=None).order_by("-updated_at", "-id")


def chat_page(user: User, before: str | None = None, *, folder: Folder | None = None) -> KeysetPage[Chat]:
    """Return one page of the chats in a folder, or of those in none; one query, whatever the number of chats.

    Raises:
        BadCursor: `before` is not the `next_cursor` of a page.
    """
    chats = visible_chats(user).filter(folder=folder).only("uuid", "title", "updated_at")
    return newest_first(chats, field="updated_at", before=before, limit=PAGE_SIZE)


def visible_folders(user: User) -> QuerySet[Folder]:
    return Folder.objects.filter(owner=user, deleted_at=None)


def parents_of(chat: Chat) -> Parents:
    return dict(chat.messages.values_list("id", "parent_id"))


def active_generations(chat: Chat) -> QuerySet[Generation]:
    return Generation.objects.filter(message__chat=chat, state__in=Generation.ACTIVE_STATES)


def branch_before(answer: Message) -> list[Message]:
    """Return the messages from the root down to the question."""
    question = answer.parent
    if question is None or question.parent_id is None:
        return [question] if question else []
    messages = connection.ops.quote_name(Message._meta.db_table)
    # The database walks from the question up to the root, and reads nothing beside that path.
    path = f"""
        WITH RECURSIVE branch (id, parent_id) AS (
            SELECT id, parent_id FROM {messages} WHERE id = %s
            UNION ALL
            SELECT above.id, above.parent_id FROM {messages} above JOIN branch ON above.id = branch.parent_id
        )
        SELECT id, uuid, role, content FROM {messages} WHERE id IN (SELECT id FROM branch) ORDER BY id
    """  # noqa: S608  (our name)
    return list(Message.objects.raw(path, [question.pk]))


def ratings_of(user: User | None) -> QuerySet[Rating]:
    """Return the ratings that a person has given, or those of everybody for None; without those of deleted chats."""
    ratings = Rating.objects.filter(message__chat__deleted_at=None)
    return ratings if user is None else ratings.filter(rated_by=user)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedModel:
    """How often answers of a model were found good and bad. `model` is a catalog id."""

    model: str
    n_good: int
    n_bad: int


def rated_models(ratings: QuerySet[Rating]) -> Sequence[RatedModel]:
    """Return the models that were rated, the most often rated first; one query."""
    by_model = ratings.values("message__model").annotate(
        n_good=Count("pk", filter=Q(is_good=True)), n_bad=Count("pk", filter=Q(is_good=False)), n=Count("pk")
    )
    return [
        RatedModel(model=row["message__model"], n_good=row["n_good"], n_bad=row["n_bad"])
        for row in by_model.order_by("-n", "message__model")
    ]
