"""Where the documents of a synced folder stand in its knowledge, and which newer one follows which."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from rag.errors import FolderRefused, FolderUnusable
from rag.models import Document, GoldenQuestion, Knowledge, KnowledgeFolder, Membership, SyncedFile, SyncedFolder
from rag.services.documents import delete_document, display_name
from rag.services.knowledge import create_folder
from rag.types import FolderProblem

BATCH = 20

_listeners: list[Callable[[int, int], None]] = []


def exchange(folder: SyncedFolder) -> int:
    """Put newer copies that are READY in the place of the older ones; return how many."""
    ready = folder.files.filter(next_document__state=Document.State.READY).select_related("document", "next_document")
    rows = list(ready[:BATCH])
    for row in rows:
        old, new = row.document, row.next_document
        with transaction.atomic():
            row.document, row.next_document = new, None
            row.save(update_fields=["document", "next_document"])
            if new:
                place(folder, new)
            if old and new:
                succeed(folder, old, new)
    return len(rows)


def succeed(folder: SyncedFolder, old: Document, new: Document) -> None:
    """Let a newer copy follow an older one wherever that is referred to, unless another file still equals it."""
    place(folder, old)
    if old.synced_files.exists():
        return
    # Its words are looked for in the new text when it is run again.
    GoldenQuestion.objects.filter(document=old, knowledge=folder.knowledge_id).update(document=new)
    for tell in _listeners:
        tell(old.pk, new.pk)


def on_exchange(listener: Callable[[int, int], None]) -> None:
    """Have a function told, in the same transaction, which document follows which, by their ids."""
    _listeners.append(listener)


def remove_file(folder: SyncedFolder, row_id: int) -> None:
    with transaction.atomic():
        row = SyncedFile.objects.select_related("document").filter(pk=row_id).first()
        if row is None:
            return
        document = row.document
        row.delete()
        if document:
            place(folder, document)


def place(folder: SyncedFolder, document: Document) -> None:
    """Call a document as its file is called, in the folder of the same name, or take it out if no file has it.

    Of several equal files the first counts.
    """
    row = document.synced_files.order_by("path").first()
    if row is None:
        Membership.objects.filter(document=document, knowledge=folder.knowledge_id).delete()
        return
    above, _, name = row.path.rpartition("/")
    Document.objects.filter(pk=document.pk).exclude(name=display_name(name)).update(name=display_name(name))
    Membership.objects.update_or_create(
        knowledge=knowledge_of(folder), document=document, defaults={"folder": _knowledge_folder(folder, above)}
    )


def _knowledge_folder(folder: SyncedFolder, path: str) -> KnowledgeFolder | None:
    """Return the folder of a knowledge for one in the synced folder, or the nearest above it that there can be."""
    steps = path.split("/") if path else []
    while True:
        try:
            return create_folder(knowledge_of(folder), "/".join([folder.name, *steps]))
        except FolderRefused:
            if not steps:
                return None
            steps.pop()


def knowledge_of(folder: SyncedFolder) -> Knowledge:
    if folder.knowledge is None:
        raise FolderUnusable(FolderProblem.GONE)
    return folder.knowledge


def sweep(folder: SyncedFolder) -> int:
    """Delete documents of the folder that no file has any more, and folders without documents; return how many."""
    unused = folder.documents.filter(synced_files=None, next_for_files=None)
    documents = list(unused[:BATCH])
    for document in documents:
        delete_document(document)
    if documents and len(documents) < BATCH:
        remove_empty_folders(folder)
    return len(documents)


def remove_empty_folders(folder: SyncedFolder) -> None:
    """Delete the folders of the knowledge that stand for folders that are no more."""
    if folder.knowledge is None:
        return
    every = [row for row in folder.knowledge.folders.all() if f"{row.path}/".startswith(f"{folder.name}/")]
    used = set(Membership.objects.filter(folder__in=every).values_list("folder__path", flat=True))
    needed = {"/".join(path.split("/")[:depth]) for path in used for depth in range(1, path.count("/") + 2)}
    KnowledgeFolder.objects.filter(pk__in=[row.pk for row in every if row.path not in needed]).delete()
