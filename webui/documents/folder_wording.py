"""What is said about folders of the server: why one cannot be followed, what in it is left out, what it takes."""

from __future__ import annotations

from collections.abc import Mapping

from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from rag import api as rag
from rag.types import FolderProblem, LeftOut

FOLDER_PROBLEMS: dict[FolderProblem, str | Promise] = {
    FolderProblem.OFF: gettext_lazy(
        "No folder of this server may be connected. Whoever runs it can allow some with HEARTH_FOLDERS."
    ),
    FolderProblem.NOT_ALLOWED: gettext_lazy("This folder is not among those that HEARTH_FOLDERS allows."),
    FolderProblem.HOLDS_DATA: gettext_lazy("This folder holds the site's own data, and is never read."),
    FolderProblem.GONE: gettext_lazy("The folder is not there. Its documents stay; it is looked for again by itself."),
    FolderProblem.NOT_A_FOLDER: gettext_lazy("This is no folder, or a link leads to it."),
    FolderProblem.NO_ACCESS: gettext_lazy(
        "The server may not read this folder. Whoever runs it can give its user the right to."
    ),
    FolderProblem.NO_ANSWER: gettext_lazy("The folder's disk does not answer. It is tried again by itself."),
    FolderProblem.TOO_MANY: gettext_lazy("The folder holds more files than can be followed. Choose a folder in it."),
    FolderProblem.MANY_GONE: gettext_lazy(
        "Most or all of its files are gone at once, as when a disk is not there. Nothing was removed."
    ),
    FolderProblem.DISK_FULL: gettext_lazy(
        "The disk of the server has no room for more. Copying goes on by itself once there is some."
    ),
}

_LEFT_OUT = {
    LeftOut.LINK_OUT: ngettext_lazy("%(n)d link leads out of the folder", "%(n)d links lead out of the folder", "n"),
    LeftOut.LINK_BROKEN: ngettext_lazy("%(n)d link leads nowhere", "%(n)d links lead nowhere", "n"),
    LeftOut.HIDDEN: ngettext_lazy("%(n)d is hidden", "%(n)d are hidden", "n"),
    LeftOut.SPECIAL: ngettext_lazy("%(n)d is a pipe, socket or device", "%(n)d are pipes, sockets or devices", "n"),
    LeftOut.UNREADABLE: ngettext_lazy("the server may not read %(n)d", "the server may not read %(n)d", "n"),
    LeftOut.EXCLUDED: ngettext_lazy("the patterns leave out %(n)d", "the patterns leave out %(n)d", "n"),
    LeftOut.UNSUPPORTED: ngettext_lazy(
        "%(n)d is of a kind that cannot be read", "%(n)d are of kinds that cannot be read", "n"
    ),
    LeftOut.TOO_LARGE: ngettext_lazy("%(n)d is too large", "%(n)d are too large", "n"),
    LeftOut.EMPTY: ngettext_lazy("%(n)d is empty", "%(n)d are empty", "n"),
    LeftOut.NAME: ngettext_lazy("%(n)d has a name that cannot be kept", "%(n)d have names that cannot be kept", "n"),
}
_UNSUPPORTED_SHOWN = 6


def left_out_in_words(reason: str, n: int) -> str:
    """Return "3 links lead out of the folder"."""
    return str(_LEFT_OUT[LeftOut(reason)] % {"n": n})


def unsupported_in_words(unsupported: Mapping[str, int]) -> str:
    """Return the endings that cannot be read with how many files have them, the most frequent ones."""
    common = sorted(unsupported.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{ending[:20]} {n}" for ending, n in common[:_UNSUPPORTED_SHOWN])


def files_in_words(n: int) -> str:
    return ngettext("%(n)d file", "%(n)d files", n) % {"n": n}


def need_in_words(found: rag.Survey) -> str:
    """Return what a folder would take of the server's disk, and what is free there."""
    sizes = {
        "need": filesizeformat(found.need_bytes),
        "copies": filesizeformat(found.copies_bytes),
        "text": filesizeformat(found.text_bytes),
        "vectors": filesizeformat(found.vectors_bytes),
        "free": filesizeformat(found.free_bytes),
    }
    return (
        _(
            "It takes about %(need)s of this server's disk: %(copies)s for copies of the files, %(text)s for text and"
            " words, %(vectors)s for vectors. %(free)s are free."
        )
        % sizes
    )


def does_not_fit_in_words(need_bytes: int, free_bytes: int) -> str:
    sizes = {"need": filesizeformat(need_bytes), "free": filesizeformat(free_bytes)}
    return _("It needs about %(need)s of this server's disk, and %(free)s are free. Choose a smaller folder.") % sizes
