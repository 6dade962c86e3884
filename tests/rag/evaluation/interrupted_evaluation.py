"""A process that runs golden questions and stands still in the middle of them, to be killed there.

interrupted_evaluation.py STEP     begin: enter six questions, stop at the fourth; go_on: look once for what is due
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

from django.core.files.base import ContentFile  # noqa: E402

from inference import client  # noqa: E402
from rag import tasks  # noqa: E402
from rag.evaluation import loop  # noqa: E402
from rag.models import Evaluation  # noqa: E402
from rag.services import evaluations, ingestion  # noqa: E402
from rag.services.documents import create_document  # noqa: E402
from rag.services.questions import Expected, create_question  # noqa: E402
from rag.store import close_store  # noqa: E402
from tests.database import put_own_database  # noqa: E402
from tests.doubles.embedder import FakeEmbedder  # noqa: E402
from tests.factories import make_knowledge, make_user  # noqa: E402

N_QUESTIONS = 6
STOPS_AT = 4


def prepare() -> None:
    put_own_database()
    owner = make_user(email="alice@example.org")
    document = create_document(owner, ContentFile(b"The code of every locker is 4711.", name="lockers.txt"))
    while taken := ingestion.take_document([], []):
        asyncio.run(tasks.ingest(taken))
    document.refresh_from_db()
    knowledge = make_knowledge(document, owner=owner)
    for n in range(N_QUESTIONS):
        create_question(knowledge, f"What is the code of locker {n}?", Expected(document=document), made_by=owner)
    evaluations.ask_for_run(knowledge, owner)


def main(step: str) -> None:
    embedder = FakeEmbedder()
    client.embed, client.find_model = embedder.embed, embedder.find_model
    if step == "begin":
        prepare()
    embedder.texts.clear()

    async def embed(model: str, texts: list[str]) -> Any:
        if step == "begin" and len(embedder.texts) + 1 == STOPS_AT:
            sys.stdout.write("standing still\n")
            sys.stdout.flush()
            time.sleep(600)
        return await embedder.embed(model, texts)

    client.embed = embed
    asyncio.run(loop.run_due(loop.Settling(settle_s=0)))
    run = Evaluation.objects.get()
    sys.stdout.write(
        json.dumps(
            {"state": run.state, "n_results": run.results.count(), "n_asked": len(embedder.texts), "recall": run.recall}
        )
    )
    close_store()


if __name__ == "__main__":
    main(sys.argv[1])
