"""Changes to folders of chats, and moving a chat into one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

import rag.api as rag
from webui.accounts.models import User
from webui.chats import access
from webui.chats.conf import MAX_FOLDER_SOURCES, MAX_FOLDERS, SYSTEM_PROMPT_MAX_CHARS
from webui.chats.errors import FolderFull, FolderNameRefused, SystemPromptTooLong, TooManyFolders
from webui.chats.models import FOLDER_NAME_MAX_LENGTH, Chat, Folder, Generation
from webui.chats.queries import visible_folders


def create_folder(owner: User, name: str) -> Folder:
    """Make a folder.

    Raises:
        FolderNameRefused: Nothing but spaces, or too long.
        TooManyFolders: There are as many as there may be.
    """
    words = _name(name)
    _check_number(owner)
    return Folder.objects.create(owner=owner, name=words)


def _check_number(owner: User) -> None:
    if visible_folders(owner).count() >= MAX_FOLDERS:
        raise TooManyFolders(MAX_FOLDERS)


@transaction.atomic
def rename_folder(user: User, uuid: UUID | str, name: str) -> Folder:
    """Give a folder another name. Raises FolderNameRefused."""
    folder = access.folder_write(user, uuid)
    folder.name = _name(name)
    folder.save(update_fields=["name"])
    return folder


def _name(name: str) -> str:
    words = " ".join(name.split())
    if not words or len(words) > FOLDER_NAME_MAX_LENGTH:
        raise FolderNameRefused(FOLDER_NAME_MAX_LENGTH)
    return words


@transaction.atomic
def instruct_folder(user: User, uuid: UUID | str, system_prompt: str) -> Folder:
    """Say what each question of the folder's chats is to start from, the next one on.

    Raises:
        SystemPromptTooLong
    """
    text = system_prompt.strip()
    if len(text) > SYSTEM_PROMPT_MAX_CHARS:
        raise SystemPromptTooLong(len(text), SYSTEM_PROMPT_MAX_CHARS)
    folder = access.folder_write(user, uuid)
    folder.system_prompt = text
    folder.save(update_fields=["system_prompt"])
    return folder


@transaction.atomic
def open_folder(user: User, uuid: UUID | str, *, is_open: bool) -> Folder:
    """Show a folder's chats in the sidebar, or hide them."""
    folder = access.folder_write(user, uuid)
    folder.is_open = is_open
    folder.save(update_fields=["is_open"])
    return folder


# ---- its documents -------------------------------------------------------------------------------


@transaction.atomic
def add_to_folder(
    user: User, uuid: UUID | str, *, documents: Sequence[UUID | str] = (), knowledge: Sequence[UUID | str] = ()
) -> Folder:
    """Let the folder's chats ask documents and knowledge that the person may read.

    Raises:
        FolderFull: Nothing is added.
    """
    folder = access.folder_write(user, uuid)
    folder.documents.add(*access.documents_read(user, documents))
    folder.knowledge.add(*access.knowledge_read(user, knowledge))
    if n_sources(folder, user) > MAX_FOLDER_SOURCES:
        raise FolderFull(MAX_FOLDER_SOURCES)
    return folder


def n_sources(folder: Folder, user: User) -> int:
    """Return how many documents and knowledge of a folder its owner may read: what is taken back takes no place."""
    documents = rag.readable_documents(user).filter(pk__in=folder.documents.values("pk"))
    knowledge = rag.readable_knowledge(user).filter(pk__in=folder.knowledge.values("pk"))
    return documents.count() + knowledge.count()


@transaction.atomic
def take_out_of_folder(
    user: User, uuid: UUID | str, *, documents: Sequence[UUID | str] = (), knowledge: Sequence[UUID | str] = ()
) -> Folder:
    """Ask documents and knowledge no more; they stay where they are otherwise."""
    folder = access.folder_write(user, uuid)
    folder.documents.remove(*access.documents_read(user, documents))
    folder.knowledge.remove(*access.knowledge_read(user, knowledge))
    return folder


def exchange_document(old_id: int, new_id: int) -> None:
    """Let folders ask the newer copy of a synced file in the place of the older one."""
    added = Folder.documents.through.objects
    already = added.filter(document_id=new_id).values("folder_id")
    added.filter(document_id=old_id).exclude(folder_id__in=already).update(document_id=new_id)


# ---- its chats -----------------------------------------------------------------------------------


@transaction.atomic
def move_chat(user: User, chat_uuid: UUID | str, folder_uuid: UUID | str | None) -> Chat:
    """Put a chat into a folder, or into none; its next question gets what the folder adds."""
    folder = access.folder_write(user, folder_uuid) if folder_uuid else None
    chat = access.chat_write(user, chat_uuid)
    chat.folder = folder
    # Whatever folder it was in before: undo does not take it away from here.
    chat.left_folder = None
    chat.save(update_fields=["folder", "left_folder"])
    return chat


@transaction.atomic
def move_chat_into_new(user: User, chat_uuid: UUID | str, name: str) -> Chat:
    """Put a chat into a folder that is made for it. Raises what `create_folder` raises."""
    access.chat_read(user, chat_uuid)
    return move_chat(user, chat_uuid, create_folder(user, name).uuid)


@transaction.atomic
def delete_folder(user: User, uuid: UUID | str, *, with_chats: bool = False) -> tuple[Folder, list[str]]:
    """Hide a folder, and its chats with it or not, until `purge_deleted` removes the rows.

    Returns the folder with the generations to stop.
    """
    folder = access.folder_write(user, uuid)
    folder.deleted_at = timezone.now()
    folder.save(update_fields=["deleted_at"])
    if not with_chats:
        folder.chats.update(folder=None, left_folder=folder)
        return folder, []
    # An archived chat is counted and shown in no folder: it stays, without one.
    folder.chats.exclude(archived_at=None).update(folder=None, left_folder=folder)
    doomed = Chat.objects.filter(folder=folder, deleted_at=None)
    running = Generation.objects.filter(message__chat__in=doomed, state__in=Generation.ACTIVE_STATES)
    stopped = [str(uuid) for uuid in running.values_list("uuid", flat=True)]
    doomed.update(deleted_at=folder.deleted_at)
    return folder, stopped


@transaction.atomic
def undo_delete_folder(user: User, uuid: UUID | str) -> Folder:
    """Bring a folder back, with the chats that were in it or were deleted with it.

    Raises:
        TooManyFolders: Others have been made since.
    """
    folder = access.deleted_folder_write(user, uuid)
    _check_number(user)
    Chat.objects.filter(folder=folder, deleted_at=folder.deleted_at).update(deleted_at=None)
    Chat.objects.filter(left_folder=folder).update(folder=folder, left_folder=None)
    folder.deleted_at = None
    folder.save(update_fields=["deleted_at"])
    return folder
