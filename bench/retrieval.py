"""`python -m bench.retrieval FOLDER`: index the corpus as the product does, ask, and print figures as JSON.

Runs in the data folder that the environment names, beside a model server for the embedder; see `bench.documents`.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.config.settings")
django.setup()

import asyncio  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Collection, Iterator, Sequence  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from pathlib import Path  # noqa: E402

from bench import corpus, sections  # noqa: E402
from bench.sections import Page, Place  # noqa: E402
from bench.vectors import KeptVectors  # noqa: E402
from rag import conf, embedding  # noqa: E402
from rag.api import retrieve  # noqa: E402
from rag.models import Chunk, Document, ExtractedText  # noqa: E402
from rag.services import ingestion, versions  # noqa: E402
from rag.store import close_store  # noqa: E402
from rag.types import Candidate, Retrieval  # noqa: E402
from webui.accounts.models import Role, User  # noqa: E402

Start = tuple[int, int]
"""Of a chunk: its document's id, and its offset there."""
Order = Sequence[Collection[Start]]
"""What stands at each rank."""

N_HEADINGS = 150
NOT_THERE = "not there"
QUESTIONS = Path(__file__).with_name("questions.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and the sections that answer it; none for one that nothing here answers."""

    group: str
    language: str
    text: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`recall` is R@1, R@5 and R@10; for questions that nothing answers, the share that got passages."""

    group: str
    language: str
    method: str
    n: int
    recall: Sequence[float]
    mrr: float


def main() -> None:
    # Every question that is asked would be reported.
    logging.disable(logging.INFO)
    folder = Path(sys.argv[1])
    pages = sections.read(corpus.files(corpus.fetch(folder)))
    natural = natural_questions(pages)
    answers = {place for question in natural for place in question.places}
    headings = [
        Question(group="heading", language=language, text=place.heading, places=(place,))
        for language in ("en", "zh")
        for place in sections.heading_places(pages, language, N_HEADINGS, answers)
    ]
    hidden = {place for question in headings for place in question.places}
    owner = User.objects.create(email="bench@bench.example", role=Role.USER)
    document_ids = index([sections.without_headings(page, hidden) for page in pages], owner, folder / "vectors")
    targets = find_targets(pages, document_ids)
    found = asyncio.run(ask([*headings, *natural], owner.pk, list(document_ids.values())))
    print(json.dumps([asdict(figure) for figure in figures(found, targets)]))
    close_store()


def natural_questions(pages: Sequence[Page]) -> list[Question]:
    known = {Place(page.file.language, page.file.key, heading) for page in pages for heading in page.headings()}
    questions = []
    for item in json.loads(QUESTIONS.read_text()):
        # Some manuals are there in English only.
        for language in (language for language in ("en", "zh") if item[language]):
            places = tuple(Place(language, key, heading) for key, heading in item[f"{language}_places"])
            if unknown := set(places) - known:
                raise SystemExit(f"places that the corpus does not have: {unknown}")
            group = item["group"] if places else NOT_THERE
            questions.append(Question(group=group, language=language, text=item[language], places=places))
    return questions


def index(pages: Sequence[Page], owner: User, vectors_folder: Path) -> dict[tuple[str, str], int]:
    """Store, chunk and index pages as ingestion does, with kept vectors; return document ids by (language, key)."""
    probe = asyncio.run(embedding.probe(conf.first_embedder()))
    version = versions.first_version(probe)
    documents: dict[tuple[str, str], Document] = {}
    for page in pages:
        name = f"{page.file.language} {page.file.key}"
        document = Document.objects.create(
            owner=owner, name=page.file.path.name, media_type=page.extraction.media_type, size_bytes=1,
            sha256=hashlib.sha256(name.encode()).hexdigest(), state=Document.State.EXTRACTING,
        )  # fmt: skip
        ingestion.store_text(document, page.extraction, version.chunker)
        documents[page.file.language, page.file.key] = document
    vectors = KeptVectors(vectors_folder, version)
    for document in documents.values():
        entry = ingestion.entry_of(document, version)
        chunks = ingestion.next_chunks(entry, document.n_chunks)
        ingestion.store_vectors(entry, chunks, asyncio.run(vectors.of([chunk.text for chunk in chunks])))
        if not ingestion.complete(entry):
            raise SystemExit(f"the vectors of {document} were not stored")
    vectors.keep()
    Document.objects.update(state=Document.State.READY)
    return {place: document.pk for place, document in documents.items()}


def find_targets(pages: Sequence[Page], document_ids: dict[tuple[str, str], int]) -> dict[Place, set[tuple[int, int]]]:
    """Return the chunks of each section as (document id, offset); sections keep their numbers without headings."""
    targets: dict[Place, set[tuple[int, int]]] = {}
    for page in pages:
        document_id = document_ids[page.file.language, page.file.key]
        extracted = ExtractedText.objects.get(document=document_id)
        starts = list(Chunk.objects.filter(document=document_id).values_list("start", flat=True))
        for (start, end), heading in zip(extracted.page_spans, page.headings(), strict=True):
            place = Place(page.file.language, page.file.key, heading)
            targets.setdefault(place, set()).update((document_id, own) for own in starts if start <= own < end)
    return targets


async def ask(
    questions: Sequence[Question], user_id: int, document_ids: Sequence[int]
) -> list[tuple[Question, Retrieval]]:
    return [
        (question, await retrieve(user_id=user_id, question=question.text, document_ids=document_ids))
        for question in questions
    ]


def figures(
    found: Sequence[tuple[Question, Retrieval]], targets: dict[Place, set[tuple[int, int]]]
) -> Iterator[Figures]:
    """Yield the figures of each method for each group of questions in each language."""
    groups = {(question.group, question.language): None for question, _ in found}
    for group, language in groups:
        own = [(q, retrieval) for q, retrieval in found if (q.group, q.language) == (group, language)]
        if group == NOT_THERE:
            yield Figures(
                group=group, language=language, method="answered all the same", n=len(own),
                recall=[sum(not retrieval.is_empty for _, retrieval in own) / len(own)], mrr=0.0,
            )  # fmt: skip
            continue
        wanted = [set().union(*(targets[place] for place in question.places)) for question, _ in own]
        for method, order in _METHODS.items():
            ranks = [rank_of(order(retrieval), goal) for (_, retrieval), goal in zip(own, wanted, strict=True)]
            yield Figures(
                group=group, language=language, method=method, n=len(own),
                recall=[sum(0 < rank <= k for rank in ranks) / len(ranks) for k in (1, 5, 10)],
                mrr=sum(1 / rank for rank in ranks if 0 < rank <= 10) / len(ranks),
            )  # fmt: skip


def rank_of(order: Sequence[Collection[Start]], wanted: set[Start]) -> int:
    """Return where the first wanted place stands, from 1; 0 for nowhere."""
    return next((rank for rank, places in enumerate(order, 1) if not wanted.isdisjoint(places)), 0)


def _ranked(score: Callable[[Candidate], float]) -> Callable[[Retrieval], Order]:
    def order(retrieval: Retrieval) -> Order:
        scored = [candidate for candidate in retrieval.trace.candidates if score(candidate) > 0]
        return [[_start(candidate)] for candidate in sorted(scored, key=score, reverse=True)]

    return order


def _as_first_designed(retrieval: Retrieval) -> Order:
    """Return the order by the formula of before the document side was designed, measured on other questions."""
    weight = 0.7 * retrieval.trace.dense_trust
    return _ranked(lambda candidate: 0.3 * candidate.lexical + weight * max(candidate.dense or 0.0, 0.0))(retrieval)


def _start(candidate: Candidate) -> Start:
    return candidate.document_id, candidate.start


def _given(retrieval: Retrieval) -> Order:
    """Return what an answer gets, after the cut-off: each passage with the chunks that are joined in it."""
    passages: dict[int, list[Start]] = {}
    for candidate in retrieval.trace.candidates:
        if candidate.passage is not None:
            passages.setdefault(candidate.passage, []).append(_start(candidate))
    return [starts for _, starts in sorted(passages.items())]


_METHODS = {
    "lexical": _ranked(lambda candidate: candidate.lexical),
    "dense": _ranked(lambda candidate: candidate.dense or 0.0),
    "first design": _as_first_designed,
    "fused": _ranked(lambda candidate: candidate.fused),
    "given": _given,
}
if conf.reranker():
    # What it has read comes first, in its order.
    _METHODS["reranked"] = lambda retrieval: [[_start(candidate)] for candidate in retrieval.trace.candidates]


if __name__ == "__main__":
    main()
