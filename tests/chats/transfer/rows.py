"""All that the database holds of a person's chats, read without the code that exports them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model

from webui.accounts.models import User
from webui.chats.models import (
    Chat,
    ChatImport,
    Citation,
    Folder,
    Generation,
    Image,
    ImportedChat,
    Message,
    MessageRemoval,
    Rating,
    ShareGrant,
    ShareLink,
    Tag,
    Upload,
)

LEFT_OUT = {
    # What they are here alone: keys of this database, and what a page once called its request.
    "id", "owner", "rated_by", "asked_by", "ref", "source",
    # Nothing that is deleted goes out, nor what is gone by itself.
    "deleted_at", "left_folder", "temporary_until", "temporary_chat", "removal",
    # Made of the picture.
    "preview",
}  # fmt: skip
ROWS: dict[type[Model], set[str]] = {
    Folder: {"uuid", "name", "system_prompt", "documents", "knowledge", "is_open", "created_at"},
    Chat: {
        "uuid", "folder", "tags", "title", "has_automatic_title", "model", "beside", "system_prompt", "options",
        "current_message", "is_side_by_side", "created_at", "updated_at", "is_pinned", "archived_at",
    },
    Message: {
        "uuid", "chat", "parent", "role", "content", "thinking", "model", "preset_name", "answerer", "documents",
        "knowledge", "picture_wish", "ends_context", "follow_ups", "merged_from", "created_at",
    },
    Image: {"uuid", "message", "name", "media_type", "width", "height", "digest", "content", "created_at"},
    Generation: {
        "uuid", "message", "state", "error_code", "error_facts", "created_at", "heartbeat_at", "first_delta_at",
        "finished_at", "prompt_tokens", "answer_tokens", "cached_tokens", "timings", "ledger",
    },
    Citation: {
        "message", "number", "document", "document_name", "is_of_own_document", "page", "page_kind", "page_name",
        "start", "end", "text", "score",
    },
    Rating: {"message", "is_good", "reasons", "comment", "rated_at"},
}  # fmt: skip
"""What of each row goes out."""
ONLY_HERE: set[type[Model]] = {
    # With tags go their names, with uploads that they are some.
    Tag, Upload,
    # Who else reads a chat, and what was brought in before, is of this server.
    ShareLink, ShareGrant, ChatImport, ImportedChat,
    # Of what is deleted.
    MessageRemoval,
}  # fmt: skip


def dump(owner: User) -> list[dict[str, Any]]:
    """Return a person's folders and chats with everything below them, by ids that stay the same elsewhere."""
    folders = [_row(folder) for folder in Folder.objects.filter(owner=owner, deleted_at=None).order_by("uuid")]
    chats = [_chat(chat) for chat in Chat.objects.filter(owner=owner, deleted_at=None).order_by("uuid")]
    uploads = Upload.objects.filter(document__owner=owner).values_list("document__sha256", flat=True)
    return [*folders, *chats, *({"upload": sha256} for sha256 in sorted(uploads))]


def _chat(chat: Chat) -> dict[str, Any]:
    return _row(chat) | {"messages": [_message(message) for message in chat.messages.order_by("pk")]}


def _message(message: Message) -> dict[str, Any]:
    generation = Generation.objects.filter(message=message).first()
    return _row(message) | {
        "citations": _rows(message.citations.order_by("number")),
        "ratings": _rows(message.ratings.all()),
        "images": _rows(message.images.all()),
        "generation": _row(generation) if generation else None,
    }


def _rows(rows: Iterable[Model]) -> list[dict[str, Any]]:
    return [_row(row) for row in rows]


def _row(row: Model) -> dict[str, Any]:
    told = {}
    for field in [*row._meta.fields, *row._meta.many_to_many]:
        if field.name in LEFT_OUT:
            continue
        value = getattr(row, field.name)
        if field.many_to_many:
            value = sorted(_name(other) for other in value.all())
        elif isinstance(value, Model):
            value = _name(value)
        told[field.name] = value
    return told


def _name(row: Any) -> str:
    """Return what tells a row from others: of a document its content, of which there may be a new copy."""
    return str(getattr(row, "sha256", None) or getattr(row, "key", None) or row.uuid)
