"""From where on a chat is sent to models: clearing its context, and taking that back. What was said stays stored."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.http import Http404

from webui.accounts.models import User
from webui.chats import access
from webui.chats.models import Message
from webui.chats.services.asking import idle_chat


@transaction.atomic
def clear_context(user: User, uuid: UUID | str) -> Message | None:
    """Send nothing of what a chat shows now with later questions; return the message at its end, None without any.

    Raises:
        AnswerRunning: The end of the chat is not there yet.
    """
    chat = idle_chat(user, uuid)
    if chat.current_message is None:
        return None
    return _end_at(chat.current_message, ends=True)


@transaction.atomic
def restore_context(user: User, chat_uuid: UUID | str, message_uuid: UUID | str) -> Message:
    """Send what comes before a point again. Raises Http404 when the context was not cleared there."""
    message = access.message_read(access.chat_write(user, chat_uuid), message_uuid)
    if not message.ends_context:
        raise Http404
    return _end_at(message, ends=False)


def _end_at(message: Message, *, ends: bool) -> Message:
    message.ends_context = ends
    message.save(update_fields=["ends_context"])
    return message
