"""What is said about a document's state and problems: one sentence, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rag.api import Document
from rag.errors import FolderRefused, PageNotFetched, UploadRefused, UploadTooLarge
from rag.types import FetchProblem, PageKind, Problem

_DAMAGED_SHOWN = 5
_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class ProblemWords:
    sentence: str | Promise
    advice: str | Promise
    can_retry: bool = False


PROBLEMS: dict[Problem, ProblemWords] = {
    Problem.EMPTY: ProblemWords(
        gettext_lazy("There is no text in this file."), gettext_lazy("Choose a file that contains text.")
    ),
    Problem.EMPTY_PAGE: ProblemWords(
        gettext_lazy("There is no text on this page: it may ask for a log-in, or be filled by JavaScript."),
        gettext_lazy("Open it in your browser, save it as a PDF and upload that."),
    ),
    Problem.SCANNED: ProblemWords(
        gettext_lazy("This file holds pictures of text, but no text."),
        gettext_lazy(
            "Ask your administrator to install text recognition (on Debian: apt-get install tesseract-ocr), then try"
            " again."
        ),
        can_retry=True,
    ),
    Problem.PASSWORD: ProblemWords(
        gettext_lazy("This file is protected by a password."),
        gettext_lazy("Save it without the password and upload that copy."),
    ),
    Problem.BROKEN: ProblemWords(
        gettext_lazy("This file is damaged, or it is not what its name says."),
        gettext_lazy("Open it on your computer, save it anew and upload that copy."),
    ),
    Problem.UNSUPPORTED: ProblemWords(
        gettext_lazy("This kind of file cannot be read yet."),
        gettext_lazy(
            "PDF, Word, PowerPoint, Excel, CSV, HTML, EPUB, pictures and text files can; old .doc, .rtf, .ppt and .xls"
            " files once they are saved as .docx, .pptx and .xlsx."
        ),
    ),
    Problem.TOO_LARGE: ProblemWords(
        gettext_lazy("This file holds more than can be read at once."),
        gettext_lazy("Split it and upload the parts."),
    ),
    Problem.TIMEOUT: ProblemWords(
        gettext_lazy("Reading this file took too long."),
        gettext_lazy("Try again, or save it anew with another program first."),
        can_retry=True,
    ),
    Problem.CRASHED: ProblemWords(
        gettext_lazy("This file could not be read: the reader ended unexpectedly."),
        gettext_lazy("Try again, or save it anew with another program first."),
        can_retry=True,
    ),
    Problem.EMBEDDER_MISSING: ProblemWords(
        gettext_lazy("The model that indexes documents is not there."),
        gettext_lazy("It is tried again by itself. Who runs this site finds in its log how to install it."),
        can_retry=True,
    ),
    Problem.EMBEDDER_DOWN: ProblemWords(
        gettext_lazy("The embedding model does not answer."),
        gettext_lazy("It is tried again by itself."),
        can_retry=True,
    ),
    Problem.EMBEDDER_CHANGED: ProblemWords(
        gettext_lazy("The embedding model is another one now."),
        gettext_lazy("This document is indexed after all others have been indexed again."),
        can_retry=True,
    ),
    Problem.EMBEDDER_USELESS: ProblemWords(
        gettext_lazy("The embedding model gives every text the same vector."),
        gettext_lazy("Tell your administrator: another model is needed."),
        can_retry=True,
    ),
    Problem.INDEX_FAILED: ProblemWords(
        gettext_lazy("The index could not be written."), gettext_lazy("It is tried again by itself."), can_retry=True
    ),
    Problem.STOPPED: ProblemWords(
        gettext_lazy("Reading was stopped."), gettext_lazy("Try again to have it read."), can_retry=True
    ),
    Problem.NOT_STORED: ProblemWords(
        gettext_lazy("The server could not store this file: its disk may be full."),
        gettext_lazy("Try again later, or tell your administrator."),
        can_retry=True,
    ),
    Problem.NO_ACCESS: ProblemWords(
        gettext_lazy("The server may not read this file."),
        gettext_lazy("Whoever runs the server can give its user the right to."),
    ),
    Problem.FILE_MISSING: ProblemWords(
        gettext_lazy("The stored file is gone."), gettext_lazy("Delete this entry and upload the file again.")
    ),
}


FETCH_PROBLEMS: dict[FetchProblem, str | Promise] = {
    FetchProblem.OFF: gettext_lazy("This site does not fetch web pages. Upload the page as a file instead."),
    FetchProblem.ADDRESS: gettext_lazy(
        "This is no address of a web page: one begins with https:// or http://, without a password or an unusual port."
    ),
    FetchProblem.PRIVATE: gettext_lazy("This address leads into a private network, where this site asks for nothing."),
    FetchProblem.UNREACHABLE: gettext_lazy("No server answers at this address."),
    FetchProblem.TIMEOUT: gettext_lazy("The server at this address took too long."),
    FetchProblem.TOO_LARGE: gettext_lazy("This page is too large to be fetched."),
    FetchProblem.LOGIN: gettext_lazy(
        "The server does not show this page to everybody. Save it in your browser and upload it."
    ),
    FetchProblem.GONE: gettext_lazy("There is no page at this address."),
    FetchProblem.STATUS: gettext_lazy("The server at this address answered with an error."),
    FetchProblem.REDIRECTS: gettext_lazy("This address leads from one page to the next without end."),
    FetchProblem.BUSY: gettext_lazy("Many pages are being fetched just now. Try again in a moment."),
}


def address_in_words() -> str:
    return str(FETCH_PROBLEMS[FetchProblem.ADDRESS])


def fetch_failure_in_words(error: PageNotFetched | UploadRefused) -> str:
    """Return the sentence for an address that gave no document."""
    if isinstance(error, UploadRefused):
        return refusal_in_words(error)
    sentence = str(FETCH_PROBLEMS[error.problem])
    return f"{sentence} ({error.status})" if error.status else sentence


SYNCED_ADVICE = gettext_lazy("Put a version that can be read in its place: it is taken up by itself.")


def advice_in_words(document: Document) -> str:
    """Return what to do about a document's problem; empty for one without."""
    words = problem_words(document.error)
    if words and document.is_synced and document.has_failed:
        return str(SYNCED_ADVICE)
    return str(words.advice) if words else ""


