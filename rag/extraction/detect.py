"""What a file is, by its content. Its name only tells one kind of text from another."""

from __future__ import annotations

import codecs
import re

from rag.extraction import encodings
from rag.types import CODE, CSV, HTML, JPEG, JSON, MARKDOWN, PDF, PLAIN, PNG, TIFF, TSV, WEBP

SAMPLE_BYTES = 64 * 1024

BINARY = "application/octet-stream"
ARCHIVE = "application/zip"
"""An archive that may be a document; which one, its list of entries tells, and that stands at its end."""
OLE = "application/x-ole-storage"
"""The container of Office's old formats, and of its new ones with a password."""

NOTEBOOK = "application/x-ipynb+json"

_CODE_NAMES = (
    ".c", ".cc", ".cfg", ".conf", ".cpp", ".cs", ".css", ".go", ".h", ".hpp", ".ini", ".java", ".js", ".jsx", ".kt",
    ".lua", ".php", ".pl", ".ps1", ".py", ".r", ".rb", ".rs", ".rst", ".scala", ".scss", ".sh", ".sql", ".swift",
    ".tex", ".toml", ".ts", ".tsx", ".vue", ".xml", ".yaml", ".yml",
)  # fmt: skip
_TEXT_TYPES = {
    ".md": MARKDOWN, ".markdown": MARKDOWN, ".csv": CSV, ".tsv": TSV, ".json": JSON, ".jsonl": JSON,
    ".html": HTML, ".htm": HTML, ".xhtml": HTML,
    ".ipynb": NOTEBOOK,
    **dict.fromkeys(_CODE_NAMES, CODE),
}  # fmt: skip
_TEXT_NAMES = (".txt", *_TEXT_TYPES)
_OTHER_NAMES = (
    ".pdf", ".docx", ".docm", ".pptx", ".pptm", ".xlsx", ".xlsm", ".ods", ".epub", ".txt",
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp",
)  # fmt: skip
READABLE_NAMES = (*_OTHER_NAMES, *_TEXT_TYPES)
"""How names of files end that can be read: for a file picker, and to tell a damaged file from one of another kind."""

_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)

_PICTURE_MARKS = ((b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG), (b"II*\0", TIFF), (b"MM\0*", TIFF))
_WEBP_MARK = re.compile(rb"RIFF.{4}WEBP", re.S)
_ARCHIVE_MARK = b"PK\x03\x04"
# Text between commands: nobody can read it as it is, and nothing here takes the commands out.
_RICH_TEXT_MARK = b"{\\rtf"
_OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The header of an entry that Office files and books have, one of them at the beginning.
_DOCUMENT_ENTRY = re.compile(
    rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|_rels/|docProps/|customXml/|word/|ppt/|xl/|mimetype|META-INF/)", re.S
)

_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def media_type(sample: bytes, name: str) -> str:
    """Return the media type of a file that starts with `sample`.

    Source: PDF readers accept the header anywhere in the first 1024 bytes (ISO 32000-1, Annex H, note 13).
    """
    named = _TEXT_TYPES.get(_ending(name), PLAIN)
    if b"%PDF-" in sample[:1024] and not (_ending(name) in _TEXT_NAMES and _is_written(sample)):
        return PDF
    if sample.startswith(_RICH_TEXT_MARK):
        return BINARY
    if sample.startswith(_ARCHIVE_MARK):
        return ARCHIVE if _DOCUMENT_ENTRY.search(sample) else BINARY
    if sample.startswith(_OLE_MARK):
        return OLE
    for mark, picture in _PICTURE_MARKS:
        if sample.startswith(mark):
            return picture
    if _WEBP_MARK.match(sample):
        return WEBP
    if not is_text(sample):
        return BINARY
    return HTML if named == PLAIN and _HTML_START.match(sample) else named


def _is_written(sample: bytes) -> bool:
    """Whether a text speaks of PDF files, and is none: those have numbers of their objects in front of them."""
    return is_text(sample) and not sample.lstrip().startswith(b"%PDF-") and b" obj" not in sample


def claims_to_be_readable(name: str) -> bool:
    return _ending(name) in READABLE_NAMES


def is_text_named_as_another(media_type: str, name: str) -> bool:
    """Whether a file is plain text, but called like a PDF, a picture or another file that is none."""
    return media_type == PLAIN and _ending(name) in _OTHER_NAMES and _ending(name) != ".txt"


def name_of_text(name: str) -> str:
    """Return what a file was called whose text alone is left: `report.pdf` for `report.pdf.txt`.

    The name stays as it is where it would tell of marks or columns that the text does not have any more.
    """
    stem = name[:-4] if name.lower().endswith(".txt") else name
    is_read_otherwise = _TEXT_TYPES.get(_ending(stem)) in (HTML, CSV, TSV)
    return stem if claims_to_be_readable(stem) and not is_read_otherwise else name


def _ending(name: str) -> str:
    return "." + name.lower().rpartition(".")[2]


def is_text(sample: bytes) -> bool:
    if sample.startswith(_BYTE_ORDER_MARKS):
        return True
    if encodings.utf16_without_mark(sample):
        sample = sample.replace(b"\0", b"")
    return len(encodings.CONTROLS.findall(sample)) <= len(sample) // 100
