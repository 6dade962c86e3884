"""A process that keeps a synced folder and stands still at a chosen step, to be killed there.

interrupted_sync.py STEP FOLDER     stops at: note, attach, exchange, none
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()


from inference import client  # noqa: E402
from rag import conf, queries, tasks  # noqa: E402
from rag.folders import copying, loop, noting, placing  # noqa: E402
from rag.lexical import entries  # noqa: E402
from rag.models import Chunk, Document, IndexEntry, Membership, SyncedFile, SyncedFolder  # noqa: E402
from rag.services import ingestion  # noqa: E402
from rag.services.synced_folders import connect_folder  # noqa: E402
from rag.store import close_store, vector_store  # noqa: E402
from tests.database import put_own_database  # noqa: E402
from tests.doubles.embedder import FakeEmbedder  # noqa: E402
from tests.factories import make_knowledge, make_user  # noqa: E402


def stand_still(*_: object, **__: object) -> Any:
    sys.stdout.write("standing still\n")
    sys.stdout.flush()
    time.sleep(600)


def stop_at(step: str) -> None:
    match step:
        case "note":
            # After the new files have their rows, before the look is noted.
            noting._note_changed = stand_still
        case "attach":
            # Between a document and the row that refers to it.
            copying._attach = stand_still
        case "exchange":
            # In the middle of the transaction that exchanges.
            placing.succeed = copying.succeed = stand_still


def keep(folder: SyncedFolder) -> None:
    hand = loop.FolderHand()
    ingestion.recover()
    while asyncio.run(loop.keep_step(folder.pk, hand)) == 0:
        while document := ingestion.take_document([], []):
            asyncio.run(tasks.ingest(document))


def main(step: str, path: str) -> None:
    put_own_database()
    embedder = FakeEmbedder()
    client.embed, client.find_model = embedder.embed, embedder.find_model
    folder = SyncedFolder.objects.first()
    if folder is None:
        root = make_user(email="root@example.org")
        folder = connect_folder(make_knowledge(owner=root), path, by=root)
    stop_at(step)
    keep(folder)
    version = queries.current_version()
    facts = {
        "texts": sorted(Document.objects.values_list("extracted__text", flat=True)),
        "states": sorted(set(Document.objects.values_list("state", flat=True))),
        "n_files": SyncedFile.objects.exclude(document=None).filter(next_document=None, is_waiting=False).count(),
        "n_memberships": Membership.objects.count(),
        "n_chunks": Chunk.objects.count(),
        "n_lexical": entries.n_entries(),
        "n_vectors": sum(
            vector_store().count(version.collection, entry.document_id) for entry in IndexEntry.objects.all()
        )
        if version
        else 0,
        "n_stored": len(list((conf.data_folder() / "uploads" / "documents").iterdir())),
    }
    close_store()
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
