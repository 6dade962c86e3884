from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from inference.runner.embedding import EmbeddingQueue, EmbedJob, Vectors, fitting_lanes, normalised
from inference.runner.worker import Ticket


class LengthEmbedder:
    """Embeds a text as (its length, 1), two texts a step."""

    n_dims = 2
    max_tokens = 10

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [[1] * len(text) for text in texts]

    def shortened(self, tokens: list[int]) -> list[int]:
        return tokens[: self.max_tokens]

    def embed(self, texts: Sequence[Sequence[int]]) -> Vectors:
        return np.array([[len(text), 1] for text in texts], np.float32)

    def fitting(self, texts: Sequence[Sequence[int]]) -> int:
        return min(2, len(texts))


def job(number: int, n_texts: int) -> EmbedJob:
    return EmbedJob(Ticket(number), [[7] * (index + 1) for index in range(n_texts)])


def run(queue: EmbeddingQueue) -> list[int]:
    """Return the numbers of the jobs in the order they finish."""
    finished = []
    while queue.has_work:
        if (done := queue.step()) is not None:
            finished.append(done.ticket.id)
    return finished


def test_a_question_does_not_wait_behind_a_document() -> None:
    queue = EmbeddingQueue(LengthEmbedder())
    queue.submit(job(1, 100))
    queue.submit(job(2, 1))

    assert run(queue) == [2, 1]


def test_a_question_goes_before_all_documents_that_have_begun() -> None:
    queue = EmbeddingQueue(LengthEmbedder())
    for number in range(1, 11):
        queue.submit(job(number, 100))
        queue.step()
    question = job(11, 1)
    queue.submit(question)

    assert queue.step() is question


def test_questions_are_answered_in_their_order() -> None:
    queue = EmbeddingQueue(LengthEmbedder())
    for number in (1, 2, 3):
        queue.submit(job(number, 1))

    assert run(queue) == [1, 2, 3]


def test_vectors_keep_the_order_of_the_texts_and_have_length_one() -> None:
    queue = EmbeddingQueue(LengthEmbedder())
    document = job(1, 5)
    queue.submit(document)
    run(queue)

    vectors = document.stacked(2)

    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[:, 0] / vectors[:, 1], [1, 2, 3, 4, 5], rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)


def test_a_cancelled_job_is_dropped() -> None:
    queue = EmbeddingQueue(LengthEmbedder())
    document = job(1, 100)
    queue.submit(document)
    queue.step()
    document.ticket.cancel()

    assert run(queue) == []


def test_no_texts_give_no_vectors() -> None:
    queue = EmbeddingQueue(LengthEmbedder())
    nothing = job(1, 0)
    queue.submit(nothing)

    assert run(queue) == [1]
    assert nothing.stacked(2).shape == (0, 2)


def test_a_row_of_zeros_stays_as_it_is() -> None:
    assert normalised(np.zeros((1, 3), np.float32)).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("lengths", "n_lanes", "n_fitting"),
    [
        ([], 2, 0),
        ([300, 1], 1, 1),
        ([300, 1], 2, 2),
        ([250, 250, 250, 250], 2, 2),
        ([160, 160, 160, 160], 2, 2),
        ([100, 100, 100], 2, 3),
        ([600, 1], 2, 1),
        ([5] * 60, 1, 51),
        ([5] * 110, 2, 102),
        ([256] * 8, 8, 8),
        ([256] * 9, 8, 8),
    ],
)
def test_texts_are_spread_evenly_over_lanes(lengths: list[int], n_lanes: int, n_fitting: int) -> None:
    assert fitting_lanes([[7] * length for length in lengths], n_lanes, 256) == n_fitting
