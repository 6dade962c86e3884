"""`python -m bench.search FOLDER N_CHUNKS`: time searches among so many chunks; print milliseconds as JSON.

The texts are Debian's manuals, again and again; their vectors are made up, but questions are embedded for real. What
was built once in a data folder is used again.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.config.settings")
django.setup()

import asyncio  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from itertools import count, islice  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from bench import corpus, sections  # noqa: E402
from rag import chunking, conf, embedding  # noqa: E402
from rag.api import retrieve  # noqa: E402
from rag.lexical import words  # noqa: E402
from rag.models import Chunk, Document, IndexVersion  # noqa: E402
from rag.services import versions  # noqa: E402
from rag.store import close_store, vector_store  # noqa: E402
from rag.types import RetrievalTrace  # noqa: E402
from webui.accounts.models import Role, User  # noqa: E402

QUESTIONS = Path(__file__).with_name("questions.json")
_CHUNKS_PER_DOCUMENT = 50


@dataclass(frozen=True, slots=True)
class _Text:
    path: str
    text: str
    terms: str


def main() -> None:
    logging.disable(logging.INFO)
    folder, n_chunks = Path(sys.argv[1]), int(sys.argv[2])
    version = versions.first_version(asyncio.run(embedding.probe(conf.first_embedder())))
    if not Document.objects.exists():
        fill(version, n_chunks, list(texts(corpus.fetch(folder))))
    owner = User.objects.get(email="search@bench.example")
    document_ids = list(Document.objects.values_list("pk", flat=True))
    questions = json.loads(QUESTIONS.read_text())
    times = {
        language: asyncio.run(ask([item[language] for item in questions if item[language]], owner.pk, document_ids))
        for language in ("en", "zh")
    }
    print(json.dumps(times))
    close_store()


def texts(unpacked: Path) -> Iterator[_Text]:
    for page in sections.read(corpus.files(unpacked)):
        names = page.extraction.page_names
        for span in chunking.chunk_spans(page.extraction.text, page.extraction.page_spans):
            path = names[span.page - 1] if span.page and names else ""
            text = page.extraction.text[span.start : span.end]
            yield _Text(path, text, " ".join(words.terms(chunking.indexed_text(path, text))))


@transaction.atomic
def fill(version: IndexVersion, n_chunks: int, base: Sequence[_Text]) -> None:
    """Write documents of fifty chunks each until there are enough."""
    owner = User.objects.create(email="search@bench.example", role=Role.USER)
    generator = np.random.default_rng(1)
    repeated = (base[n % len(base)] for n in count())
    for number in range(n_chunks // _CHUNKS_PER_DOCUMENT):
        own = list(islice(repeated, _CHUNKS_PER_DOCUMENT))
        document = Document.objects.create(
            owner=owner, name=f"{number}.html", media_type="text/html", size_bytes=1, sha256=f"{number:064}",
            state=Document.State.READY, n_chunks=len(own), n_chunks_done=len(own),
        )  # fmt: skip
        starts = np.cumsum([0, *(len(text.text) + 1 for text in own)]).tolist()
        chunks = Chunk.objects.bulk_create(
            Chunk(
                document=document, chunker=version.chunker, position=position, start=starts[position],
                end=starts[position] + len(text.text), page_name=text.path, text=text.text,
            )
            for position, text in enumerate(own)
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO rag_lexical (rowid, terms) VALUES (%s, %s)",
                [(chunk.pk, text.terms) for chunk, text in zip(chunks, own, strict=True)],
            )
        vectors = generator.standard_normal((len(own), version.n_dims), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        vector_store().add(version.collection, document.pk, [chunk.pk for chunk in chunks], vectors)


async def ask(questions: Sequence[str], user_id: int, document_ids: Sequence[int]) -> dict[str, list[float]]:
    """Return the milliseconds of each question, sorted: all together, and of single steps."""
    traces: list[RetrievalTrace] = []
    for _ in range(2):
        # The first round fills the caches of the database and of the operating system.
        traces.clear()
        for question in questions:
            found = await retrieve(user_id=user_id, question=question, document_ids=document_ids)
            traces.append(found.trace)
    steps = ("total_s", "lexical_s", "embed_s", "vector_s")
    return {step: sorted(1000 * getattr(trace, step) for trace in traces) for step in steps}


if __name__ == "__main__":
    main()
