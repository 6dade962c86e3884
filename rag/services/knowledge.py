"""Making, filling, sharing and deleting knowledge. Who may do which of it is decided by `access`, before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from rag.errors import FolderRefused
from rag.models import (
    FOLDER_NAME_MAX_LENGTH,
    FOLDER_PATH_MAX_LENGTH,
    Document,
    Knowledge,
    KnowledgeFolder,
    KnowledgeGrant,
    Membership,
)
from rag.services.documents import clean_name, delete_document

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import Model, QuerySet

FOLDER_MAX_DEPTH = 8
MAX_FOLDERS = 2000


# ---- knowledge -----------------------------------------------------------------------------------


def create_knowledge(owner: AbstractBaseUser, name: str, description: str = "") -> Knowledge:
    return Knowledge.objects.create(owner_id=owner.pk, name=name, description=description)


def describe_knowledge(knowledge: Knowledge, name: str, description: str) -> Knowledge:
    knowledge.name, knowledge.description, knowledge.updated_at = name, description, timezone.now()
    knowledge.save(update_fields=["name", "description", "updated_at"])
    return knowledge


def delete_knowledge(knowledge: Knowledge, *, with_documents: bool = False) -> None:
    """Delete a knowledge with its folders and grants.

    Documents stay with their owners, but for copies of a synced folder's files. `with_documents` also deletes those of
    the knowledge's owner that are in no other knowledge.
    """
    doomed: list[Document] = []
    with transaction.atomic():
        if with_documents:
            own = Document.objects.filter(
                memberships__knowledge=knowledge, owner_id=knowledge.owner_id, synced_folder=None
            )
            elsewhere = Membership.objects.exclude(knowledge=knowledge).values("document")
            doomed = list(own.exclude(pk__in=elsewhere))
        knowledge.delete()
    for document in doomed:
        delete_document(document)


# ---- documents in it -----------------------------------------------------------------------------


def add_document(knowledge: Knowledge, document: Document, folder: KnowledgeFolder | None = None) -> Membership:
    """Put a document into a knowledge; one that is in it already stays in its folder."""
    membership, is_new = Membership.objects.get_or_create(
        knowledge=knowledge, document=document, defaults={"folder": folder}
    )
    if is_new:
        _changed(knowledge)
    return membership


def remove_documents(knowledge: Knowledge, memberships: Iterable[Membership]) -> None:
    """Take documents out of a knowledge; they stay with their owners, and in other knowledge.

    What a synced folder brought stays: it goes when the file does.
    """
    _changeable(knowledge, memberships).delete()
    _changed(knowledge)


def move_documents(knowledge: Knowledge, memberships: Iterable[Membership], folder: KnowledgeFolder | None) -> None:
    """Move documents into a folder of the same knowledge, or to its top. What a synced folder brought stays."""
    _changeable(knowledge, memberships).update(folder=folder)
    _changed(knowledge)


def _changeable(knowledge: Knowledge, memberships: Iterable[Membership]) -> QuerySet[Membership]:
    chosen = Membership.objects.filter(knowledge=knowledge, pk__in=[membership.pk for membership in memberships])
    return chosen.filter(pk__in=chosen.filter(document__synced_folder=None).values("pk"))


# ---- folders -------------------------------------------------------------------------------------


def create_folder(knowledge: Knowledge, path: str) -> KnowledgeFolder:
    """Return the folder with this path, made with all folders above it if it is not there.

    Raises:
        FolderRefused: The path is empty, too long or too deep, or there are too many folders.
    """
    names = _folder_names(path)
    paths = ["/".join(names[: depth + 1]) for depth in range(len(names))]
    with transaction.atomic():
        if knowledge.folders.count() + len(paths) > MAX_FOLDERS and not knowledge.folders.filter(path=paths[-1]):
            raise FolderRefused(FolderRefused.TOO_MANY)
        folders = [KnowledgeFolder(knowledge=knowledge, path=path) for path in paths]
        KnowledgeFolder.objects.bulk_create(folders, ignore_conflicts=True)
        _changed(knowledge)
    return knowledge.folders.get(path=paths[-1])


def rename_folder(folder: KnowledgeFolder, path: str) -> KnowledgeFolder:
    """Give a folder another path, and the folders below it with it.

    Raises:
        FolderRefused: Also when there is a folder with that path, when it would lie inside itself, or is a synced one.
    """
    _refuse_synced(folder)
    new_path = "/".join(_folder_names(path))
    old_path = folder.path
    if new_path == old_path:
        return folder
    if new_path.startswith(f"{old_path}/"):
        raise FolderRefused(FolderRefused.INSIDE_ITSELF)
    above = new_path.rpartition("/")[0]
    with transaction.atomic():
        if folder.knowledge.folders.filter(path=new_path).exists():
            raise FolderRefused(FolderRefused.TAKEN)
        if above:
            create_folder(folder.knowledge, above)
        moved = [folder, *_folders_below(folder)]
        for row in moved:
            row.path = "/".join(_folder_names(new_path + row.path[len(old_path) :]))
        KnowledgeFolder.objects.bulk_update(moved, ["path"])
        _changed(folder.knowledge)
    return folder


def delete_folder(folder: KnowledgeFolder) -> None:
    """Delete a folder and those below it; the documents in them move to the top of the knowledge.

    Raises:
        FolderRefused: It is, or lies in, a synced folder.
    """
    _refuse_synced(folder)
    with transaction.atomic():
        doomed = [folder, *_folders_below(folder)]
        folder.knowledge.folders.filter(pk__in=[row.pk for row in doomed]).delete()
        _changed(folder.knowledge)


def _refuse_synced(folder: KnowledgeFolder) -> None:
    if folder.knowledge.synced_folders.filter(name=folder.path.partition("/")[0]).exists():
        raise FolderRefused(FolderRefused.SYNCED)


def _folders_below(folder: KnowledgeFolder) -> list[KnowledgeFolder]:
    # Compared here: SQLite would find "reports/" in "Reports/2025".
    return [row for row in folder.knowledge.folders.all() if row.path.startswith(f"{folder.path}/")]


def _folder_names(path: str) -> list[str]:
    """Return the names in a path, cleaned: nothing in them leads out of the knowledge or hides in a list."""
    names = [clean_name(name) for name in path.replace("\\", "/").split("/")]
    names = [name[:FOLDER_NAME_MAX_LENGTH].strip() for name in names if name not in ("", ".", "..")]
    if not names:
        raise FolderRefused(FolderRefused.EMPTY)
    if len(names) > FOLDER_MAX_DEPTH or len("/".join(names)) > FOLDER_PATH_MAX_LENGTH:
        raise FolderRefused(FolderRefused.TOO_DEEP)
    return names


# ---- sharing -------------------------------------------------------------------------------------


def grant(
    knowledge: Knowledge,
    *,
    user: AbstractBaseUser | None = None,
    group: Model | None = None,
    may_write: bool = False,
) -> KnowledgeGrant:
    """Let a person, a group, or with neither everybody read a knowledge, or change it too.

    A grant that is there already is changed.
    """
    to: dict[str, Any] = {"user": user, "group": group}
    granted, _ = KnowledgeGrant.objects.update_or_create(knowledge=knowledge, **to, defaults={"may_write": may_write})
    return granted


def revoke(granted: KnowledgeGrant) -> None:
    """Take a grant back. Who was given it reads nothing more of it from the next query on."""
    granted.delete()


def _changed(knowledge: Knowledge) -> None:
    Knowledge.objects.filter(pk=knowledge.pk).update(updated_at=timezone.now())
