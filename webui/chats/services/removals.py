"""Deleting messages from a chat, alone or with all that was said below them, and bringing them back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from webui.accounts.models import User
from webui.chats import access
from webui.chats.branches import all_below, leaf_under, newest_leaf
from webui.chats.conf import UNDO_WINDOW
from webui.chats.errors import MessageAboveDeleted
from webui.chats.models import Chat, Message, MessageRemoval
from webui.chats.queries import parents_of
from webui.chats.search import index
from webui.chats.services.asking import idle_chat
from webui.chats.services.purging import purge_files


@transaction.atomic
def delete_message(user: User, chat_uuid: UUID | str, message_uuid: UUID | str, *, with_branch: bool) -> MessageRemoval:
    """Hide a message until `purge_removed` removes its row; what was said below it goes too, or moves up to its parent.

    Raises:
        AnswerRunning: One is being written in the chat.
    """
    chat = idle_chat(user, chat_uuid)
    message = access.message_read(chat, message_uuid)
    parents = parents_of(chat)
    removal = MessageRemoval.objects.create(chat=chat, current_message=chat.current_message)
    gone = all_below(parents, message.pk) if with_branch else {message.pk}
    if not with_branch:
        removal.moved_up.set(message.children.all())
        message.children.update(parent=message.parent_id)
    Message.objects.filter(pk__in=gone).update(removal=removal)
    if chat.current_message_id in gone:
        left = parents_of(chat)
        chat.current_message_id = (
            newest_leaf(left) if message.parent_id is None else leaf_under(left, message.parent_id)
        )
    chat.is_side_by_side = False
    chat.save(update_fields=["current_message", "is_side_by_side"])
    return removal


@transaction.atomic
def undo_delete_message(user: User, chat_uuid: UUID | str, removal_uuid: UUID | str) -> Chat:
    """Bring messages back where they were.

    Raises:
        AnswerRunning: An answer is being written in the chat.
        MessageAboveDeleted: What they stood below was deleted since.
    """
    chat = idle_chat(user, chat_uuid)
    removal = access.removal_write(chat, removal_uuid)
    removed = Message.with_removed.filter(removal=removal)
    if removed.exclude(parent=None).exclude(parent__removal=None).exclude(parent__removal=removal).exists():
        raise MessageAboveDeleted
    top = removed.exclude(parent__removal=removal).get()
    moved = MessageRemoval.moved_up.through._default_manager.filter(messageremoval=removal).values("message_id")
    Message.with_removed.filter(pk__in=moved, parent=top.parent_id).update(parent=top)
    removed.update(removal=None)
    if removal.current_message is not None and Message.objects.filter(pk=removal.current_message.pk).exists():
        chat.current_message = removal.current_message
        chat.is_side_by_side = False
        chat.save(update_fields=["current_message", "is_side_by_side"])
    removal.delete()
    return chat


def purge_removed(now: datetime) -> int:
    """Remove for good the messages whose undo window is over; return how many times something was deleted."""
    n_purged = 0
    over = MessageRemoval.objects.filter(removed_at__lt=now - UNDO_WINDOW)
    for removal in over.select_related("chat").only("id", "chat__owner_id"):
        gone = Message.with_removed.filter(removal=removal)
        # The files first: after a crash in between, the messages are still there to be purged again.
        purge_files(removal.chat.owner_id, gone)
        with transaction.atomic():
            index.forget_messages(removal.chat.owner_id, gone.values_list("pk", flat=True))
            removal.delete()
        n_purged += 1
    return n_purged
