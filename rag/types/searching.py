"""A question, the passages found for it, and the trace of how they were found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal
from uuid import UUID

from rag.types.files import PageKind, place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk as retrieved for a question, or several neighbouring ones.

    Attributes:
        page: 1-based; None for files without pages.
        page_name: Of a sheet or a section; empty for what only has a number.
        start, end: Offsets into the document's text; `text` is what stands there.
        score: Fused score, higher is better, at most about 1.
    """

    document_id: int
    document_uuid: UUID
    document_name: str
    page: int | None
    start: int
    end: int
    text: str
    score: float
    page_kind: PageKind = PageKind.PAGE
    page_name: str = ""

    @property
    def place(self) -> str:
        return place_of(self.page_kind, self.page, self.page_name)


# Every answer that drew on documents has a trace: some 15 kB, and twice that with long names.
TRACE_MAX_CANDIDATES = 40
TRACE_MAX_TERMS = 100


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the conversation before a question."""

    role: Literal["user", "assistant"]
    text: str


RewrittenBy = Literal["", "model", "joined", "exchanged", "translated"]
Outcome = Literal["kept", "joined", "beyond limit", "near-duplicate", "below cut-off", "whole"]
"""`whole`: it was not weighed, because its document was given from beginning to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much of documents a model may be given at once.

    Attributes:
        tokens_of: How many tokens a passage takes in a prompt, with all that stands around it; rather too many.
        is_wanted: Whether whole documents are wanted at all; asked in a thread that may read the database.
    """

    n_tokens: int
    tokens_of: Callable[[Passage], int]
    is_wanted: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """How one chunk was weighed for a question.

    Attributes:
        lexical: BM25 as a share of the best candidate's, 0 to 1.
        coverage: Share of the question's words that stand in it, rare words counting more.
        dense: Cosine similarity; None when the question could not be embedded.
        rerank: Of the reranker, in its own measure; None when it has not read it.
        passage: Number in the prompt, from 1, of the passage that it is or was joined to; None when it was left out.
    """

    document_name: str
    page: int | None
    start: int
    end: int
    lexical: float
    coverage: float
    dense: float | None
    fused: float
    outcome: Outcome
    rerank: float | None = None
    passage: int | None = None
    page_kind: PageKind | str = PageKind.PAGE
    page_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Weighed):
    """A chunk as a search has weighed it."""

    document_id: int


UNRELATED = 0.045
RELATED = 0.51
"""Similarities of unrelated texts, and of questions with their answers, as the embedded embedder gives them: search and
Quotes were measured with it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What an embedder's cosine similarities are worth: there are some that give unrelated texts 0.7 and more."""

    unrelated: float = UNRELATED
    related: float = RELATED

    def comparable(self, similarity: float) -> float:
        """Return a similarity on the scale of the embedded embedder, at most 1."""
        factor = (RELATED - UNRELATED) / (self.related - self.unrelated)
        return min(UNRELATED + factor * (similarity - self.unrelated), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What the steps of a search came to, and the time of each in seconds.

    Attributes:
        question: As it was asked.
        searched: As it was searched; another one when it needs its conversation, or no document is in its script.
        rewritten_by: A model, the words of the question before joined to it, or a model that has translated it; empty
            when it was searched as asked.
        rewrite_problem: What kept the model from doing it.
        room_tokens: What whole documents may take; 0 when only passages were wanted.
    """

    question: str
    searched: str
    rewritten_by: RewrittenBy
    rewrite_problem: str
    terms: tuple[str, ...]
    embedder: str
    dense_trust: float
    dense_problem: str
    lexical_s: float
    embed_s: float
    vector_s: float
    total_s: float
    rewrite_s: float = 0.0
    reranker: str = ""
    rerank_problem: str = ""
    rerank_s: float = 0.0
    room_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalTrace(Steps):
    """How passages were found: everything weighed, best first.

    Attributes:
        whole_tokens: What whole documents take; 0 when they do not fit, and so were searched.
        dense_scale: By which the embedder's similarities were made comparable.
    """

    candidates: tuple[Candidate, ...]
    whole_tokens: int = 0
    dense_scale: Scale = Scale()

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is stored, bounded: what was kept and the best of the others, still best first."""
        kept = [candidate for candidate in self.candidates if candidate.passage is not None]
        others = [candidate for candidate in self.candidates if candidate.passage is None]
        stored = {*kept, *others[: max(TRACE_MAX_CANDIDATES - len(kept), 0)]}
        candidates = tuple(candidate for candidate in self.candidates if candidate in stored)
        return asdict(replace(self, candidates=candidates, terms=self.terms[:TRACE_MAX_TERMS]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCandidate(Weighed):
    """A candidate of a stored trace as one person may see it.

    Attributes:
        opening: Its first words; empty when the document was read anew since.
    """

    document_uuid: UUID
    opening: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTrace(Steps):
    """A stored trace as one person may see it; `candidates` best first.

    Attributes:
        whole_tokens: None when documents were given whole, and this person may not read all of them now.
    """

    candidates: tuple[SeenCandidate, ...]
    is_whole: bool
    whole_tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """The passages for one question; the prompt and the citations number them from 1 in this order.

    Best first; of documents that are given whole, all of them in reading order.
    """

    passages: tuple[Passage, ...]
    trace: RetrievalTrace

    @property
    def is_whole(self) -> bool:
        return self.trace.whole_tokens > 0

    @property
    def is_empty(self) -> bool:
        return not self.passages


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedAnswer:
    """An answer made of quotations alone.

    Attributes:
        text: Markdown with [n] markers; n counts in the passages given to `quote`, from 1.
        passages: The passages quoted, by number.
        found: False when the text says that nothing matches.
        is_sure: False when the text says that its quotations are near the subject at most, or that nothing matches.
    """

    text: str
    passages: dict[int, Passage]
    found: bool
    is_sure: bool
