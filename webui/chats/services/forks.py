"""Going on from a message in a chat of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db import models, transaction

from webui.accounts.models import User
from webui.chats import access
from webui.chats.branches import branch_of
from webui.chats.errors import AnswerRunning
from webui.chats.models import Chat, Citation, Generation, Image, Message, Rating
from webui.chats.queries import parents_of
from webui.chats.search import index

Row = TypeVar("Row", bound=models.Model)


@transaction.atomic
def fork_chat(user: User, chat_uuid: UUID | str, message_uuid: UUID | str) -> Chat:
    """Copy the branch down to a message into a new chat: with what is attached, citations, ratings and how answers came
    about.

    The number of queries does not depend on the length of the branch.

    Raises:
        AnswerRunning: The message is an answer that is still being written.
    """
    chat = access.chat_read(user, chat_uuid)
    message = access.message_read(chat, message_uuid)
    if message.is_unfinished:
        raise AnswerRunning
    path = branch_of(parents_of(chat), message.pk)
    branch = sorted(chat.messages.filter(pk__in=path), key=lambda row: path.index(row.pk))

    fork = _copy_of(chat, current_message=None, is_side_by_side=False, is_pinned=False, archived_at=None)
    fork.save()
    fork.tags.set(chat.tags.all())
    copies = Message.objects.bulk_create(
        # The answers that one was made of stay where they are.
        _copy_of(row, chat=fork, parent=None, merged_from=[one | {"message": ""} for one in row.merged_from])
        for row in branch
    )
    for above, below in zip(copies, copies[1:], strict=False):
        below.parent = above
    Message.objects.bulk_update(copies, ["parent"])
    _copy_what_hangs_on(branch, copies)
    fork.current_message = copies[-1]
    fork.save(update_fields=["current_message"])
    index.index_chat(fork)
    return fork


def _copy_of(row: Row, **changes: Any) -> Row:
    """Return an unsaved copy with an id of its own. The times of a chat begin anew."""
    fresh = {"uuid", "created_at", "updated_at"} if isinstance(row, Chat) else {"uuid"}
    fields = [field for field in row._meta.concrete_fields if not field.primary_key and field.name not in fresh]
    copy = type(row)(**{field.attname: getattr(row, field.attname) for field in fields})
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy


def _copy_what_hangs_on(branch: Sequence[Message], copies: Sequence[Message]) -> None:
    new_ids = {old.pk: new.pk for old, new in zip(branch, copies, strict=True)}
    new_uuids = {str(old.uuid): str(new.uuid) for old, new in zip(branch, copies, strict=True)}
    for model in (Message.documents.through, Message.knowledge.through, Image, Citation, Rating):
        # Pictures leave their pixels behind unless they are asked for.
        rows: Any = model._default_manager.filter(message__in=new_ids).defer(None)
        model._default_manager.bulk_create(_copy_of(row, message_id=new_ids[row.message_id]) for row in rows)
    Generation.objects.bulk_create(
        _copy_of(row, message_id=new_ids[row.message_id], ref="", ledger=_renamed(row.ledger, new_uuids))
        for row in Generation.objects.filter(message__in=new_ids)
    )


def _renamed(ledger: dict[str, Any], new_uuids: dict[str, str]) -> dict[str, Any]:
    """Return a ledger that names the copies of the messages that it names."""
    parts: dict[str, Any] = {
        part: [entry | {"message": new_uuids.get(entry.get("message"), entry.get("message"))} for entry in ledger[part]]
        for part in ("sent", "dropped")
        if part in ledger
    }
    if "merged" in ledger:
        parts["merged"] = [entry | {"message": None} for entry in ledger["merged"]]
    return ledger | parts
