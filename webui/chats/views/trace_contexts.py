"""What the panel of a trace is given: scores as people read them, and what was decided in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypedDict
from uuid import UUID

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rag.types import SeenCandidate, SeenTrace
from webui.chats.models import Generation
from webui.documents.links import passage_page_url
from webui.documents.wording import place_in_words
from webui.ui.moments import measured_duration

NO_ROOM = "no room"
"""Kept by the search, then left out of the prompt: the model's context window was too small."""

_VERDICTS: dict[str, str | Promise] = {
    "kept": gettext_lazy("Kept"),
    "joined": gettext_lazy("Joined"),
    NO_ROOM: gettext_lazy("No room left"),
    "below cut-off": gettext_lazy("Too weak"),
    "near-duplicate": gettext_lazy("Near duplicate"),
    "beyond limit": gettext_lazy("Beyond the limit"),
    "whole": gettext_lazy("Given whole"),
}
_REASONS: dict[str, str | Promise] = {
    "kept": "",
    "joined": gettext_lazy("It stands next to a better passage and was joined to it."),
    NO_ROOM: gettext_lazy("It was found, but did not fit into what the model can read at once."),
    "below cut-off": gettext_lazy("Too far in meaning, and too few of the words stand in it."),
    "near-duplicate": gettext_lazy("It says almost the same as a better passage."),
    "beyond limit": gettext_lazy("Enough better passages were found."),
    "whole": "",
}

_EMBEDDER_SILENT = gettext_lazy("The embedding model did not answer, so passages were found by their words alone.")
_EMBEDDER_MISSING = gettext_lazy("The embedding model is not there, so passages were found by their words alone.")
_PROBLEMS: dict[str, str | Promise] = {
    "no documents": gettext_lazy(
        "None of the documents could be searched: they are gone, or were not read to the end."
    ),
    "no index": gettext_lazy("There is no index of meanings yet, so passages were found by their words alone."),
    "index elsewhere": gettext_lazy(
        "The vectors lie in another store than the one in use now. Until they are made anew, passages are found by"
        " their words alone."
    ),
    "embedder changed": gettext_lazy(
        "The documents were indexed with another embedding model, so passages were found by their words alone."
    ),
    "ModelNotFound": _EMBEDDER_MISSING,
    "ModelLoadFailed": _EMBEDDER_MISSING,
    "BadModelFile": _EMBEDDER_MISSING,
    "OutOfMemory": gettext_lazy("There was no memory for the embedding model, so passages were found by words alone."),
    "TimeoutError": _EMBEDDER_SILENT,
    "UpstreamTimeout": _EMBEDDER_SILENT,
    "ConnectionRefused": _EMBEDDER_SILENT,
    "ConnectionLost": _EMBEDDER_SILENT,
    "QueueFull": _EMBEDDER_SILENT,
    "StoreOwnedElsewhere": gettext_lazy(
        "Another process holds the index of meanings, so passages were found by their words alone."
    ),
}
_OTHER_PROBLEM = gettext_lazy("The meanings could not be compared, so passages were found by their words alone.")


class CandidateDict(TypedDict):
    document: str
    name: str
    place: str
    page: int | None
    start: int
    end: int
    opening: str
    lexical: float
    coverage: float
    dense: float | None
    fused: float
    rerank: float | None
    outcome: str
    reason: str
    passage: int | None
    citation: int | None


