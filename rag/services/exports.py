"""A knowledge as a ZIP: the files as they were uploaded, their text, and a manifest that an import reads back.

    originals/<folder>/<name>      the file itself
    text/<folder>/<name>.txt       what was read from it
    manifest.json                  {"format", "version", "name", "description", "folders", "documents": [...]}

The archive is made while it is sent: at any time one block of a file, or one text, is in memory.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from rag.models import Document, ExtractedText, Knowledge, Membership
from rag.queries import documents_readable_by, memberships_of
from rag.zips import ZipSink, zip_entry

FORMAT = "hearth-knowledge"
VERSION = 1
MANIFEST = "manifest.json"
ORIGINALS = "originals"
TEXTS = "text"
_BLOCK_BYTES = 256 * 1024


def export_knowledge(knowledge: Knowledge, reader_id: int) -> Iterator[bytes]:
    """Yield the archive. Each document is asked for when its turn comes: what may not be read by then is left out."""
    sink = ZipSink()
    names = _Names()
    described: list[dict[str, Any]] = []
    with sink.archive() as archive:
        # By id, as every piece may be made in another thread, and so on another connection.
        for pk in list(knowledge.memberships.order_by("pk").values_list("pk", flat=True)):
            readable = documents_readable_by(reader_id).order_by().values("pk")
            membership = memberships_of(knowledge).filter(pk=pk, document__in=readable).first()
            if membership is None:
                continue
            document = membership.document
            entry = _describe(membership, document, names)
            yield from _write_original(archive, sink, document, entry)
            yield from _write_text(archive, sink, document, entry)
            described.append(entry)
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "name": knowledge.name,
            "description": knowledge.description,
            "folders": list(knowledge.folders.values_list("path", flat=True)),
            "documents": described,
        }
        archive.writestr(zip_entry(MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=1))
    yield sink.take()


class _Names:
    """Names inside the archive, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, folder: str, name: str) -> str:
        stem, dot, extension = name.rpartition(".")
        if not stem:
            stem, dot, extension = name, "", ""
        path, number = "/".join(filter(None, (folder, name))), 1
        while path.casefold() in self._taken:
            number += 1
            path = "/".join(filter(None, (folder, f"{stem} ({number}){dot}{extension}")))
        self._taken.add(path.casefold())
        return path


def _describe(membership: Membership, document: Document, names: _Names) -> dict[str, Any]:
    folder = membership.folder.path if membership.folder else ""
    path = names.free(folder, document.name)
    return {
        "name": document.name,
        "folder": folder,
        "media_type": document.media_type,
        "size_bytes": document.size_bytes,
        "sha256": document.sha256,
        "original": f"{ORIGINALS}/{path}",
        "text": f"{TEXTS}/{path}.txt",
    }


def _write_original(
    archive: zipfile.ZipFile, sink: ZipSink, document: Document, entry: dict[str, Any]
) -> Iterator[bytes]:
    try:
        file = document.file.open("rb")
    except FileNotFoundError:
        entry["original"] = None
        return
    digest = hashlib.sha256()
    with file, archive.open(zip_entry(entry["original"]), "w", force_zip64=True) as target:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            target.write(block)
            yield sink.take()
    # Of what is in the archive, whatever the row says.
    entry["sha256"] = digest.hexdigest()
    yield sink.take()


def _write_text(archive: zipfile.ZipFile, sink: ZipSink, document: Document, entry: dict[str, Any]) -> Iterator[bytes]:
    extracted = ExtractedText.objects.filter(document=document).first()
    if extracted is None:
        entry["text"] = None
        return
    _write_whole(archive.open(zip_entry(entry["text"]), "w"), extracted.text.encode())
    yield sink.take()


def _write_whole(target: IO[bytes], content: bytes) -> None:
    with target:
        target.write(content)
