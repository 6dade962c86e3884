"""Letting others read a chat: its link, who may use it, and what it shows. Whose chat it is, `access` decides."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

import rag.api as rag
from webui.accounts.audiences import Audience
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.models import User
from webui.chats.models import PICTURES, Chat, Citation, Image, Message, ShareGrant, ShareLink
from webui.chats.search import index
from webui.chats.services.chats import create_chat
from webui.chats.services.images import copy_image
from webui.chats.shared_chats import SharedChat, SharedMessage, chat_as_shared, shared_chat


@transaction.atomic
def share_chat(chat: Chat, *, is_live: bool) -> ShareLink:
    """Give a chat a link that nobody else may use yet; one that has one keeps it as it is."""
    link, is_new = ShareLink.objects.get_or_create(chat=chat)
    if is_new and not is_live:
        _keep_snapshot(link)
    return link


@transaction.atomic
def change_link(link: ShareLink, *, is_live: bool, has_files: bool, is_public: bool) -> None:
    """Say what a link shows and whether an account is needed; a snapshot that is kept already stays what it is."""
    if link.is_public != is_public:
        record(Event.SHARED_PUBLICLY if is_public else Event.PUBLIC_SHARING_ENDED, link.uuid)
    link.has_files = has_files
    link.is_public = is_public
    link.save(update_fields=["has_files", "is_public"])
    if is_live:
        link.snapshot = link.snapshot_at = None
        link.save(update_fields=["snapshot", "snapshot_at"])
    elif link.is_live:
        _keep_snapshot(link)


@transaction.atomic
def renew_snapshot(link: ShareLink) -> None:
    """Show the chat as it is now, and from now on."""
    if not link.is_live:
        _keep_snapshot(link)


@transaction.atomic
def stop_sharing(link: ShareLink) -> None:
    """Take the link away: its address leads nowhere from now on, and never again."""
    if link.is_public:
        record(Event.PUBLIC_SHARING_ENDED, link.uuid)
    link.delete()


def grant(link: ShareLink, audience: Audience) -> ShareGrant:
    """Let somebody read what the link shows. A grant that is there already stays."""
    granted, _ = ShareGrant.objects.get_or_create(link=link, user=audience.user, group=audience.group)
    return granted


def revoke(granted: ShareGrant) -> None:
    granted.delete()


def _keep_snapshot(link: ShareLink) -> None:
    link.snapshot = chat_as_shared(link.chat).as_json()
    link.snapshot_at = timezone.now()
    link.save(update_fields=["snapshot", "snapshot_at"])


@transaction.atomic
def copy_shared(reader: User, link: ShareLink) -> Chat:
    """Make a chat of the reader's own that goes on from what a link shows.

    Pictures come along; documents and cited passages as far as the reader may read them anyway. Other marks stay text.
    """
    shown = shared_chat(link)
    documents = _readable(reader, shown)
    images = {str(image.uuid): image for image in Image.objects.filter(message__chat=link.chat)}
    chat = create_chat(reader, title=shown.title)
    chat.has_automatic_title = False
    parent: Message | None = None
    for message in shown.messages:
        if message.text or message.images:
            parent = _copy(message, chat, parent, documents, images)
    columns = [_copy(column, chat, parent, documents, images) for column in shown.columns if column.text]
    chat.is_side_by_side = len(columns) > 1
    chat.current_message = columns[0] if columns else parent
    chat.save(update_fields=["current_message", "has_automatic_title", "is_side_by_side"])
    index.index_chat(chat)
    return chat


def _readable(reader: User, shown: SharedChat) -> dict[str, rag.Document]:
    found = rag.readable_documents(reader).filter(uuid__in=shown.file_uuids | shown.cited_documents)
    return {str(document.uuid): document for document in found}


def _copy(
    message: SharedMessage,
    chat: Chat,
    parent: Message | None,
    documents: dict[str, rag.Document],
    images: dict[str, Image],
) -> Message:
    copy = Message.objects.create(
        chat=chat,
        parent=parent,
        role=message.role,
        content=message.text,
        model=message.model,
        preset_name=message.preset_name,
        answerer=PICTURES if message.role == "assistant" and message.images else "",
        # The answers that it is made of are not shared.
        merged_from=[{"message": "", "name": name} for name in message.merged_from],
    )
    for image in message.images:
        if image.uuid in images:
            copy_image(images[image.uuid], copy)
    copy.documents.add(*(documents[file.uuid] for file in message.files if file.uuid in documents))
    Citation.objects.bulk_create(
        Citation(
            message=copy,
            number=citation.number,
            document=documents[citation.document],
            document_name=citation.document_name,
            is_of_own_document=documents[citation.document].owner_id == chat.owner_id,
            page=citation.page,
            page_kind=citation.page_kind,
            page_name=citation.page_name,
            start=citation.start,
            end=citation.end,
            text=citation.text,
        )
        for citation in message.citations
        if citation.document in documents
    )
    return copy