class TraceDict(TypedDict):
    question: str
    searched: str
    rewritten_by: str
    rewrite_problem: str
    terms: list[str]
    embedder: str
    dense_trust: float
    dense_problem: str
    shortcomings: list[str]
    candidates: list[CandidateDict]
    reranker: str
    rerank_problem: str
    seconds: dict[str, float]
    is_whole: bool
    room_tokens: int
    whole_tokens: int | None
    folder: str
    folder_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateView:
    """One passage that was weighed.

    Attributes:
        outcome: A `rag.types.Outcome`, or NO_ROOM.
        citation: Its number in the answer; None when the answer does not cite it.
    """

    seen: SeenCandidate
    outcome: str
    citation: int | None
    place: str

    @property
    def is_kept(self) -> bool:
        return self.outcome in ("kept", "joined", "whole")

    @property
    def passage(self) -> int | None:
        """Return its number in what the model read."""
        return self.seen.passage if self.is_kept else None

    @property
    def verdict(self) -> str:
        if self.citation is not None:
            return _("Cited as %(number)d") % {"number": self.citation}
        return str(_VERDICTS[self.outcome])

    @property
    def reason(self) -> str:
        return str(_REASONS[self.outcome])

    @property
    def url(self) -> str:
        seen = self.seen
        return passage_page_url(seen.document_uuid, page=seen.page, start=seen.start, end=seen.end)

    @property
    def coverage_percent(self) -> int:
        return round(100 * self.seen.coverage)

    def as_json(self) -> CandidateDict:
        seen = self.seen
        return {
            "document": str(seen.document_uuid),
            "name": seen.document_name,
            "place": self.place,
            "page": seen.page,
            "start": seen.start,
            "end": seen.end,
            "opening": seen.opening,
            "lexical": seen.lexical,
            "coverage": seen.coverage,
            "dense": seen.dense,
            "fused": seen.fused,
            "rerank": seen.rerank,
            "outcome": self.outcome,
            "reason": self.reason,
            "passage": self.passage,
            "citation": self.citation,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeDocument:
    """A document that the model got from beginning to end."""

    name: str
    url: str
    n_passages: int
    cited: Sequence[CandidateView]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    name: str
    duration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePanel:
    """All that `chats/_trace.html` shows.

    Attributes:
        kept, left_out: Together all candidates, each by falling score; in reading order when given whole.
        has_lost_sources: The answer cites passages, and none of them may be seen any more.
        shortcomings: What the search had to do without, a sentence each.
        folder: The folder that the chat was in; empty when it was in none.
        folder_tokens: Of the folder's instructions, as far as they went along.
        has_asked_folder: The folder had documents or knowledge.
    """

    seen: SeenTrace
    kept: Sequence[CandidateView]
    left_out: Sequence[CandidateView]
    shortcomings: Sequence[str]
    json_url: str
    has_lost_sources: bool = False
    folder: str = ""
    folder_tokens: int = 0
    has_asked_folder: bool = False

    @property
    def folder_in_words(self) -> str:
        """Return what the folder gave; not how many documents, which may be other people's."""
        words = {"name": self.folder, "tokens": number_format(self.folder_tokens, force_grouping=True)}
        sentences = []
        if self.has_asked_folder:
            sentences.append(_("What the folder “%(name)s” has of documents and knowledge was asked.") % words)
        if self.folder_tokens:
            sentences.append(_("The instructions of the folder went along, about %(tokens)s tokens.") % words)
        return " ".join(sentences)

    @property
    def why_nothing(self) -> str:
        """Why no passage was kept; only of use when that is so."""
        n = len(self.left_out)
        if not n:
            if _has_compared_meanings(self.seen):
                return _("No passage holds a word of the question or is near to it in meaning.")
            return _("No passage holds a word of the question.")
        if all(candidate.outcome == "below cut-off" for candidate in self.left_out):
            words = ngettext(
                "%(n)d passage was weighed: it was too weak.", "%(n)d passages were weighed: all were too weak.", n
            )
        else:
            words = ngettext(
                "%(n)d passage was weighed, and left out.", "%(n)d passages were weighed, and all left out.", n
            )
        return words % {"n": n}

    @property
    def rewritten_because(self) -> str:
        """Return who has made the searched question of the one that was asked; empty when they are the same."""
        if not self.seen.rewritten_by:
            return ""
        if self.seen.rewritten_by == "model":
            return _("The question needs its conversation; the model put it into words of its own.")
        if self.seen.rewritten_by == "translated":
            return _("None of the documents is written in the script of the question; the model translated it.")
        if self.seen.rewritten_by == "exchanged":
            return _("The question needs its conversation: what it names was put into the question before it.")
        if self.seen.rewrite_problem:
            return _(
                "The question needs its conversation. The model did not rewrite it in time or gave no question, so the "
                "question before it was joined to it."
            )
        return _("The question needs its conversation, so the question before it was joined to it.")

    @property
    def why_whole(self) -> str:
        """Return why nothing was searched; sizes only where all that was given may be known."""
        if self.seen.whole_tokens is None:
            return _("All that the question could draw on fitted into what the model can read at once.")
        return _(
            "All that the question could draw on fitted into what the model can read at once: about %(taken)s tokens, "
            "and there was room for %(room)s."
        ) % {
            "taken": number_format(self.seen.whole_tokens, force_grouping=True),
            "room": number_format(self.seen.room_tokens, force_grouping=True),
        }

    @property
    def whole_documents(self) -> list[WholeDocument]:
        """Return the documents that were given whole, in their order."""
        found = []
        for _uuid, group in groupby(self.kept, key=lambda candidate: candidate.seen.document_uuid):
            views = list(group)
            found.append(
                WholeDocument(
                    name=views[0].seen.document_name,
                    url=views[0].url,
                    n_passages=len(views),
                    cited=[view for view in views if view.citation is not None],
                )
            )
        return found

    @property
    def steps(self) -> list[StepView]:
        seen = self.seen
        if seen.is_whole:
            return [StepView(name=_("Documents read"), duration=measured_duration(seen.total_s))]
        not_done = _("not done")
        compared = _has_compared_meanings(seen)
        rewriting = [StepView(name=_("Question rewritten"), duration=measured_duration(seen.rewrite_s))]
        return [
            *(rewriting if seen.rewritten_by or seen.rewrite_problem else []),
            StepView(name=_("Words looked up"), duration=measured_duration(seen.lexical_s)),
            StepView(
                name=_("Meaning of the question"),
                duration=measured_duration(seen.embed_s) if seen.embed_s else not_done,
            ),
            StepView(name=_("Meanings compared"), duration=measured_duration(seen.vector_s) if compared else not_done),
            *(
                [StepView(name=_("Passages reranked"), duration=measured_duration(seen.rerank_s))]
                if seen.reranker
                else []
            ),
            StepView(name=_("All together"), duration=measured_duration(seen.total_s)),
        ]

    def as_json(self) -> TraceDict:
        seen = self.seen
        candidates = [*self.kept, *self.left_out]
        return {
            "question": seen.question,
            "searched": seen.searched,
            "rewritten_by": seen.rewritten_by,
            "rewrite_problem": seen.rewrite_problem,
            "terms": list(seen.terms),
            "embedder": seen.embedder,
            "dense_trust": seen.dense_trust,
            "dense_problem": seen.dense_problem,
            "shortcomings": list(self.shortcomings),
            "candidates": [candidate.as_json() for candidate in candidates],
            "reranker": seen.reranker,
            "rerank_problem": seen.rerank_problem,
            "seconds": {
                "rewriting": seen.rewrite_s,
                "lexical": seen.lexical_s,
                "embedding": seen.embed_s,
                "vectors": seen.vector_s,
                "reranking": seen.rerank_s,
                "total": seen.total_s,
            },
            "is_whole": seen.is_whole,
            "room_tokens": seen.room_tokens,
            "whole_tokens": seen.whole_tokens,
            "folder": self.folder,
            "folder_tokens": self.folder_tokens,
        }


def trace_panel(seen: SeenTrace, generation: Generation, *, chat_uuid: UUID) -> TracePanel:
    """Return what the panel shows; one query, for the numbers that the answer cites."""
    cited = set(generation.message.citations.values_list("number", flat=True))
    # Quotes reads all passages; a model those that its context window had room for.
    n_read = len(generation.ledger["passages"]) if "passages" in generation.ledger else None
    # A folder is its owner's alone; a preset may have been somebody else's.
    folder = next((given for given in generation.ledger.get("briefings", ()) if given["source"] == "folder"), None)
    views = [_candidate_view(candidate, cited, n_read) for candidate in seen.candidates]
    kept = [view for view in views if view.is_kept]
    return TracePanel(
        seen=seen,
        kept=kept,
        left_out=[view for view in views if not view.is_kept],
        shortcomings=list(_shortcomings(seen)),
        json_url=reverse("chats:trace_json", args=[chat_uuid, generation.message.uuid]),
        has_lost_sources=bool(cited) and not kept,
        folder=folder["name"] if folder else "",
        folder_tokens=folder["tokens"] if folder else 0,
        has_asked_folder=bool(folder and (folder["documents"] or folder["knowledge"])),
    )


def _candidate_view(seen: SeenCandidate, cited: set[int], n_read: int | None) -> CandidateView:
    had_no_room = seen.passage is not None and n_read is not None and seen.passage > n_read
    return CandidateView(
        seen=seen,
        outcome=NO_ROOM if had_no_room else seen.outcome,
        # A number that the answer does not show would tell how many passages stood before it.
        citation=seen.passage if seen.passage in cited else None,
        place=place_in_words(seen.page_kind, seen.page, seen.page_name),
    )


def _shortcomings(seen: SeenTrace) -> Iterator[str]:
    if seen.is_whole:
        return
    if seen.rewrite_problem and not seen.rewritten_by:
        yield _(
            "None of the documents is written in the script of the question. The model did not translate it in time or "
            "gave no question, so it was searched as it was asked."
        )
    if seen.dense_problem:
        yield str(_PROBLEMS.get(seen.dense_problem, _OTHER_PROBLEM))
    elif seen.dense_trust == 0:
        yield _("The embedding model does not know the language of the question: passages were found by words alone.")
    elif seen.dense_trust < 1:
        yield _(
            "Part of the question is in a language that the embedding model does not know: meaning counted "
            "%(percent)d %% of what it usually does."
        ) % {"percent": round(100 * seen.dense_trust)}
    if seen.rerank_problem:
        yield _(
            "The reranking model %(model)s did not answer, so the passages kept the order of words and meaning."
        ) % {"model": seen.reranker}


def _has_compared_meanings(seen: SeenTrace) -> bool:
    return not seen.dense_problem and seen.dense_trust > 0
