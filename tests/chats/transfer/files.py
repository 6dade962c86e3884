"""Files that chats are taken from, and taking them as the loop does."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

from django.core.files.uploadedfile import SimpleUploadedFile

from webui.accounts.models import User
from webui.chats.models import ChatImport
from webui.chats.transfer.bundle import export_chats
from webui.chats.transfer.taking import Worker, begin_import


def as_json(value: object, name: str = "chats.json") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, json.dumps(value).encode())


def as_zip(entries: Mapping[str, bytes | str], name: str = "chats.zip") -> SimpleUploadedFile:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return SimpleUploadedFile(name, file.getvalue())


def exported(owner: User) -> SimpleUploadedFile:
    return SimpleUploadedFile("chats.zip", b"".join(export_chats(owner)))


def taken(owner: User, file: SimpleUploadedFile | object) -> ChatImport:
    """Take a file in to its end; of what is no file, one is made of JSON."""
    begun = begin_import(owner, file if isinstance(file, SimpleUploadedFile) else as_json(file))
    worker = Worker()
    while worker.go_on():
        pass
    begun.refresh_from_db()
    return begun


def notes_of(done: ChatImport) -> list[dict[str, int]]:
    return [chat.notes for chat in done.imported.order_by("position")]
