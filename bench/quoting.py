"""`python -m bench.quoting FOLDER`: index the corpus as the product does, let Quotes answer, and print figures as JSON.

Runs in the data folder that the environment names, beside a model server for the embedder; see `bench.documents`.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.config.settings")
django.setup()

import asyncio  # noqa: E402
import html  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from pathlib import Path  # noqa: E402

from bench import corpus, sections  # noqa: E402
from bench.retrieval import index  # noqa: E402
from bench.sections import Page  # noqa: E402
from rag.api import quote, retrieve  # noqa: E402
from rag.store import close_store  # noqa: E402
from rag.types import QuotedAnswer  # noqa: E402
from webui.accounts.models import Role, User  # noqa: E402

QUESTIONS = Path(__file__).with_name("quoted.json")
_ESCAPED = re.compile(r"\\([\\`*_~$<>|&#+-])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`phrases`: of sentences that answer, any of them; none for a question whose answer the manuals do not have."""

    set: str
    language: str
    question: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How many questions of a kind came out how.

    Attributes:
        outcomes: "first" and "later" have the answer in the first quotation or a later one, "wrong" in none; "near" and
            "near wrong" the same where Quotes says that it is not sure; "refused" has no quotation.
        n_retrieved: Questions whose passages have the answer.
        times_s: Of Quotes alone, sorted.
    """

    set: str
    language: str
    is_answerable: bool
    n: int
    n_retrieved: int
    outcomes: dict[str, int]
    times_s: list[float]


@dataclass(frozen=True, slots=True)
class _Asked:
    question: Question
    outcome: str
    is_retrieved: bool
    took_s: float


def main() -> None:
    # Every question that is asked would be reported.
    logging.disable(logging.INFO)
    folder = Path(sys.argv[1])
    pages = sections.read(corpus.files(corpus.fetch(folder)))
    questions = read_questions(pages)
    owner = User.objects.create(email="bench@bench.example", role=Role.USER)
    document_ids = list(index(pages, owner, folder / "vectors").values())
    print(json.dumps([asdict(figure) for figure in figures(asyncio.run(ask(questions, owner.pk, document_ids)))]))
    close_store()


def read_questions(pages: Sequence[Page]) -> list[Question]:
    texts: dict[str, str] = {}
    for page in pages:
        texts[page.file.language] = f"{texts.get(page.file.language, '')}\n{page.extraction.text}"
    questions = [Question(**item | {"phrases": tuple(item["phrases"])}) for item in json.loads(QUESTIONS.read_text())]
    for question in questions:
        if unknown := [phrase for phrase in question.phrases if phrase not in texts[question.language]]:
            raise SystemExit(f"phrases that the corpus does not have: {unknown}")
    return questions


async def ask(questions: Sequence[Question], user_id: int, document_ids: Sequence[int]) -> list[_Asked]:
    asked = []
    for question in questions:
        found = await retrieve(user_id=user_id, question=question.question, document_ids=document_ids)
        began = time.monotonic()
        answer = await quote(question.question, found)
        took_s = time.monotonic() - began
        texts = [passage.text for passage in found.passages]
        asked.append(_Asked(question, outcome(answer, question), bool(_with(question.phrases, texts)), took_s))
    return asked


def outcome(answer: QuotedAnswer, question: Question) -> str:
    if not answer.found:
        return "refused"
    quotations = [_plain(block) for block in answer.text.split("\n\n") if block.startswith("> ")]
    right = _with(question.phrases, quotations)
    if not answer.is_sure:
        return "near" if right else "near wrong"
    if not right:
        return "wrong"
    return "first" if right[0] is quotations[0] else "later"


def _with(phrases: Sequence[str], texts: Sequence[str]) -> list[str]:
    return [text for text in texts if any(phrase in text for phrase in phrases)]


def _plain(block: str) -> str:
    """Return what a block quote of Markdown shows, on one line."""
    return html.unescape(_ESCAPED.sub(r"\1", block.replace("  \n> ", " ")))


def figures(asked: Sequence[_Asked]) -> Iterator[Figures]:
    groups: dict[tuple[str, str, bool], list[_Asked]] = {}
    for item in asked:
        key = (item.question.language, item.question.set, bool(item.question.phrases))
        groups.setdefault(key, []).append(item)
    for (language, name, is_answerable), own in groups.items():
        yield Figures(
            set=name, language=language, is_answerable=is_answerable, n=len(own),
            n_retrieved=sum(item.is_retrieved for item in own), outcomes=dict(Counter(item.outcome for item in own)),
            times_s=sorted(item.took_s for item in own),
        )  # fmt: skip


if __name__ == "__main__":
    main()
