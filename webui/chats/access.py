"""Who may do what with chats and folders of them. What a person may not see does not exist: all else is Http404."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

import rag.api as rag
from webui.accounts.models import User
from webui.chats import queries
from webui.chats.models import (
    Chat,
    ChatImport,
    Folder,
    Generation,
    Image,
    Message,
    MessageRemoval,
    Rating,
    ShareGrant,
    ShareLink,
    Tag,
)


def chat_read(user: User, uuid: UUID | str) -> Chat:
    """Return one of the person's chats with its leaf and its folder."""
    if not user.may_chat:
        raise Http404
    chats = Chat.objects.select_related("current_message", "folder")
    chat = chats.filter(owner=user, deleted_at=None, uuid=uuid).first()
    if chat is None:
        raise Http404
    return chat


def chat_write(user: User, uuid: UUID | str) -> Chat:
    """Return a chat that the person may change, with its leaf and folder. Locks its row; needs a transaction."""
    if not user.may_chat:
        raise Http404
    chats = Chat.objects.select_for_update(of=("self",)).select_related("current_message", "folder")
    chat = chats.filter(owner=user, deleted_at=None, uuid=uuid).first()
    if chat is None:
        raise Http404
    chat.owner = user
    return chat


def chats_write(user: User, uuids: Iterable[UUID | str]) -> list[Chat]:
    """Return chats that stand in lists and that the person may change; one that does not is enough for Http404.

    Each comes with its folder. Locks their rows; needs a transaction.
    """
    listed = Chat.objects.filter(deleted_at=None, temporary_until=None)
    return _all_of(user, listed.select_for_update(of=("self",)), uuids)


def chats_read(user: User, uuids: Iterable[UUID | str]) -> list[Chat]:
    """Return the same chats as `chats_write`, without locking them."""
    return _all_of(user, Chat.objects.filter(deleted_at=None, temporary_until=None), uuids)


def deleted_chats_write(user: User, uuids: Iterable[UUID | str]) -> list[Chat]:
    """Return chats that the person has deleted and may bring back, each with its folder; see `chats_write`."""
    deleted = Chat.objects.filter(deleted_at__isnull=False, temporary_until=None)
    return _all_of(user, deleted.select_for_update(of=("self",)), uuids)


def _all_of(user: User, chats: QuerySet[Chat], uuids: Iterable[UUID | str]) -> list[Chat]:
    wanted = {str(uuid) for uuid in uuids}
    # Always in the same order, so that two pages that lock them do not wait for each other.
    found = list(chats.filter(owner=user, uuid__in=wanted).select_related("folder").order_by("pk"))
    if not user.may_chat or not wanted or len(found) != len(wanted):
        raise Http404
    return found


def deleted_chat_write(user: User, uuid: UUID | str) -> Chat:
    """Return a chat that the person has deleted and may bring back."""
    chats = Chat.objects.select_related("folder")
    chat = chats.filter(owner=user, deleted_at__isnull=False, temporary_until=None, uuid=uuid).first()
    if chat is None or not user.may_chat:
        raise Http404
    return chat


def temporary_chat_read(user: User, uuid: UUID | str) -> Chat:
    """Return one of the person's temporary chats."""
    chat = chat_read(user, uuid)
    if not chat.is_temporary:
        raise Http404
    return chat


def chat_or_deleted_read(user: User, uuid: UUID | str) -> Chat:
    """Return one of the person's chats, which they may have deleted, with its folder."""
    chat = Chat.objects.select_related("folder").filter(owner=user, temporary_until=None, uuid=uuid).first()
    if chat is None or not user.may_chat:
        raise Http404
    return chat


def folder_read(user: User, uuid: UUID | str) -> Folder:
    """Return one of the person's folders."""
    folder = Folder.objects.filter(owner=user, deleted_at=None, uuid=uuid).first()
    if folder is None or not user.may_chat:
        raise Http404
    return folder


def folder_write(user: User, uuid: UUID | str) -> Folder:
    """Return a folder that the person may change and put chats into. Locks its row; needs a transaction."""
    folder = Folder.objects.select_for_update().filter(owner=user, deleted_at=None, uuid=uuid).first()
    if folder is None or not user.may_chat:
        raise Http404
    return folder


def deleted_folder_write(user: User, uuid: UUID | str) -> Folder:
    """Return a folder that the person has deleted and may bring back. Locks its row; needs a transaction."""
    folder = Folder.objects.select_for_update().filter(owner=user, deleted_at__isnull=False, uuid=uuid).first()
    if folder is None or not user.may_chat:
        raise Http404
    return folder


def tag_read(user: User, uuid: UUID | str) -> Tag:
    """Return one of the person's tags."""
    tag = Tag.objects.filter(owner=user, uuid=uuid).first()
    if tag is None or not user.may_chat:
        raise Http404
    return tag


def tag_write(user: User, uuid: UUID | str) -> Tag:
    """Return a tag that the person may change. Locks its row; needs a transaction."""
    tag = Tag.objects.select_for_update().filter(owner=user, uuid=uuid).first()
    if tag is None or not user.may_chat:
        raise Http404
    return tag


def message_read(chat: Chat, uuid: UUID | str) -> Message:
    """Return a message of a chat that was itself got through `chat_read` or `chat_write`."""
    message = chat.messages.filter(uuid=uuid).first()
    if message is None:
        raise Http404
    return message


