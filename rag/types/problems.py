"""Why something could not be done, as it is stored and put into words elsewhere."""

from __future__ import annotations

from enum import StrEnum


class Problem(StrEnum):
    """Why a document has no passages. Stored with it; the sentence for a person is made where it is shown."""

    EMPTY = "empty"
    """No text in it."""
    EMPTY_PAGE = "empty_page"
    """No text of its own in a page of the web."""
    SCANNED = "scanned"
    """Only pictures of text: pages of a PDF, or a picture as such."""
    PASSWORD = "password"  # noqa: S105  (not a password)
    BROKEN = "broken"
    """The content is not what it claims to be."""
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    EMBEDDER_MISSING = "embedder_missing"
    """No connection offers the embedding model."""
    EMBEDDER_DOWN = "embedder_down"
    """The embedding model does not answer; may work later."""
    EMBEDDER_CHANGED = "embedder_changed"
    """Another model answers to the embedder's name; everything is being indexed again."""
    EMBEDDER_USELESS = "embedder_useless"
    """The embedder's vectors do not tell texts apart."""
    INDEX_FAILED = "index_failed"
    """The vector index could not be written."""
    FILE_MISSING = "file_missing"
    """The stored file is gone."""
    STOPPED = "stopped"
    """Somebody stopped its ingestion."""
    NOT_STORED = "not_stored"
    """The disk is full or does not take files."""
    NO_ACCESS = "no_access"
    """A file in a synced folder that the server may not read, or that is a link by now."""


class LeftOut(StrEnum):
    """Why something in a synced folder is not read."""

    LINK_OUT = "link_out"
    """A link that leads out of the folder."""
    LINK_BROKEN = "link_broken"
    HIDDEN = "hidden"
    SPECIAL = "special"
    """Neither file nor folder: a pipe, a socket, a device."""
    UNREADABLE = "unreadable"
    """The server may not read it, or cannot."""
    EXCLUDED = "excluded"
    """The patterns leave it out."""
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    NAME = "name"
    """Its path is no text, too long or too deep."""


class FolderProblem(StrEnum):
    """Why a synced folder cannot be read."""

    OFF = "off"
    """No folder of the server is allowed."""
    NOT_ALLOWED = "not_allowed"
    HOLDS_DATA = "holds_data"
    """It holds the site's own data, or lies in it."""
    GONE = "gone"
    NOT_A_FOLDER = "not_a_folder"
    """It is a file, or a link, or a link leads to it."""
    NO_ACCESS = "no_access"
    NO_ANSWER = "no_answer"
    """Its disk or its server does not answer in time."""
    TOO_MANY = "too_many"
    MANY_GONE = "many_gone"
    """All of its files, or most of them, are gone at once: rather a disk that is not there than a deletion."""
    DISK_FULL = "disk_full"
    """The disk of this server has no room for what is to come."""


class FetchProblem(StrEnum):
    """Why an address gave no page."""

    OFF = "off"
    """The site does not fetch pages."""
    ADDRESS = "address"
    """No address of the web."""
    PRIVATE = "private"
    """It leads to a machine of this house, or of this computer."""
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    LOGIN = "login"
    """The server wants to know who asks."""
    GONE = "gone"
    STATUS = "status"
    """The server answers with another error."""
    REDIRECTS = "redirects"
    """It leads from one address to the next without end."""
    BUSY = "busy"
    """Too many are being fetched; may work later."""


class Unfindable(StrEnum):
    """Why a search cannot find what a golden question expects, however good it is."""

    DOCUMENT_GONE = "document_gone"
    """Deleted, or taken out of the knowledge."""
    DOCUMENT_UNREAD = "document_unread"
    """It is in the knowledge, but not indexed."""
    QUOTE_GONE = "quote_gone"
    """The expected words stand in it no more."""
