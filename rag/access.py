"""Single documents by their public id, or 404: what a person may not see does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.shortcuts import get_object_or_404

from rag.models import Document
from rag.queries import readable_documents

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


def document_read(user: AbstractBaseUser | AnonymousUser, uuid: UUID) -> Document:
    """Return the document, or raise Http404."""
    return get_object_or_404(readable_documents(user), uuid=uuid)


def document_write(user: AbstractBaseUser | AnonymousUser, uuid: UUID) -> Document:
    """Return a document that this person may change or delete, or raise Http404."""
    return get_object_or_404(readable_documents(user), owner_id=user.pk, uuid=uuid)
