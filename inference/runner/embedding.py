"""Embed many texts for several callers at once: a few texts per step, callers taking turns.

Taking turns keeps a question from waiting behind the thousand chunks of a document; and who has just come goes before
all who have begun, so that it does not wait behind one chunk of each of ten documents either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inference.errors import InvalidRequest
from inference.runner.protocol import Command, EmbeddedReply, WireFacts, encode_frame
from inference.runner.worker import Start, Ticket, unsupported

Vectors = npt.NDArray[np.float32]


class Embedder(Protocol):
    """A loaded embedding model."""

    n_dims: int
    max_tokens: int

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, however many. Runs on another thread than the rest."""
        ...

    def shortened(self, tokens: list[int]) -> list[int]:
        """Return the first `max_tokens` of a text, ended as the model expects."""
        ...

    def embed(self, texts: Sequence[Sequence[int]]) -> Vectors | None:
        """Return one vector per tokenized text, not normalised; None to be called again with the same single text."""
        ...

    def fitting(self, texts: Sequence[Sequence[int]]) -> int:
        """Return how many of these texts fit into one step; one at least."""
        ...


@dataclass(slots=True, eq=False)
class EmbedJob:
    """The tokenized texts of one caller."""

    ticket: Ticket
    texts: Sequence[Sequence[int]]
    vectors: list[Vectors] = field(default_factory=list)
    n_done: int = 0

    @property
    def n_tokens(self) -> int:
        return sum(map(len, self.texts))

    def stacked(self, n_dims: int) -> Vectors:
        if not self.vectors:
            return np.zeros((0, n_dims), np.float32)
        return np.concatenate(self.vectors)


def normalised(vectors: Vectors) -> Vectors:
    """Scale rows to length one; rows of zeros stay as they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)


class EmbeddingQueue:
    """Owns the jobs that are not finished. Used by one thread.

    Args:
        finish: Makes of what the model gives what the callers get.
    """

    def __init__(self, embedder: Embedder, *, finish: Callable[[Vectors], Vectors] = normalised) -> None:
        self._embedder = embedder
        self._finish = finish
        self._in_a_text: EmbedJob | None = None
        self._new: deque[EmbedJob] = deque()
        self._begun: deque[EmbedJob] = deque()

    @property
    def has_work(self) -> bool:
        return bool(self._in_a_text or self._new or self._begun)

    def submit(self, job: EmbedJob) -> None:
        self._new.append(job)

    def step(self) -> EmbedJob | None:
        """Embed some texts of the job whose turn it is; return the job when that finished it."""
        if not self.has_work:
            return None
        job, self._in_a_text = self._in_a_text or (self._new or self._begun).popleft(), None
        if job.ticket.is_cancelled:
            return None
        rest = job.texts[job.n_done :]
        if rest:
            n_texts = self._embedder.fitting(rest)
            vectors = self._embedder.embed(rest[:n_texts])
            if vectors is None:
                self._in_a_text = job
                return None
            job.vectors.append(self._finish(vectors))
            job.n_done += n_texts
        if job.n_done == len(job.texts):
            return job
        self._begun.append(job)
        return None


def fitting_lanes(texts: Sequence[Sequence[int]], n_lanes: int, n_tokens: int) -> int:
    """Return how many of the first texts give each of some lanes so many tokens at most; one at least.

    More texts than lanes come in multiples of them, so that no lane waits for another's second text.
    """
    total = 0
    for index, tokens in enumerate(texts):
        total += len(tokens)
        if index and total > n_lanes * n_tokens:
            return index if index < n_lanes else index - index % n_lanes
    return len(texts)


class EmbeddingWorker:
    """An embedding model at work."""

    def __init__(self, embedder: Embedder, facts: WireFacts) -> None:
        self.facts = facts
        self._embedder = embedder
        self._queue = EmbeddingQueue(embedder)

    @property
    def has_work(self) -> bool:
        return self._queue.has_work

    def prepare(self, command: Command, ticket: Ticket) -> Start:
        if command["op"] != "embed":
            raise unsupported(command)
        texts = self._embedder.tokenize(command["texts"])
        limit = self._embedder.max_tokens
        for index, tokens in enumerate(texts):
            if len(tokens) <= limit:
                continue
            if not command["truncate"]:
                raise InvalidRequest(
                    f"the input length exceeds the context length: a text has {len(tokens):,} tokens, "
                    f"but the model takes {limit:,}"
                )
            texts[index] = self._embedder.shortened(tokens)
        return partial(self._start, EmbedJob(ticket, texts))

    def park(self) -> None:
        """Texts come once: there is nothing to keep."""

    def step(self) -> list[bytes]:
        job = self._queue.step()
        if job is None:
            return []
        reply = EmbeddedReply(type="embedded", id=job.ticket.id, n_dims=self._embedder.n_dims, n_tokens=job.n_tokens)
        return [encode_frame(reply, job.stacked(self._embedder.n_dims).tobytes())]

    def _start(self, job: EmbedJob) -> Sequence[bytes]:
        self._queue.submit(job)
        return []