def problem_words(code: str) -> ProblemWords | None:
    return PROBLEMS[Problem(code)] if code else None


def state_in_words(document: Document) -> str:
    """Return one short line: where the document stands, with a number where there is one."""
    words = problem_words(document.error)
    if document.has_failed:
        return str(words.sentence) if words else _("This file could not be read.")
    if document.is_ready:
        return _pages_in_words(document)
    if words:
        return _("Waiting: %(problem)s") % {"problem": words.sentence}
    return ", ".join(filter(None, [_work_in_words(document), _time_left_in_words(document)]))


def _work_in_words(document: Document) -> str:
    n_done, n_total = document.work
    if document.state == Document.State.EMBEDDING and n_total:
        return _("Indexing, %(n)d of %(total)d passages") % {"n": n_done, "total": n_total}
    if document.state != Document.State.EXTRACTING:
        return _("Waiting for its turn")
    if n_total:
        return _("Reading scanned page %(n)d of %(total)d") % {"n": min(n_done + 1, n_total), "total": n_total}
    return _("Reading")


def _time_left_in_words(document: Document) -> str:
    seconds = document.seconds_left()
    if seconds is None:
        return ""
    if seconds < _MINUTE_S:
        return ngettext("%(n)d second left", "%(n)d seconds left", seconds) % {"n": seconds}
    minutes = round(seconds / _MINUTE_S)
    return ngettext("about %(n)d minute left", "about %(n)d minutes left", minutes) % {"n": minutes}


def refusal_in_words(error: UploadRefused) -> str:
    """Return the sentence for an upload that was not taken."""
    if isinstance(error, UploadTooLarge):
        limit_mb = error.limit_bytes // (1024 * 1024)
        return _("This file is too large: at most %(limit)d MB can be uploaded.") % {"limit": limit_mb}
    words = PROBLEMS[error.problem]
    return f"{words.sentence} {words.advice}"


