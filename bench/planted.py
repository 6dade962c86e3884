"""`python -m bench.planted NEEDLES`: ask for the facts planted in the only book; print the share found among three."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.config.settings")
django.setup()

import asyncio  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from rag.api import retrieve  # noqa: E402
from rag.models import Document  # noqa: E402
from rag.store import close_store  # noqa: E402

K = 3


async def recall(needles: list[dict[str, str]], document: Document) -> float:
    n_found = 0
    for needle in needles:
        found = await retrieve(user_id=document.owner_id, question=needle["q"], document_ids=[document.pk], limit=K)
        n_found += any(needle["a"] in passage.text for passage in found.passages)
    return n_found / len(needles)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    planted = json.loads(Path(sys.argv[1]).read_text())["needles"]
    print(asyncio.run(recall(planted, Document.objects.get(name="book.pdf"))))
    close_store()
