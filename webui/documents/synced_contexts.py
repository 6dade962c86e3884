"""What the templates of synced folders are given. For administrators' eyes: they hold paths of the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from rag import api as rag
from rag.types import FolderProblem, FolderProgress, Problem
from webui.documents import folder_wording, wording
from webui.documents.knowledge_contexts import FolderLink, KnowledgeRow

MAX_PROBLEMS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutLine:
    n: int
    text: str
    examples: Sequence[str]


def left_out_lines(left_out: Mapping[str, int], examples: Mapping[str, Sequence[str]]) -> list[LeftOutLine]:
    return [
        LeftOutLine(n=n, text=folder_wording.left_out_in_words(reason, n), examples=examples.get(reason, ()))
        for reason, n in left_out.items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    path: str
    sentence: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedFolderCard:
    """One folder that a knowledge follows.

    Attributes:
        problem: Why the last look came to nothing; empty when it did not.
        is_many_gone: Somebody has to say whether its files were deleted.
        progress: 0 to 100 while files are on their way, else None.
        problems: The first of `n_problems`.
    """

    uuid: str
    name: str
    path: str
    state_text: str
    problem: str
    is_many_gone: bool
    is_paused: bool
    is_leaving: bool
    is_busy: bool
    progress: int | None
    n_files: int
    size_bytes: int
    n_ready: int
    scanned_at: datetime | None
    patterns: str
    left_out: Sequence[LeftOutLine]
    problems: Sequence[FileProblem]
    n_problems: int

    dom_noun = "synced-folder"

    @property
    def files_text(self) -> str:
        return folder_wording.files_in_words(self.n_files)

    @property
    def n_more_problems(self) -> int:
        return self.n_problems - len(self.problems)

    @property
    def n_left_out(self) -> int:
        return sum(line.n for line in self.left_out)


def folder_cards(folders: Sequence[rag.SyncedFolder]) -> list[SyncedFolderCard]:
    """Return a card for each folder; two queries, and one for each with problems."""
    progress = rag.progress_of(folders)
    return [_card(folder, progress.get(folder.pk, FolderProgress())) for folder in folders]


def _card(folder: rag.SyncedFolder, progress: FolderProgress) -> SyncedFolderCard:
    state = rag.SyncedFolder.State(folder.state)
    is_leaving = state in (rag.SyncedFolder.State.LEAVING, rag.SyncedFolder.State.KEEPING)
    n_on_the_way = progress.n_waiting + progress.n_unfinished
    n_known = max(folder.n_files, n_on_the_way)
    is_busy = is_leaving or folder.is_scan_wanted or bool(n_on_the_way)
    files = list(rag.problem_files(folder)[:MAX_PROBLEMS]) if progress.n_problems else []
    return SyncedFolderCard(
        uuid=str(folder.uuid),
        name=folder.name,
        path=folder.path,
        state_text=_state_in_words(folder, n_known - n_on_the_way, n_known),
        problem=str(folder_wording.FOLDER_PROBLEMS[FolderProblem(folder.problem)]) if folder.problem else "",
        is_many_gone=folder.problem == FolderProblem.MANY_GONE,
        is_paused=state == rag.SyncedFolder.State.PAUSED,
        is_leaving=is_leaving,
        is_busy=is_busy,
        progress=100 * (n_known - n_on_the_way) // n_known if n_on_the_way and not is_leaving else None,
        n_files=folder.n_files,
        size_bytes=folder.size_bytes,
        n_ready=progress.n_ready,
        scanned_at=folder.scanned_at,
        patterns=_patterns_in_words(folder),
        left_out=left_out_lines(folder.left_out, folder.examples),
        problems=[_file_problem(row) for row in files],
        n_problems=progress.n_problems,
    )


def _state_in_words(folder: rag.SyncedFolder, n_done: int, n_files: int) -> str:
    match folder.state:
        case rag.SyncedFolder.State.LEAVING:
            return _("Being disconnected; its documents are removed")
        case rag.SyncedFolder.State.KEEPING:
            return _("Being disconnected; its documents stay")
        case rag.SyncedFolder.State.PAUSED:
            return _("Paused")
    if folder.scanned_at is None or folder.is_scan_wanted:
        return _("Being looked at")
    if n_done < n_files:
        return _("Reading: %(done)d of %(all)d files are done") % {"done": n_done, "all": n_files}
    return _("Watched")


def _patterns_in_words(folder: rag.SyncedFolder) -> str:
    said = []
    if folder.include:
        said.append(_("only %(patterns)s") % {"patterns": ", ".join(folder.include)})
    if folder.exclude:
        said.append(_("without %(patterns)s") % {"patterns": ", ".join(folder.exclude)})
    return ", ".join(said)


def _file_problem(row: rag.SyncedFile) -> FileProblem:
    documents = (row.next_document, row.document)
    code = row.problem or next(document.error for document in documents if document and document.has_failed)
    words = wording.problem_words(code)
    sentence = str(words.sentence) if words else _("This file could not be read.")
    advice = str(words.advice if words and code == Problem.NO_ACCESS else wording.SYNCED_ADVICE)
    if row.document and row.document.is_ready:
        advice = f"{advice} {_('Answers still come from the version before.')}"
    return FileProblem(path=rag.display_path(row.path), sentence=sentence, advice=advice)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedFoldersPage:
    knowledge: KnowledgeRow
    folders: Sequence[SyncedFolderCard]
    roots: Sequence[Path]
    sidebar: None = None

    @property
    def is_busy(self) -> bool:
        return any(folder.is_busy for folder in self.folders)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectPage:
    """Choosing a folder.

    Attributes:
        path: Chosen so far; empty: one of `roots` is to be chosen.
        above: The folders on the way to it, from the allowed one on, without itself.
        folders: Those directly in it.
        problem: Why it cannot be looked into, or connected.
        found: What it holds, once that was asked for.
    """

    knowledge: KnowledgeRow
    roots: Sequence[FolderLink]
    path: str
    above: Sequence[FolderLink]
    folders: Sequence[FolderLink]
    problem: str
    found: rag.Survey | None
    sidebar: None = None

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def files_text(self) -> str:
        return folder_wording.files_in_words(self.found.n_files) if self.found else ""

    @property
    def need_text(self) -> str:
        return folder_wording.need_in_words(self.found) if self.found else ""

    @property
    def refusal(self) -> str:
        """Why what was found cannot be connected; empty when it can."""
        if self.found is None or self.found.fits:
            return ""
        return folder_wording.does_not_fit_in_words(self.found.need_bytes, self.found.free_bytes)

    @property
    def left_out(self) -> list[LeftOutLine]:
        if self.found is None:
            return []
        listing = self.found.listing
        return left_out_lines(
            {reason.value: n for reason, n in listing.left_out.items()},
            {reason.value: paths for reason, paths in listing.examples.items()},
        )

    @property
    def unsupported(self) -> str:
        return folder_wording.unsupported_in_words(self.found.listing.unsupported) if self.found else ""


def path_link(path: Path | PurePosixPath, *, name: str = "") -> FolderLink:
    return FolderLink(name=rag.display_path(name or path.name), path=urlencode({"path": str(path)}))


def links_above(path: str) -> list[FolderLink]:
    """Return the way from the allowed folder to a path, without its end."""
    root = rag.root_of(path)
    if root is None or str(root) == path:
        return []
    steps = PurePosixPath(path).relative_to(root).parts[:-1]
    below = [PurePosixPath(root, *steps[: depth + 1]) for depth in range(len(steps))]
    return [path_link(root, name=str(root)), *map(path_link, below)]
