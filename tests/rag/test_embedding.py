"""What is measured of an embedder: which languages it knows, and what its similarities are worth."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from inference import client
from rag import embedding
from rag.models import Document
from rag.types import RELATED, UNRELATED
from tests.doubles.embedder import FakeEmbedder
from tests.rag.test_retrieval import ask
from webui.accounts.models import User

Upload = Callable[..., Document]
N_DIMS = 512


class Knowing:
    """An embedder that knows what pairs of texts mean. `common` of a vector is the same for all texts."""

    def __init__(self, *known: tuple[tuple[str, str], ...], common: float) -> None:
        self.question_of = {answer: question for pairs in known for question, answer in pairs}
        self.common = common

    async def embed(self, model: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> npt.NDArray[np.float32]:
        meaning = _direction(self.question_of.get(text, text))
        own = np.sqrt(0.5) * meaning + np.sqrt(0.5) * _direction(text)
        vector = self.common * _direction("") + (1 - self.common) * own / np.linalg.norm(own)
        normed: npt.NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
        return normed


def _direction(text: str) -> npt.NDArray[np.float32]:
    vector = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(N_DIMS)
    direction: npt.NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return direction


LATIN, CJK = embedding._LATIN_PAIRS, embedding._CJK_PAIRS


def probed(embedder: Knowing, monkeypatch: pytest.MonkeyPatch) -> embedding.EmbedderProbe:
    monkeypatch.setattr(client, "embed", embedder.embed)
    return asyncio.run(embedding.probe("some"))


@pytest.mark.parametrize(
    ("known", "trust"),
    [((LATIN,), (1.0, 0.0)), ((CJK,), (0.0, 1.0)), ((LATIN, CJK), (1.0, 1.0))],
    ids=["English", "Chinese", "both"],
)
def test_languages_are_measured(
    embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch, known: tuple[tuple[tuple[str, str], ...], ...],
    trust: tuple[float, float],
) -> None:  # fmt: skip
    probe = probed(Knowing(*known, common=0.0), monkeypatch)

    assert (probe.latin_trust, probe.cjk_trust) == trust


@pytest.mark.parametrize("common", [0.0, 0.5, 0.7])
def test_whatever_its_scale_similarities_are_worth_the_same(
    embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch, common: float
) -> None:
    knowing = Knowing(LATIN, CJK, common=common)
    scale = probed(knowing, monkeypatch).scale
    questions, answers = (asyncio.run(knowing.embed("", side)) for side in zip(*LATIN, strict=True))
    similarities = questions @ answers.T

    worth = np.vectorize(scale.comparable)(similarities)

    assert worth.diagonal().mean() == pytest.approx(RELATED, abs=0.05)
    assert worth[~np.eye(len(worth), dtype=bool)].mean() == pytest.approx(UNRELATED, abs=0.05)


def test_one_that_compares_words_keeps_its_scale_and_is_not_distrusted(embedder: FakeEmbedder) -> None:
    probe = asyncio.run(embedding.probe("some"))

    assert (probe.latin_trust, probe.cjk_trust) == (1, 0)
    assert [probe.scale.comparable(value) for value in (0.0, 0.3, 1.0)] == pytest.approx([0.0, 0.3, 1.0])


def test_where_all_texts_are_near_each_other_it_is_still_said_that_nothing_matches(
    ingested: Upload, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = "The ferry to the island leaves at nine."
    knowing = Knowing(LATIN, CJK, (("How do I get across to the island?", answer),), common=0.7)
    monkeypatch.setattr(client, "embed", knowing.embed)
    documents = [ingested(alice, answer, "ferry.txt"), ingested(alice, "Snails eat lettuce.", "snails.txt")]

    found = ask(alice, "How do I get across to the island?", documents)
    nothing = ask(alice, "Who painted that ceiling?", documents)

    assert [passage.text for passage in found.passages] == [answer]
    assert nothing.is_empty
    assert all(candidate.dense is not None and candidate.dense < 0.3 for candidate in nothing.trace.candidates)
