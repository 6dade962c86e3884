"""`python -m bench.search FOLDER N_CHUNKS`: time searches among so many chunks; print milliseconds as JSON.

The texts are Debian's manuals, again and again; their vectors are mixtures of real ones, and questions are embedded for
real. What was built once in a data folder is used again.
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
from django.db import transaction  # noqa: E402

from bench import corpus, sections  # noqa: E402
from bench.mixtures import Vectors, mixtures  # noqa: E402
from rag import chunking, conf, embedding  # noqa: E402
from rag.api import retrieve  # noqa: E402
from rag.lexical import entries, words  # noqa: E402
from rag.models import Chunk, Document, IndexVersion  # noqa: E402
from rag.services import versions  # noqa: E402
from rag.store import close_store, vector_store  # noqa: E402
from rag.types import RetrievalTrace  # noqa: E402
from webui.accounts.models import Role, User  # noqa: E402

QUESTIONS = Path(__file__).with_name("questions.json")
_CHUNKS_PER_DOCUMENT = 50
_N_EMBEDDED = 400
_N_NEAREST = 40
# One question in so many is compared with every vector there is, and with those of one document in so many.
_COMPARED = 4
_ONE_IN = 20


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
        base = list(texts(corpus.fetch(folder)))
        sample = [text.text for text in base[:: len(base) // _N_EMBEDDED]]
        fill(version, n_chunks, shuffled(base), asyncio.run(embedding.embed_texts(version.embedder, sample)))
    owner = User.objects.get(email="search@bench.example")
    document_ids = list(Document.objects.values_list("pk", flat=True))
    questions = json.loads(QUESTIONS.read_text())
    times = {
        language: asyncio.run(ask([item[language] for item in questions if item[language]], owner.pk, document_ids))
        for language in ("en", "zh")
    }
    asked = [item["en"] for item in questions if item["en"]][::_COMPARED]
    print(
        json.dumps(
            {"times": times, "recall": recall(version, asyncio.run(embedding.embed_texts(version.embedder, asked)))}
        )
    )
    close_store()


def texts(unpacked: Path) -> Iterator[_Text]:
    for page in sections.read(corpus.files(unpacked)):
        names = page.extraction.page_names
        for span in chunking.chunk_spans(page.extraction.text, page.extraction.page_spans):
            path = names[span.page - 1] if span.page and names else ""
            text = page.extraction.text[span.start : span.end]
            yield _Text(path, text, " ".join(words.terms(chunking.indexed_text(path, text))))


def shuffled(base: Sequence[_Text]) -> list[_Text]:
    """Return the texts with both languages from the beginning on; those of one document stay together."""
    documents = [base[first : first + _CHUNKS_PER_DOCUMENT] for first in range(0, len(base), _CHUNKS_PER_DOCUMENT)]
    order = np.random.default_rng(2).permutation(len(documents))
    return [text for number in order for text in documents[number]]


@transaction.atomic
def fill(version: IndexVersion, n_chunks: int, base: Sequence[_Text], real: Vectors) -> None:
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
        entries.add_terms([(chunk.pk, text.terms) for chunk, text in zip(chunks, own, strict=True)])
        vectors = mixtures(real, len(own), generator)
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


def recall(version: IndexVersion, questions: Vectors) -> dict[str, float]:
    """Return the share of the nearest chunks that the store finds, in all documents and in some of them."""
    store = vector_store()
    stored = store.contents(version.collection)
    ids = list(stored)
    vectors = np.concatenate([
        np.stack([found[pk] for pk in page])
        for page in (ids[first : first + 5000] for first in range(0, len(ids), 5000))
        if (found := store.vectors(version.collection, page))
    ])  # fmt: skip
    documents = np.array(list(stored.values()))
    scopes: dict[str, list[int] | None] = {"all": None, "some": sorted(set(stored.values()))[::_ONE_IN]}
    shares: dict[str, float] = {}
    for name, scope in scopes.items():
        own = np.arange(len(ids)) if scope is None else np.flatnonzero(np.isin(documents, scope))
        found_shares = []
        for question in questions:
            cosines = vectors[own] @ question
            needed = np.sort(cosines)[-_N_NEAREST:].min()
            found_at = store.nearest(version.collection, question, scope, _N_NEAREST)
            found_shares.append(sum(cosine > needed - 1e-5 for cosine in found_at.values()) / min(_N_NEAREST, len(own)))
        shares[name] = float(np.mean(found_shares))
    return shares


if __name__ == "__main__":
    main()
