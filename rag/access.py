"""Single documents and knowledge by their public id, or 404: what a person may not see does not exist.

Who may do what:

- Somebody's own documents: read, delete, add to knowledge that they may write. Nobody else does any of this but read,
  through knowledge, and take out of it.
- Knowledge, to read it: see its documents and whom it belongs to, search, ask, export; see how its golden questions
  fared, those aside about documents that one may not read.
- Knowledge, to write it: upload into it, add own documents, move, take out, index again; make and delete folders;
  enter, change, delete, import and run golden questions.
- Knowledge that they may write, administrators only: connect it with folders of the server.
- Knowledge of one's own: all that, and name, describe, share and delete it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.shortcuts import get_object_or_404

from rag.models import (
    Chunk,
    Document,
    Evaluation,
    GoldenQuestion,
    Knowledge,
    KnowledgeFolder,
    KnowledgeGrant,
    Membership,
    SyncedFolder,
)
from rag.queries import chunks_of, documents_of, readable_documents, readable_knowledge, writable_knowledge

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


def document_read(user: AbstractBaseUser | AnonymousUser, uuid: UUID) -> Document:
    """Return the document, or raise Http404."""
    return get_object_or_404(readable_documents(user), uuid=uuid)


def document_write(user: AbstractBaseUser | AnonymousUser, uuid: UUID) -> Document:
    """Return a document of the person's own, which they may change or delete, or raise Http404."""
    return get_object_or_404(documents_of(user), uuid=uuid)


def chunk_of(document: Document, position: int) -> Chunk:
    """Return a chunk of a document that was itself got through one of these functions, or raise Http404."""
    return get_object_or_404(chunks_of(document), position=position)


def knowledge_read(user: AbstractBaseUser | AnonymousUser, uuid: UUID) -> Knowledge:
    """Return the knowledge, or raise Http404."""
    return get_object_or_404(readable_knowledge(user).select_related("owner"), uuid=uuid)


def knowledge_write(user: AbstractBaseUser | AnonymousUser, uuid: UUID) -> Knowledge:
    """Return a knowledge whose documents and folders the person may change, or raise Http404."""
    return get_object_or_404(writable_knowledge(user).select_related("owner"), uuid=uuid)


def knowledge_own(user: AbstractBaseUser | AnonymousUser, uuid: UUID) -> Knowledge:
    """Return a knowledge of the person's own, which they may share and delete, or raise Http404."""
    return get_object_or_404(readable_knowledge(user), owner_id=user.pk, uuid=uuid)


def membership_in(knowledge: Knowledge, document_uuid: UUID) -> Membership:
    """Return a document's place in a knowledge that was itself got through one of these functions."""
    return get_object_or_404(knowledge.memberships.select_related("document", "folder"), document__uuid=document_uuid)


def folder_in(knowledge: Knowledge, path: str) -> KnowledgeFolder | None:
    """Return a folder by its path, None for the top, or raise Http404."""
    return get_object_or_404(knowledge.folders, path=path) if path else None


def golden_question_in(knowledge: Knowledge, uuid: UUID) -> GoldenQuestion:
    """Return a question of a knowledge that was itself got through `knowledge_write`, or raise Http404."""
    return get_object_or_404(knowledge.golden_questions.select_related("document"), uuid=uuid)


def evaluation_in(knowledge: Knowledge, uuid: UUID) -> Evaluation:
    return get_object_or_404(knowledge.evaluations, uuid=uuid)


def synced_folder_of(knowledge: Knowledge, uuid: UUID) -> SyncedFolder:
    """Return a folder of the server that a knowledge follows. For administrators alone, which the caller checks."""
    return get_object_or_404(knowledge.synced_folders, uuid=uuid)


def grant_of(knowledge: Knowledge, uuid: UUID) -> KnowledgeGrant:
    return get_object_or_404(knowledge.grants, uuid=uuid)
