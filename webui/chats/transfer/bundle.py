"""All chats of a person as a ZIP, and one of them as JSON.

    folders.json             [...]: folders with their instructions
    chats/00001.jsonl ...    a chat a line
    files/<sha256>           documents of the person's own that the chats have
    pictures/<sha256>        the pictures of questions
    manifest.json            {"format", "version", "n_chats", "n_files"}

It is made while it is sent: at any time a few chats, or a block of a file, are in memory.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet

import rag.api as rag
from webui.accounts.models import User
from webui.chats.models import Chat, Citation, Image, Message, Rating, Upload
from webui.chats.queries import kept_chats, visible_folders
from webui.chats.transfer.own import VERSION, file_entry, image_entry, written, written_folder

FORMAT = "hearth-chats"
MANIFEST = "manifest.json"
FOLDERS = "folders.json"
CHATS = "chats"

_BLOCK_BYTES = 256 * 1024
_CHATS_AT_ONCE = 50
_MESSAGES_AT_ONCE = 1_000
# Reading an entry can only go on from its beginning.
_ENTRY_BYTES = 4 * 1024 * 1024


def export_chat(chat: Chat) -> bytes:
    (found,) = with_everything(chat.owner, [chat.pk])
    return _dumped(written(found, is_alone=True), indent=1)


def export_chats(user: User) -> Iterator[bytes]:
    """Yield the archive. What is written into a chat meanwhile may be in it or not."""
    sink = rag.ZipSink()
    files: dict[str, int] = {}
    pictures: dict[str, int] = {}
    n_chats = 0
    with sink.archive() as archive:
        folders = (
            visible_folders(user)
            .order_by("pk")
            .prefetch_related(
                Prefetch("documents", _documents(user)),
                Prefetch("knowledge", rag.knowledge_readable_by(user.pk).order_by("pk")),
            )
        )
        folder_rows = [written_folder(folder) for folder in folders]
        archive.writestr(rag.zip_entry(FOLDERS), _dumped(folder_rows, indent=1))
        for folder in folders:
            _note_files(files, folder.documents.all(), user)
        pages = _pages(user)
        for number, page in enumerate(_entries(pages, user, files, pictures), 1):
            n_chats += len(page)
            archive.writestr(rag.zip_entry(f"{CHATS}/{number:05}.jsonl"), b"\n".join(page))
            yield sink.take()
        for entry, document_id in files.items():
            yield from _write_file(archive, sink, entry, document_id)
        for entry, image_id in pictures.items():
            for content in Image.objects.filter(pk=image_id).values_list("content", flat=True):
                archive.writestr(rag.zip_entry(entry), content)
                yield sink.take()
        manifest = {"format": FORMAT, "version": VERSION, "n_chats": n_chats, "n_files": len(files)}
        archive.writestr(rag.zip_entry(MANIFEST), _dumped(manifest, indent=1))
    yield sink.take()


def _pages(user: User) -> Iterator[list[int]]:
    """Yield ids of chats, few enough at once that their messages fit into memory."""
    last = 0
    while True:
        # By id, as every piece may be made in another thread, and so on another connection.
        chats = kept_chats(user).filter(pk__gt=last).order_by("pk").annotate(n=Count("messages"))
        rows = list(chats.values_list("pk", "n")[:_CHATS_AT_ONCE])
        page: list[int] = []
        n_messages = 0
        for pk, n in rows:
            if page and n_messages + n > _MESSAGES_AT_ONCE:
                break
            page.append(pk)
            n_messages += n
        if not page:
            return
        yield page
        last = page[-1]


def _entries(
    pages: Iterable[list[int]], user: User, files: dict[str, int], pictures: dict[str, int]
) -> Iterator[list[bytes]]:
    """Yield the lines of one entry after the other; notes the files and pictures that its chats have."""
    lines: list[bytes] = []
    n_bytes = 0
    for page in pages:
        for chat in with_everything(user, page):
            for message in chat.messages.all():
                cited = (citation.document for citation in message.citations.all())
                _note_files(files, [*message.documents.all(), *filter(None, cited)], user)
                for image in message.images.all():
                    pictures.setdefault(image_entry(image), image.pk)
            lines.append(_dumped(written(chat)))
            n_bytes += len(lines[-1])
            if n_bytes > _ENTRY_BYTES:
                yield lines
                lines, n_bytes = [], 0
    if lines:
        yield lines


def with_everything(user: User, ids: Sequence[int]) -> QuerySet[Chat]:
    """Return a person's chats with all that `own.written` reads; ten queries, however many chats there are.

    Of what others share there is what the person may read at this moment.
    """
    readable = Exists(rag.documents_readable_by(user.pk).filter(pk=OuterRef("document")).order_by())
    citations = Citation.objects.select_related("document").annotate(
        is_readable=readable, is_upload=Exists(Upload.objects.filter(document=OuterRef("document")))
    )
    return (
        Chat.objects.filter(pk__in=ids, owner=user)
        .order_by("pk")
        .select_related("folder", "owner")
        .prefetch_related(
            "tags",
            Prefetch("messages", Message.objects.select_related("generation").order_by("pk")),
            Prefetch("messages__documents", _documents(user)),
            Prefetch("messages__knowledge", rag.knowledge_readable_by(user.pk).order_by("pk")),
            Prefetch("messages__images", Image.objects.filter(owner=user)),
            Prefetch("messages__citations", citations),
            Prefetch("messages__ratings", Rating.objects.filter(rated_by=user)),
        )
    )


def _documents(user: User) -> QuerySet[rag.Document]:
    is_upload = Exists(Upload.objects.filter(document=OuterRef("pk")))
    return rag.documents_readable_by(user.pk).annotate(is_upload=is_upload).order_by("pk")


def _note_files(files: dict[str, int], documents: Iterable[Any], user: User) -> None:
    for document in documents:
        if document.owner_id == user.pk:
            files.setdefault(file_entry(document), document.pk)


def _write_file(archive: zipfile.ZipFile, sink: rag.ZipSink, entry: str, document_id: int) -> Iterator[bytes]:
    document = rag.Document.objects.filter(pk=document_id).first()
    if document is None:
        return
    try:
        file = document.file.open("rb")
    except FileNotFoundError:
        # The chats keep its name; there is nothing else left of it.
        return
    with file, archive.open(rag.zip_entry(entry), "w", force_zip64=True) as target:
        while block := file.read(_BLOCK_BYTES):
            target.write(block)
            yield sink.take()


def _dumped(value: object, indent: int | None = None) -> bytes:
    separators = None if indent else (",", ":")
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators).encode()
