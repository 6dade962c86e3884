"""Changes to a chat as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404
from django.utils import timezone

from webui.accounts.models import User
from webui.chats import access
from webui.chats.branches import leaf_under
from webui.chats.errors import TitleEmpty
from webui.chats.models import TITLE_MAX_LENGTH, Chat, Folder
from webui.chats.queries import active_generations, parents_of
from webui.chats.search import index


def create_chat(owner: User, *, title: str = "", model: str = "", folder: Folder | None = None) -> Chat:
    return Chat.objects.create(owner=owner, title=title, model=model, folder=folder)


@transaction.atomic
def rename_chat(user: User, uuid: UUID | str, title: str) -> Chat:
    """Name a chat; automatic titles leave it alone from then on.

    Raises:
        TitleEmpty: Nothing but spaces.
    """
    words = " ".join(title.split())[:TITLE_MAX_LENGTH]
    if not words:
        raise TitleEmpty
    chat = access.chat_write(user, uuid)
    chat.title = words
    chat.has_automatic_title = False
    chat.save(update_fields=["title", "has_automatic_title"])
    index.index_title(chat)
    return chat


@transaction.atomic
def begin_chat(user: User, folder: UUID | str | None) -> Chat:
    """Make a chat before its first question, for what is said about how its questions are answered."""
    return create_chat(user, folder=access.folder_write(user, folder) if folder else None)


@transaction.atomic
def set_chat_options(
    user: User, uuid: UUID | str, *, system_prompt: str | None = None, options: Mapping[str, Any] | None = None
) -> Chat:
    """Say how the questions of a chat are answered from the next one on; None leaves what it has."""
    chat = access.chat_write(user, uuid)
    if system_prompt is not None:
        chat.system_prompt = system_prompt
    if options is not None:
        chat.options = dict(options)
    chat.save(update_fields=["system_prompt", "options"])
    return chat


@transaction.atomic
def set_chat_option(user: User, uuid: UUID | str, name: str, value: Any, *, is_unsent: bool = False) -> Chat:
    """Set one option of a chat; None takes back what it has set, or with `is_unsent` what is set elsewhere."""
    chat = access.chat_write(user, uuid)
    others = {other: kept for other, kept in chat.options.items() if other != name}
    return set_chat_options(user, uuid, options=others if value is None and not is_unsent else others | {name: value})


@transaction.atomic
def delete_chat(user: User, uuid: UUID | str) -> tuple[Chat, list[str]]:
    """Hide a chat until `purging.purge_deleted` removes its rows; return it with the generations to stop."""
    chat = access.chat_write(user, uuid)
    chat.deleted_at = timezone.now()
    chat.save(update_fields=["deleted_at"])
    return chat, [str(uuid) for uuid in active_generations(chat).values_list("uuid", flat=True)]


@transaction.atomic
def undo_delete_chat(user: User, uuid: UUID | str) -> Chat:
    chat = access.deleted_chat_write(user, uuid)
    chat.deleted_at = None
    if chat.folder is not None and chat.folder.deleted_at is not None:
        chat.folder = None
    chat.save(update_fields=["deleted_at", "folder"])
    return chat


@transaction.atomic
def show_sibling(user: User, chat_uuid: UUID | str, message_uuid: UUID | str) -> Chat:
    """Show the newest branch through a message; of answers side by side, that one continues."""
    chat = access.chat_write(user, chat_uuid)
    message = access.message_read(chat, message_uuid)
    chat.current_message_id = leaf_under(parents_of(chat), message.pk)
    chat.is_side_by_side = False
    chat.save(update_fields=["current_message", "is_side_by_side"])
    return chat


@transaction.atomic
def show_beside(user: User, chat_uuid: UUID | str, message_uuid: UUID | str) -> Chat:
    """Show an answer beside the others to its question, as the end of the branch, until one is chosen to continue.

    What was said below it stays, and comes back when it is chosen.
    """
    chat = access.chat_write(user, chat_uuid)
    message = access.message_read(chat, message_uuid)
    if not message.is_answer:
        raise Http404
    chat.current_message = message
    chat.is_side_by_side = True
    chat.save(update_fields=["current_message", "is_side_by_side"])
    return chat
