"""What can go wrong with documents.

RagError
├── UploadRefused          the file was not taken; nothing is stored
│   ├── UploadTooLarge
│   ├── UploadEmpty
│   ├── UploadBroken       its content contradicts its name
│   ├── UploadUnsupported  no extractor reads this kind
│   └── UploadNotStored    the disk is full or does not take files
├── ImportRefused          a ZIP was not taken as knowledge; nothing is stored
├── FolderRefused          a folder of a knowledge cannot be made or renamed so
├── FolderUnusable         a folder of the server cannot be read
├── FolderConnected        the knowledge follows that folder already
├── FolderDoesNotFit       what it would take is not free on this server's disk
├── PatternRefused         too many patterns for a folder, or too long ones
├── QuestionRefused        a golden question cannot be kept so
├── TooManyChunks          a knowledge is too large to be embedded for a trial
├── PageNotFetched         an address of the web gave no page; nothing is stored
├── Unreadable             a file gives no text; raised inside the bounded process
├── IngestionFailed        one document could not be made searchable
├── StoreUnavailable       the vector store cannot be opened or used
│   └── StoreOwnedElsewhere  another process holds the vector folder
├── EmbedderUnfit          a model cannot make the vectors that are asked of it
│   ├── EmbedderChanged    another model answers to its name
│   └── EmbedderUseless    its vectors do not tell texts apart
├── EmbedderFixed          the environment names the embedder
├── NothingToRollBack      the index version that was in use before is gone
├── RenderingFailed        a page could not be drawn
└── ChildFailed            the bounded process that reads a file gave no result
    ├── ChildTimedOut
    ├── ChildCrashed
    └── ChildOutputTooLarge
"""

from __future__ import annotations

from rag.types import FetchProblem, FolderProblem, Problem


class RagError(Exception):
    """Base of all errors here.

    Attributes:
        permanent: True when the same request cannot succeed later by itself.
    """

    permanent = True


class UploadRefused(RagError):
    problem = Problem.BROKEN


class UploadTooLarge(UploadRefused):
    problem = Problem.TOO_LARGE

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(size_bytes, limit_bytes)
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class UploadEmpty(UploadRefused):
    problem = Problem.EMPTY


class UploadBroken(UploadRefused):
    problem = Problem.BROKEN


class UploadUnsupported(UploadRefused):
    problem = Problem.UNSUPPORTED


class UploadNotStored(UploadRefused):
    problem = Problem.NOT_STORED
    permanent = False


class ImportRefused(RagError):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class FolderRefused(RagError):
    """Attributes: reason: one of those below."""

    EMPTY = "empty"
    TOO_DEEP = "too_deep"
    TOO_MANY = "too_many"
    TAKEN = "taken"
    INSIDE_ITSELF = "inside_itself"
    SYNCED = "synced"
    """What a synced folder brought changes with it alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FolderUnusable(RagError):
    permanent = False

    def __init__(self, problem: FolderProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class FolderConnected(RagError):
    pass


class FolderDoesNotFit(RagError):
    permanent = False

    def __init__(self, need_bytes: int, free_bytes: int) -> None:
        super().__init__(need_bytes, free_bytes)
        self.need_bytes = need_bytes
        self.free_bytes = free_bytes


class PatternRefused(RagError):
    def __init__(self, max_patterns: int, max_length: int) -> None:
        super().__init__(max_patterns, max_length)
        self.max_patterns = max_patterns
        self.max_length = max_length


class QuestionRefused(RagError):
    """Attributes: reason: one of those below."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    KNOWN = "known"
    NO_DOCUMENT = "no_document"
    SEVERAL_DOCUMENTS = "several_documents"
    NO_QUOTE = "no_quote"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooManyChunks(RagError):
    def __init__(self, n_chunks: int, limit: int) -> None:
        super().__init__(n_chunks, limit)
        self.n_chunks = n_chunks
        self.limit = limit


class PageNotFetched(RagError):
    """`status` is what the server answered; None when it did not."""

    def __init__(self, problem: FetchProblem, status: int | None = None) -> None:
        super().__init__(problem.value, status)
        self.problem = problem
        self.status = status


class Unreadable(RagError):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class IngestionFailed(RagError):
    def __init__(self, problem: Problem, *, permanent: bool = True) -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.permanent = permanent


class StoreUnavailable(RagError):
    permanent = False


class StoreOwnedElsewhere(StoreUnavailable):
    pass


class EmbedderUnfit(RagError):
    def __init__(self, embedder: str) -> None:
        super().__init__(embedder)
        self.embedder = embedder


class EmbedderChanged(EmbedderUnfit):
    pass


class EmbedderUseless(EmbedderUnfit):
    pass


class EmbedderFixed(RagError):
    def __init__(self, embedder: str) -> None:
        super().__init__(embedder)
        self.embedder = embedder


class NothingToRollBack(RagError):
    pass


class RenderingFailed(RagError):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class ChildFailed(RagError):
    problem = Problem.CRASHED


class ChildTimedOut(ChildFailed):
    problem = Problem.TIMEOUT


class ChildCrashed(ChildFailed):
    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class ChildOutputTooLarge(ChildFailed):
    problem = Problem.TOO_LARGE
