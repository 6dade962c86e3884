"""A process that ingests one document and stands still at a chosen step, to be killed there.

interrupted_ingestion.py STEP     stops at: extract, embed, store_vectors, none
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.core.files.base import ContentFile  # noqa: E402

from inference import client  # noqa: E402
from rag import tasks  # noqa: E402
from rag.lexical import entries  # noqa: E402
from rag.models import Chunk, Document, IndexEntry, IndexVersion  # noqa: E402
from rag.services import ingestion  # noqa: E402
from rag.services.documents import create_document  # noqa: E402
from rag.store import close_store, vector_store  # noqa: E402
from tests.database import put_own_database  # noqa: E402
from tests.doubles.embedder import FakeEmbedder  # noqa: E402
from tests.factories import make_user  # noqa: E402
from webui.accounts.models import User  # noqa: E402

TEXT = "\n\n".join(f"Paragraph {n} tells the story of locker {n} at great length. " * 12 for n in range(150))


def stand_still(*_: object, **__: object) -> Any:
    sys.stdout.write("standing still\n")
    sys.stdout.flush()
    time.sleep(600)


def stopping_at(step: str, embedder: FakeEmbedder) -> Callable[..., Any]:
    """Let the first half of the vectors pass, then stand still in the middle of a step."""

    async def embed(model: str, texts: list[str]) -> Any:
        # In the third batch, when the first is stored for certain; the second is being stored meanwhile.
        if step == "embed" and sum("Paragraph" in text for text in embedder.texts) >= 2 * tasks.STORE_BATCH:
            stand_still()
        return await embedder.embed(model, texts)

    store = ingestion.store_vectors

    def store_vectors(entry: IndexEntry, chunks: Any, vectors: Any) -> None:
        if entry.n_chunks_done:
            # Between the store's answer and the row that counts it.
            vector_store().add(entry.version.collection, entry.document_id, [chunk.id for chunk in chunks], vectors)
            stand_still()
        store(entry, chunks, vectors)

    if step == "store_vectors":
        ingestion.store_vectors = store_vectors
    elif step == "extract":
        ingestion.extract = stand_still
    return embed


def main(step: str) -> None:
    put_own_database()
    embedder = FakeEmbedder()
    client.embed = stopping_at(step, embedder)
    client.find_model = embedder.find_model
    owner = User.objects.first() or make_user(email="alice@example.org")
    if not Document.objects.exists():
        create_document(owner, ContentFile(TEXT.encode(), name="story.txt"))
    ingestion.recover()
    while document := ingestion.take_document([], []):
        asyncio.run(tasks.ingest(document))
    document = Document.objects.get()
    version = IndexVersion.objects.get(state="current")
    facts = {
        "state": document.state,
        "n_chunks": document.n_chunks,
        "n_rows": Chunk.objects.count(),
        "n_lexical": entries.n_entries(),
        "n_vectors": vector_store().count(version.collection, document.pk),
        "n_embedded": len([text for text in embedder.texts if "Paragraph" in text]),
    }
    close_store()
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main(sys.argv[1])
