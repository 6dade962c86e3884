"""The end of a synced folder: its documents go with it, or become ordinary ones; a batch at a time."""

from __future__ import annotations

from django.db import transaction

from rag.folders.placing import remove_empty_folders
from rag.models import Document, Membership, SyncedFolder
from rag.services.documents import delete_document

BATCH = 20


def remove_some(folder: SyncedFolder) -> bool:
    """Remove the next documents of a folder that was disconnected, at last the folder; return whether all is gone."""
    documents = list(folder.documents.all()[:BATCH])
    for document in documents:
        delete_document(document)
    if len(documents) == BATCH:
        return False
    _forget(folder)
    return True


def hand_over_some(folder: SyncedFolder) -> bool:
    """Make the next documents ordinary ones of the knowledge's owner, at last delete the folder.

    Returns:
        Whether all is done.
    """
    documents = list(folder.documents.prefetch_related("memberships")[:BATCH])
    for document in documents:
        _hand_over(document)
    if len(documents) == BATCH:
        return False
    _forget(folder)
    return True


def _hand_over(document: Document) -> None:
    members = list(document.memberships.all())
    with transaction.atomic():
        own = Document.objects.filter(owner=document.owner_id, sha256=document.sha256, synced_folder=None).first()
        if members and own is None:
            Document.objects.filter(pk=document.pk).update(synced_folder=None)
            return
        for member in members:
            Membership.objects.get_or_create(
                knowledge_id=member.knowledge_id, document=own, defaults={"folder_id": member.folder_id}
            )
    # A newer copy that was not ready yet, or one of a file that the owner has brought too.
    delete_document(document)


def _forget(folder: SyncedFolder) -> None:
    remove_empty_folders(folder)
    folder.delete()
