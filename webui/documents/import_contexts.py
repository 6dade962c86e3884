"""What the pages of an import are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from rag.api import ImportedFile, Knowledge, KnowledgeImport
from rag.types import Problem
from webui.documents import wording
from webui.documents.knowledge_contexts import KnowledgeRow, knowledge_rows

State = KnowledgeImport.State
Outcome = ImportedFile.Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPage:
    max_bytes: int
    sidebar: None = None

    @property
    def max_mb(self) -> int:
        return self.max_bytes // (1024 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFile:
    """A file of an archive that was not taken, and why."""

    path: str
    problem: str


class ReportDict(TypedDict):
    state: str
    problem: str
    n_files: int
    n_done: int
    n_taken: int
    n_known: int
    refused: list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """How far an import is: new documents, those that its owner had already, and what was not taken.

    Attributes:
        refused: Empty while it runs.
    """

    knowledge: KnowledgeRow
    source: KnowledgeImport
    n_taken: int
    n_known: int
    n_refused: int
    refused: Sequence[RefusedFile]
    sidebar: None = None

    @property
    def n_done(self) -> int:
        return self.n_taken + self.n_known + self.n_refused

    @property
    def problem(self) -> str:
        """Why not all files were looked at, or none was taken; empty when all went well so far."""
        if self.source.state == State.STOPPED:
            return _("It was stopped. What had been taken in stays.")
        if self.source.state != State.FAILED:
            return ""
        if self.source.error == Problem.EMPTY:
            return wording.import_refusal_in_words(Problem.EMPTY)
        return _("The archive is gone or damaged. What had been taken in stays.")

    def as_json(self) -> ReportDict:
        return {
            "state": self.source.state,
            "problem": self.problem,
            "n_files": self.source.n_files,
            "n_done": self.n_done,
            "n_taken": self.n_taken,
            "n_known": self.n_known,
            "refused": [{"path": file.path, "problem": file.problem} for file in self.refused],
        }


def report_page(knowledge: Knowledge, source: KnowledgeImport) -> ReportPage:
    counts = source.files.aggregate(
        taken=Count("pk", filter=Q(outcome=Outcome.TAKEN)),
        known=Count("pk", filter=Q(outcome=Outcome.KNOWN)),
        refused=Count("pk", filter=Q(outcome="")),
    )
    refused = source.files.none() if source.is_running else source.files.filter(outcome="")
    return ReportPage(
        knowledge=knowledge_rows([knowledge], knowledge.owner_id)[0],
        source=source,
        n_taken=counts["taken"],
        n_known=counts["known"],
        n_refused=counts["refused"],
        refused=[_refused(file) for file in refused],
    )


def _refused(file: ImportedFile) -> RefusedFile:
    path = "/".join(filter(None, (file.folder, file.name)))
    return RefusedFile(path=path, problem=wording.import_problem_in_words(file.problem))