def messages_read(chat: Chat, uuids: Iterable[UUID | str]) -> list[Message]:
    """Return messages of a chat, oldest first, as `message_read` does; one that is none is enough for Http404."""
    wanted = {str(uuid) for uuid in uuids}
    found = list(chat.messages.filter(uuid__in=wanted).select_related("generation", "parent").order_by("id"))
    if len(found) != len(wanted):
        raise Http404
    return found


def removal_write(chat: Chat, uuid: UUID | str) -> MessageRemoval:
    """Return what was deleted from a chat that was itself got through `chat_write`, and can be brought back."""
    removal = MessageRemoval.objects.select_related("current_message").filter(chat=chat, uuid=uuid).first()
    if removal is None:
        raise Http404
    return removal


def answer_read(user: User, chat_uuid: UUID | str, message_uuid: UUID | str) -> Message:
    """Return an answer of one of the person's chats that is not being written any more."""
    message = message_read(chat_read(user, chat_uuid), message_uuid)
    if not message.is_answer or message.is_unfinished:
        raise Http404
    return message


def rating_write(user: User, chat_uuid: UUID | str, message_uuid: UUID | str) -> Rating:
    """Return the person's rating of an answer."""
    rating = Rating.objects.filter(message=answer_read(user, chat_uuid, message_uuid), rated_by=user).first()
    if rating is None:
        raise Http404
    return rating


def generation_write(user: User, chat_uuid: UUID | str, uuid: UUID | str) -> Generation:
    chat = chat_read(user, chat_uuid)
    generation = Generation.objects.filter(uuid=uuid, message__chat=chat).first()
    if generation is None:
        raise Http404
    return generation


def retrieval_read(user: User, chat_uuid: UUID | str, message_uuid: UUID | str) -> Generation:
    """Return the generation of an answer that documents were searched for, with what it has on record of that."""
    message = message_read(chat_read(user, chat_uuid), message_uuid)
    generation = message.its_generation
    if generation is None or not generation.has_retrieval:
        raise Http404
    return generation


def ledger_read(user: User, chat_uuid: UUID | str, message_uuid: UUID | str) -> Generation:
    """Return the generation of an answer that a model was asked for, with what it was sent."""
    generation = answer_read(user, chat_uuid, message_uuid).its_generation
    if generation is None or not generation.has_ledger:
        raise Http404
    return generation


def import_read(user: User, uuid: UUID | str) -> ChatImport:
    """Return one of the person's imports of chats, which they may also stop."""
    found = ChatImport.objects.filter(owner=user, uuid=uuid).first()
    if found is None or not user.may_chat:
        raise Http404
    return found


def documents_read(user: User, uuids: Iterable[UUID | str]) -> list[rag.Document]:
    """Return documents the person may read; one that is not is enough for Http404."""
    wanted = {str(uuid) for uuid in uuids}
    if not wanted:
        return []
    found = list(rag.Document.objects.filter(uuid__in=wanted))
    # Asked apart: this statement need not be written anew, and a question waits for it.
    if len(found) != len(wanted) or len(rag.readable_ids(user.pk, [document.pk for document in found])) != len(wanted):
        raise Http404
    return found


def knowledge_read(user: User, uuids: Iterable[UUID | str]) -> list[rag.Knowledge]:
    """Return knowledge the person may read; one that is not is enough for Http404."""
    wanted = {str(uuid) for uuid in uuids}
    if not wanted:
        return []
    found = list(rag.readable_knowledge(user).filter(uuid__in=wanted))
    if len(found) != len(wanted):
        raise Http404
    return found


def shared_read(reader: User | None, uuid: UUID) -> ShareLink:
    """Return a link that somebody may open, with its chat and the chat's owner. None is a stranger."""
    return get_object_or_404(queries.readable_links(reader).select_related("chat__owner"), uuid=uuid)


def chat_share(user: User, uuid: UUID) -> Chat:
    """Return a chat that the person may let others read. A temporary one is not to outlive its page."""
    chat = chat_read(user, uuid)
    if chat.temporary_until is not None:
        raise Http404
    return chat


def link_of(chat: Chat) -> ShareLink:
    """Return the link to a chat that was itself got through `chat_share`."""
    return get_object_or_404(ShareLink.objects.select_related("chat"), chat=chat)


def share_grant_of(link: ShareLink, uuid: UUID) -> ShareGrant:
    return get_object_or_404(link.grants, uuid=uuid)


def image_read(user: User, uuid: UUID | str) -> Image:
    """Return a picture of the person's own: of a chat that is there, or one that waits to be sent."""
    return images_read(user, [uuid])[0]


def images_read(user: User, uuids: Iterable[UUID | str]) -> list[Image]:
    """Return pictures of the person's own, in the order in which they came; one that is none is enough for Http404."""
    wanted = {str(uuid) for uuid in uuids}
    if not wanted:
        return []
    is_there = Q(message=None) | Q(message__removal=None, message__chat__owner=user, message__chat__deleted_at=None)
    found = list(Image.objects.filter(is_there, owner=user, uuid__in=wanted)) if user.may_chat else []
    if len(found) != len(wanted):
        raise Http404
    return found
