"""Documents whose words were indexed as an earlier release cut them: they are indexed anew, one after the other.

Until then they are found by the words that both have; what was changed for is found afterwards.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from rag import chunking
from rag.lexical import entries, words
from rag.models import Document


def outdated_documents() -> QuerySet[Document]:
    """Return the documents whose chunks lead from other terms than their text would give today, oldest first."""
    with_chunks = (Document.State.EMBEDDING, Document.State.READY)
    return Document.objects.filter(state__in=with_chunks).exclude(words=words.NAME).order_by("pk")


def index_anew() -> bool:
    """Index the words of one document anew; return whether there was one."""
    document = outdated_documents().first()
    if document is None:
        return False
    # Before the transaction: it takes seconds for a long document, and others want to write.
    chunks = document.chunks.values_list("pk", "page_name", "text").iterator()
    rows = [(pk, entries.terms_in(chunking.indexed_text(path, text))) for pk, path, text in chunks]
    with transaction.atomic():
        # Not one that was deleted, read anew or cut anew at the same moment: the words of chunks that are gone.
        is_there = outdated_documents().select_for_update().filter(pk=document.pk).exists()
        if is_there and set(document.chunks.values_list("pk", flat=True)) == {pk for pk, _ in rows}:
            entries.remove(document.pk)
            entries.add_terms(rows)
            Document.objects.filter(pk=document.pk).update(words=words.NAME)
    return True
