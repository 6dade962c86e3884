"""A file that chats are taken from: JSON alone, or a ZIP with JSON and the files that its chats have."""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

import orjson
from django.core.files.base import ContentFile, File

import rag.api as rag
from rag.errors import ImportRefused
from rag.types import Problem
from webui.chats.transfer import values
from webui.chats.transfer.limits import MAX_CHAT_BYTES, MAX_CHAT_TOKENS, MAX_LIST_BYTES
from webui.chats.transfer.shapes import Note, TakenFile
from webui.chats.transfer.splitting import Piece, Splitter

FOLDERS = "folders.json"
FEEDBACK = "message_feedback.json"

_BLOCK_BYTES = 256 * 1024
_MAX_ENTRIES = 100_000
_MAX_FEEDBACK_BYTES = 4 * 1024 * 1024
# Bundles hold pictures, which do not pack; JSON packs to a tenth.
_MAX_UNPACKED = 8
_ENCRYPTED = 0x1
# Our own bundles; ChatGPT, in one file or in numbered ones; Open WebUI, packed by somebody.
_CHATS = re.compile(r"(?:.*/)?(?:chats/\d+\.jsonl|conversations(?:[-_]?\d+)?\.json|chat-export[^/]*\.json)", re.I)
_OTHER_LISTS = re.compile(r"[^/]+\.jsonl?", re.I)
_NO_CHATS = re.compile(r"(manifest|folders|user|message_feedback|shared_conversations|model_comparisons)\.json", re.I)
# What ChatGPT calls a file stands before the rest of the entry's name.
_FILE_ID = re.compile(r"file[-_][A-Za-z0-9]+")
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place behind a chat: `offset` bytes into the list of that number. `is_in_array`: as the splitter was there."""

    member: int = 0
    offset: int = 0
    is_in_array: bool = False


class Source:
    """An open file, looked at: what lists of chats it has, and what files.

    Attributes:
        n_bytes: Of all lists together, unpacked.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Raises ImportRefused: it is neither JSON nor a ZIP with chats in it, or not to be opened."""
        self._file = file
        file.seek(0)
        begin = file.read(4096)
        file.seek(0)
        self._zip: zipfile.ZipFile | None = None
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._by_file_id: dict[str, str] = {}
        self._feedback = ""
        if begin.startswith(b"PK"):
            self._open_zip(file)
        elif begin.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{"):
            self.n_bytes = file.seek(0, 2)
            self._lists: Sequence[str] = [""]
        else:
            raise ImportRefused(Problem.UNSUPPORTED)

    def _open_zip(self, file: IO[bytes]) -> None:
        limit = rag.max_import_bytes() * _MAX_UNPACKED
        self._zip = rag.open_zip(file, max_entries=_MAX_ENTRIES, max_unpacked_bytes=limit)
        self._entries = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}
        for name in self._entries:
            if found := _FILE_ID.match(name.rpartition("/")[2]):
                self._by_file_id.setdefault(found[0], name)
            if name.rpartition("/")[2] == FEEDBACK:
                self._feedback = name
        self._lists = sorted(filter(_CHATS.fullmatch, self._entries)) or sorted(
            name for name in self._entries if _OTHER_LISTS.fullmatch(name) and not _NO_CHATS.fullmatch(name)
        )
        if any(self._entries[name].flag_bits & _ENCRYPTED for name in self._lists):
            raise ImportRefused(Problem.PASSWORD)
        if not self._lists and FOLDERS not in self._entries:
            raise ImportRefused(Problem.EMPTY)
        self.n_bytes = sum(self._entries[name].file_size for name in self._lists)

    def n_bytes_before(self, cursor: Cursor) -> int:
        """Return how far a cursor is, in bytes of all lists."""
        return sum(self._entries[name].file_size for name in self._lists[: cursor.member]) + cursor.offset

    def pieces(self, cursor: Cursor) -> Iterator[tuple[Cursor, Piece]]:
        """Yield the chats behind a cursor, each with the cursor behind it; at most one of them is in memory."""
        for member in range(cursor.member, len(self._lists)):
            begins = cursor if member == cursor.member else Cursor(member=member)
            splitter = Splitter(
                max_bytes=MAX_CHAT_BYTES,
                max_tokens=MAX_CHAT_TOKENS,
                offset=begins.offset,
                is_in_array=begins.is_in_array,
            )
            for piece in self._split(splitter, self._lists[member], begins.offset):
                yield Cursor(member=member, offset=piece.end, is_in_array=splitter.is_in_array), piece

    def _split(self, splitter: Splitter, name: str, offset: int) -> Iterator[Piece]:
        try:
            with self._zip.open(name) if self._zip else nullcontext(self._file) as stream:
                stream.seek(offset)
                while block := stream.read(_BLOCK_BYTES):
                    yield from splitter.feed(block)
        except _UNREADABLE:
            if self._zip is None:
                raise
            # What is packed is damaged: there is no going on behind it.
            size = self._entries[name].file_size
            yield Piece(end=size, note=Note.CUT_OFF)
            return
        yield from splitter.finish()

    def folders(self) -> bytes:
        """Return the list of folders of a bundle; empty where there is none."""
        return self._read(FOLDERS, MAX_LIST_BYTES)

    def named(self, file_id: str) -> str:
        """Return the entry of a file by what ChatGPT calls it; empty when it is not there."""
        found = _FILE_ID.match(file_id)
        return self._by_file_id.get(found[0], "") if found else ""

    def opinion(self, message_id: str) -> Mapping[str, Any]:
        """Return what the person thought of an answer, as an archive of ChatGPT has it; empty where it has not."""
        return self._opinions.get(message_id, {})

    @cached_property
    def _opinions(self) -> Mapping[str, Mapping[str, Any]]:
        try:
            rows = orjson.loads(self._read(self._feedback, _MAX_FEEDBACK_BYTES))
        except orjson.JSONDecodeError:
            return {}
        return {values.identity(row.get("message_id") or row.get("id")): row for row in values.mappings(rows)}

    def open(self, wanted: TakenFile) -> File[bytes] | None:
        """Return a file of a chat, copied to a nameless one; None when it is not there, damaged or too large."""
        name = wanted.name or "file"
        if wanted.content:
            return ContentFile(wanted.content, name=name)
        info = self._entries.get(wanted.entry)
        if info is None or self._zip is None or info.flag_bits & _ENCRYPTED or info.file_size > rag.max_upload_bytes():
            return None
        copy = tempfile.TemporaryFile(dir=rag.temporary_folder())  # noqa: SIM115  (the caller closes it)
        try:
            with self._zip.open(info) as source:
                while block := source.read(_BLOCK_BYTES):
                    copy.write(block)
        except _UNREADABLE:
            copy.close()
            return None
        copy.seek(0)
        return File(copy, name=name)

    def _read(self, name: str, limit: int) -> bytes:
        info = self._entries.get(name)
        if info is None or self._zip is None or info.file_size > limit:
            return b""
        try:
            return self._zip.read(info)
        except _UNREADABLE:
            return b""
