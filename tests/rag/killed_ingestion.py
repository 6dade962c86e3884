"""The real loop over fifty files in processes that are killed; for `test_interruption`.

Reads lines of JSON from its standard input, each the life of one process: {"embedder": "small:latest", "deleted": [3]},
with the numbers of the stories that somebody deletes meanwhile. The process is forked, so that what is imported once
serves all, and its id is printed. {"finish": true} is the last life: it goes on until nothing is left to do, tries
again what failed, and prints what there is then.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from contextlib import suppress
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.core.files.storage import default_storage  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from rag import queries, tasks  # noqa: E402
from rag.api import create_document, delete_document, ingestion_loop, retry_document  # noqa: E402
from rag.models import Document, IndexVersion, Removal  # noqa: E402
from rag.store import chroma, close_store  # noqa: E402
from rag.threads import in_thread  # noqa: E402
from tests.database import put_own_database  # noqa: E402
from tests.factories import make_user  # noqa: E402

N_FILES = 50


def upload() -> None:
    put_own_database()
    owner = make_user(email="alice@example.org")
    for number in range(N_FILES):
        text = "\n\n".join(f"Page {page} of story {number}: " + "all went well. " * 55 for page in range(3))
        create_document(owner, ContentFile(text.encode(), name=f"story {number}.txt"))


def live(life: dict[str, Any]) -> None:
    settings.HEARTH_EMBEDDER = life["embedder"]
    deleted = [f"story {number}.txt" for number in life["deleted"]]
    asyncio.run(_finish(deleted) if life.get("finish") else _ingest(deleted))


async def _ingest(deleted: list[str]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(ingestion_loop())
        for document in await in_thread(lambda: list(Document.objects.filter(name__in=deleted))):
            await in_thread(delete_document, document)


async def _finish(deleted: list[str]) -> None:
    for document in await in_thread(lambda: list(Document.objects.filter(name__in=deleted))):
        await in_thread(delete_document, document)
    loop = asyncio.create_task(ingestion_loop())
    n_retried = 0
    while await in_thread(_is_busy):
        for document in await in_thread(lambda: list(Document.objects.filter(state=Document.State.FAILED))):
            n_retried += 1
            await in_thread(retry_document, document)
        await asyncio.sleep(0.1)
    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop
    said = io.StringIO()
    exit_code = 0
    close_store()
    try:
        await in_thread(call_command, "rag_check", stdout=said, stderr=said)
    except SystemExit as exc:
        exit_code = int(str(exc.code))
    facts = await in_thread(_facts)
    _say({**facts, "check": [exit_code, said.getvalue()], "n_retried": n_retried})


def _is_busy() -> bool:
    current = queries.current_version()
    is_switched = current is not None and current.embedder == tasks.conf.fixed_embedder()
    return not is_switched or Document.objects.exclude(state=Document.State.READY).exists()


def _facts() -> dict[str, Any]:
    return {
        "n_ready": Document.objects.filter(state=Document.State.READY).count(),
        "n_versions": IndexVersion.objects.count(),
        "n_removals": Removal.objects.count(),
        "n_files": len(default_storage.listdir("documents")[1]),
    }


def _say(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    assert chroma
    upload()
    _say("uploaded")
    for line in sys.stdin:
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            live(json.loads(line))
            os._exit(0)
        _say(pid)
        os.waitpid(pid, 0)
        _say("ended")


if __name__ == "__main__":
    main()
