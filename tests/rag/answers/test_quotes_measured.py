"""How often Quotes finds the sentence that answers, and says that none does, with the real embedded embedder.

Every question gets the passages of all the documents, so that the sentence alone decides.
"""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from inference import client
from inference.runner import minilm
from inference.runner.onnx_embedder import OnnxEmbedder
from rag import conf
from rag.answers import quotes
from rag.chunking import chunk_spans
from rag.lexical import words
from rag.types import Passage, Retrieval, RetrievalTrace
from tests.rag.answers import quoted_questions as asked

pytestmark = pytest.mark.model

PASSAGES = tuple(
    Passage(
        document_id=number, document_uuid=uuid.UUID(int=number), document_name=name, page=None, start=span.start,
        end=span.end, text=text[span.start : span.end], score=0.5,
    )
    for number, (name, text) in enumerate(asked.DOCUMENTS.items())
    for span in chunk_spans(text)
)  # fmt: skip


@pytest.fixture(scope="module")
def _minilm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("embedder")
    minilm.build(folder)
    embedder = OnnxEmbedder(folder, 2)

    # Every question is asked of the same sentences.
    @functools.cache
    def vector(text: str) -> npt.NDArray[np.float32]:
        (found,) = embedder.embed(embedder.tokenize([text]))
        return found / np.linalg.norm(found)

    async def embed(model: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.stack([vector(text) for text in texts])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "embed", embed)
        yield


def quoted(question: str) -> list[str]:
    """Return the quotations that answer a question, best first; none where Quotes is not sure."""
    trace = RetrievalTrace(
        question=question, searched=question, rewritten_by="", rewrite_problem="",
        terms=(), embedder=conf.DEFAULT_EMBEDDER, dense_problem="", candidates=(), lexical_s=0,
        embed_s=0, vector_s=0, total_s=0, dense_trust=words.share_of_latin(question),
    )  # fmt: skip
    answer = asyncio.run(quotes.quote(question, Retrieval(passages=PASSAGES, trace=trace)))
    return [block for block in answer.text.split("\n\n") if block.startswith(">")] if answer.is_sure else []


# Measured: first in 25 of 27 and 20 of 20 by which all was tuned, in 10 and 10 of 10 that were held out, and in 14 and
# 12 of 16 that were written later.
@pytest.mark.usefixtures("_minilm")
@pytest.mark.parametrize(
    ("questions", "least"),
    [
        (asked.ENGLISH, 24),
        (asked.CHINESE, 19),
        (asked.HELD_OUT_ENGLISH, 9),
        (asked.HELD_OUT_CHINESE, 9),
        (asked.LATER_ENGLISH, 13),
        (asked.LATER_CHINESE, 11),
    ],
    ids=["english", "chinese", "held out english", "held out chinese", "later english", "later chinese"],
)
def test_the_sentence_that_answers_comes_first(questions: Sequence[tuple[str, str]], least: int) -> None:
    found = {question: [words in block for block in quoted(question)] for question, words in questions}

    assert sum(hits[:1] == [True] for hits in found.values()) >= least, found


# Measured: 11 of 12, 11 of 11, and of the near misses 8 of 12, 8 of 10, and 12 and 13 of 16: those that ask for another
# sort of answer than is there, or for a name that is not.
@pytest.mark.usefixtures("_minilm")
@pytest.mark.parametrize(
    ("questions", "least"),
    [
        (asked.ENGLISH_UNANSWERABLE, 11),
        (asked.CHINESE_UNANSWERABLE, 10),
        (asked.ENGLISH_NEAR_MISSES, 7),
        (asked.CHINESE_NEAR_MISSES, 7),
        (asked.LATER_ENGLISH_NEAR_MISSES, 11),
        (asked.LATER_CHINESE_NEAR_MISSES, 12),
    ],
    ids=[
        "english",
        "chinese",
        "english near misses",
        "chinese near misses",
        "later english near misses",
        "later chinese near misses",
    ],
)
def test_that_nothing_answers_is_said(questions: Sequence[str], least: int) -> None:
    answers = {question: quoted(question) for question in questions}

    assert sum(not blocks for blocks in answers.values()) >= least, answers