_FOLDER_REFUSALS: dict[str, str | Promise] = {
    FolderRefused.EMPTY: gettext_lazy("A folder needs a name."),
    FolderRefused.TOO_DEEP: gettext_lazy("This path is too long, or has too many folders in one another."),
    FolderRefused.TOO_MANY: gettext_lazy("There are too many folders in this knowledge."),
    FolderRefused.TAKEN: gettext_lazy("There is a folder of that name."),
    FolderRefused.INSIDE_ITSELF: gettext_lazy("A folder cannot be moved into itself."),
    FolderRefused.SYNCED: gettext_lazy("This folder follows one of the server's, and changes with that alone."),
}


def folder_refusal_in_words(error: FolderRefused) -> str:
    return str(_FOLDER_REFUSALS[error.reason])


_IMPORT_PROBLEMS: dict[str, str | Promise] = {
    "unsafe_name": gettext_lazy("Its name leads out of the archive."),
    "link": gettext_lazy("It is a link, not a file."),
    "twice": gettext_lazy("The archive holds it more than once; the last one counts."),
    "wrong_checksum": gettext_lazy("It is not what the archive says it is: the checksum differs."),
    "not_there": gettext_lazy("The archive names it, but does not hold it."),
}


def import_problem_in_words(code: str) -> str:
    """Return why a file of an archive was not taken."""
    return str(_IMPORT_PROBLEMS[code] if code in _IMPORT_PROBLEMS else PROBLEMS[Problem(code)].sentence)


def import_refusal_in_words(problem: Problem) -> str:
    match problem:
        case Problem.TOO_LARGE:
            return _("This archive holds more than can be taken in.")
        case Problem.EMPTY:
            return _("Nothing in this archive can be read.")
        case Problem.UNSUPPORTED:
            return _("This archive was made by a newer version.")
        case _:
            return _("This is no ZIP archive, or it is damaged.")


def place_in_words(kind: str, page: int | None, name: str) -> str:
    """Return where in a document something stands, as "page 3" or "sheet Budget"; empty for one without pages."""
    label = name or page
    return _PLACES[PageKind(kind)] % {"label": label} if label else ""


_PLACES: dict[PageKind, str | Promise] = {
    PageKind.PAGE: gettext_lazy("page %(label)s"),
    PageKind.SLIDE: gettext_lazy("slide %(label)s"),
    PageKind.SHEET: gettext_lazy("sheet %(label)s"),
    PageKind.CHAPTER: gettext_lazy("chapter %(label)s"),
    PageKind.SECTION: gettext_lazy("section %(label)s"),
}


def page_noun(kind: PageKind) -> str:
    match kind:
        case PageKind.SLIDE:
            return _("Slide")
        case PageKind.SHEET:
            return _("Sheet")
        case PageKind.CHAPTER:
            return _("Part")
        case _:
            return _("Page")


def _pages_in_words(document: Document) -> str:
    n = document.n_pages
    if not n:
        return _("Ready")
    match document.page_kind:
        case PageKind.SLIDE:
            words = ngettext("%(n)d slide", "%(n)d slides", n)
        case PageKind.SHEET:
            words = ngettext("%(n)d sheet", "%(n)d sheets", n)
        case PageKind.CHAPTER:
            # A chapter may have several files.
            words = ngettext("%(n)d part", "%(n)d parts", n)
        case _:
            words = ngettext("%(n)d page", "%(n)d pages", n)
    return ", ".join([words % {"n": n}, *_scans_in_words(document), *_damage_in_words(document)])


def _damage_in_words(document: Document) -> list[str]:
    """Return which pages are damaged: the only way to know what answers cannot know."""
    numbers = document.damaged_pages
    if not numbers:
        return []
    shown = ", ".join(str(number) for number in numbers[:_DAMAGED_SHOWN])
    dots = " …" if len(numbers) > _DAMAGED_SHOWN else ""
    return [_("damaged and left out: %(numbers)s") % {"numbers": shown + dots}]


def _scans_in_words(document: Document) -> list[str]:
    """Return how many pages are pictures, and were read or could not be."""
    n_read, n_unread = document.n_recognised, document.n_scanned - document.n_recognised
    read = ngettext("%(n)d read by text recognition", "%(n)d read by text recognition", n_read)
    unread = ngettext("%(n)d scanned and not read", "%(n)d scanned and not read", n_unread)
    return [words % {"n": n} for words, n in ((read, n_read), (unread, n_unread)) if n]
