"""Tell how well documents answer a query, with a model that reads both together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from inference.errors import InvalidRequest
from inference.runner.embedding import Embedder, EmbeddingQueue, EmbedJob, Vectors
from inference.runner.literals import VocabularyMarks
from inference.runner.protocol import Command, RankedReply, WireFacts, encode_frame
from inference.runner.worker import Start, Ticket, unsupported

LEAST_DOCUMENT_TOKENS = 8
"""Room that a query must leave; a document of which less is read says nothing."""

GAPS = re.compile(r"(\{query\}|\{document\})")


class PairVocabulary(Protocol):
    """The part of a loaded model that joins a query with a document."""

    bos: int
    eos: int
    sep: int
    adds_bos: bool
    adds_eos: bool
    adds_sep: bool

    def tokenize(self, text: str, *, parse_special: bool, add_special: bool = False) -> list[int]: ...
    def marks(self) -> VocabularyMarks: ...


@dataclass(frozen=True, slots=True)
class Pair:
    tokens: list[int]
    is_shortened: bool


class PairTokenizer:
    """Writes a query and a document as one model input.

    Args:
        template: A text with `{query}` and `{document}`; without, both are set apart by the model's own separators.
    """

    def __init__(self, vocabulary: PairVocabulary, template: str | None, max_tokens: int) -> None:
        self._vocabulary = vocabulary
        self._template = template if template is not None and "{document}" in template else None
        self._max_tokens = max_tokens
        marks = sorted(vocabulary.marks().control, key=len, reverse=True)
        self._marks = re.compile("|".join(map(re.escape, marks)) or r"(?!)")

    def pairs(self, query: str, documents: Sequence[str], *, truncate: bool) -> list[Pair]:
        """Return one model input per document.

        Raises:
            InvalidRequest: The query is too long, or a document is and `truncate` is off.
        """
        if self._max_tokens - len(self._joined(query, "")) < LEAST_DOCUMENT_TOKENS:
            raise InvalidRequest(f"the query is too long: the model reads {self._max_tokens:,} tokens at once")
        return [self._pair(query, document, truncate=truncate) for document in documents]

    def _pair(self, query: str, document: str, *, truncate: bool) -> Pair:
        tokens = self._joined(query, document)
        n_tokens = len(tokens)
        if n_tokens <= self._max_tokens:
            return Pair(tokens, is_shortened=False)
        if not truncate:
            raise InvalidRequest(
                f"the input length exceeds the context length: a query with a document has {n_tokens:,} tokens, "
                f"but the model takes {self._max_tokens:,}"
            )
        # What follows the document in a template must stay, so the text is cut and not the tokens.
        fewer, more = 0, len(document)
        while more - fewer > 1:
            middle = (fewer + more) // 2
            cut = self._joined(query, document[:middle])
            fewer, more = (middle, more) if len(cut) <= self._max_tokens else (fewer, middle)
        return Pair(self._joined(query, document[:fewer]), is_shortened=True)

    def _joined(self, query: str, document: str) -> list[int]:
        vocabulary = self._vocabulary
        if self._template is not None:
            return [token for part in self._parts(self._template, query, document) for token in part]
        ends = [vocabulary.eos if vocabulary.eos >= 0 else vocabulary.sep] * vocabulary.adds_eos
        return [
            *[vocabulary.bos] * vocabulary.adds_bos,
            *vocabulary.tokenize(query, parse_special=False),
            *ends,
            *[vocabulary.sep] * vocabulary.adds_sep,
            *vocabulary.tokenize(document, parse_special=False),
            *ends,
        ]

    def _parts(self, template: str, query: str, document: str) -> Iterator[list[int]]:
        """Yield the tokens of a filled template; what spells a control token in the texts becomes plain letters.

        Everything else is tokenized in one go, because a word and the space before it make one token.
        """
        values = {"{query}": query, "{document}": document}
        text = ""
        for piece in GAPS.split(template):
            value = values.get(piece)
            if value is None:
                text += piece
                continue
            start = 0
            for mark in self._marks.finditer(value):
                yield self._vocabulary.tokenize(text + value[start : mark.start()], parse_special=True)
                yield self._vocabulary.tokenize(mark.group(), parse_special=False)
                text, start = "", mark.end()
            text += value[start:]
        yield self._vocabulary.tokenize(text, parse_special=True)


@dataclass(slots=True, eq=False)
class RankJob(EmbedJob):
    n_shortened: int = 0


class RankingWorker:
    """A reranker at work."""

    def __init__(
        self, embedder: Embedder, pairs: PairTokenizer, facts: WireFacts, *, gives_probabilities: bool
    ) -> None:
        self.facts = facts
        self._pairs = pairs
        self._queue = EmbeddingQueue(embedder, finish=_first if gives_probabilities else _probabilities)

    @property
    def has_work(self) -> bool:
        return self._queue.has_work

    def prepare(self, command: Command, ticket: Ticket) -> Start:
        if command["op"] != "rank":
            raise unsupported(command)
        pairs = self._pairs.pairs(command["query"], command["documents"], truncate=command["truncate"])
        job = RankJob(ticket, [pair.tokens for pair in pairs], n_shortened=sum(pair.is_shortened for pair in pairs))
        return partial(self._start, job)

    def park(self) -> None:
        """Texts come once: there is nothing to keep."""

    def step(self) -> list[bytes]:
        job = self._queue.step()
        if not isinstance(job, RankJob):
            return []
        reply = RankedReply(type="ranked", id=job.ticket.id, n_tokens=job.n_tokens, n_shortened=job.n_shortened)
        return [encode_frame(reply, job.stacked(1).tobytes())]

    def _start(self, job: RankJob) -> list[bytes]:
        self._queue.submit(job)
        return []


def _first(scores: Vectors) -> Vectors:
    """Keep the score for "it answers", which is the first of each row."""
    return scores[:, :1].astype(np.float32)


def _probabilities(scores: Vectors) -> Vectors:
    """Turn unbounded scores into numbers from 0 to 1 in the same order."""
    first = _first(scores)
    return np.where(first >= 0, 1 / (1 + np.exp(-np.abs(first))), 1 - 1 / (1 + np.exp(-np.abs(first)))).astype(
        np.float32
    )
