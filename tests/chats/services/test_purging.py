"""Deletion is real: rows, files and vectors are gone, with real Chroma and real files; the embedder is a double."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from rag import store
from rag.models import Chunk, Document, ExtractedText, IndexVersion
from tests.factories import make_answer, make_chat, make_folder, make_knowledge, make_message, make_preset, make_tag
from webui.accounts.models import User
from webui.chats.conf import UNDO_WINDOW
from webui.chats.models import Chat, Citation, Message, Upload
from webui.chats.search import index
from webui.chats.services import purging, removals
from webui.chats.services.uploads import note_upload

Ingest = Callable[..., Document]
TEXT = "The lighthouse of Sandhagen was built in 1902."


def n_vectors(*document_ids: int) -> int:
    collections = [version.collection for version in IndexVersion.objects.all()]
    return sum(store.vector_store().count(name, pk) for name in collections for pk in document_ids)


def n_searchable() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM chats_search")
        return int(cursor.fetchone()[0])


def stored_files(data: Path) -> list[Path]:
    return [path for path in (data / "uploads").rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def _empty_index(request: pytest.FixtureRequest) -> None:
    empty_index(request)


def empty_index(request: pytest.FixtureRequest) -> None:
    """The search index is no model's, so nothing else empties it between tests that commit."""
    request.getfixturevalue("shared_database" if "ingested" in request.fixturenames else "db")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM chats_search")


@pytest.fixture
def upload(ingested: Ingest, alice: User) -> Document:
    """A file that came into a chat of Alice's by its composer."""
    document = ingested(alice, TEXT, "harbour.txt")
    note_upload(document, since=document.created_at)
    return document


def asked(chat: Chat, document: Document) -> Chat:
    question = make_message(chat, content="When was it built?")
    question.documents.add(document)
    answer = make_answer(chat, content="In 1902 [1].")
    Citation.objects.create(
        message=answer, number=1, document=document, document_name=document.name, start=0, end=9, text=TEXT[:9]
    )
    index.index_chat(chat)
    return chat


def test_chats_of_several_people_go_in_groups_and_what_one_still_asks_stays(
    upload: Document, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_MOST_CHATS", 2)
    staying = asked(make_chat(owner=alice), upload)
    for owner in (alice, bob, alice, bob, alice):
        chat = make_chat(owner=owner, messages=2, deleted_at=timezone.now())
        index.index_chat(chat)
    asked(Chat.objects.filter(owner=alice, deleted_at__isnull=False).latest("pk"), upload)
    together = [len(ids) for _, ids in purging._groups(Chat.objects.exclude(deleted_at=None))]

    n_due = purging.purge_deleted(timezone.now() + UNDO_WINDOW + timedelta(seconds=1))

    assert (together, n_due) == ([2, 1, 2], 5)
    assert [*Chat.objects.all()] == [staying]
    assert {*Message.objects.values_list("chat", flat=True)} == {staying.pk}
    assert Document.objects.filter(pk=upload.pk).exists()


def test_after_the_window_rows_files_and_vectors_are_gone(upload: Document, alice: User, data_folder: Path) -> None:
    chat = asked(make_chat(owner=alice), upload)
    make_tag(chat, owner=alice)
    pk = upload.pk
    before = (n_vectors(pk), len(stored_files(data_folder)))
    chat.deleted_at = timezone.now()
    chat.save()

    n_too_early = purging.purge_deleted(timezone.now())
    n_due = purging.purge_deleted(timezone.now() + UNDO_WINDOW + timedelta(seconds=1))

    assert before == (1, 1)
    assert (n_too_early, n_due) == (0, 1)
    kinds = (Chat, Message, Citation, Upload, Document, ExtractedText, Chunk)
    assert {kind.__name__: kind.objects.count() for kind in kinds} == dict.fromkeys((k.__name__ for k in kinds), 0)
    assert (n_vectors(pk), stored_files(data_folder)) == (0, [])
    assert n_searchable() == 0


USES: dict[str, Callable[[User, Document], object]] = {
    "another chat": lambda alice, document: asked(make_chat(owner=alice), document),
    "a chat that was deleted too": lambda alice, document: asked(
        make_chat(owner=alice, deleted_at=timezone.now() + timedelta(days=1)), document
    ),
    "a folder": lambda alice, document: make_folder(owner=alice).documents.add(document),
    "a knowledge": lambda alice, document: make_knowledge(document, owner=alice),
    "a preset": lambda alice, document: make_preset(owner=alice, documents=[document]),
}


@pytest.mark.parametrize("use", USES)
def test_a_file_that_is_used_anywhere_else_stays(upload: Document, alice: User, use: str) -> None:
    chat = asked(make_chat(owner=alice, deleted_at=timezone.now()), upload)
    USES[use](alice, upload)

    purging.purge_chats(alice, [chat.uuid])

    assert Document.objects.filter(pk=upload.pk).exists()
    assert n_vectors(upload.pk) == 1


@pytest.mark.parametrize("is_asked_again", [False, True], ids=["there-alone", "in-the-next-question-too"])
def test_a_file_goes_with_a_deleted_message_when_nothing_else_asks_it(
    upload: Document, alice: User, data_folder: Path, is_asked_again: bool
) -> None:
    chat = asked(make_chat(owner=alice), upload)
    question = chat.messages.order_by("id")[0]
    if is_asked_again:
        asked(chat, upload)
    removals.delete_message(alice, chat.uuid, question.uuid, with_branch=False)
    now = timezone.now()

    removals.purge_removed(now)
    n_in_the_window = n_vectors(upload.pk)
    removals.purge_removed(now + UNDO_WINDOW + timedelta(seconds=1))

    assert n_in_the_window == 1
    assert n_vectors(upload.pk) == len(stored_files(data_folder)) == is_asked_again
    assert Document.objects.filter(pk=upload.pk).exists() is is_asked_again


def test_a_document_that_was_chosen_from_the_list_stays(ingested: Ingest, alice: User) -> None:
    document = ingested(alice, TEXT, "harbour.txt")
    chat = asked(make_chat(owner=alice, deleted_at=timezone.now()), document)

    purging.purge_chats(alice, [chat.uuid])

    assert Document.objects.filter(pk=document.pk).exists()


def test_a_file_that_was_there_before_stays_although_it_is_uploaded_again(ingested: Ingest, alice: User) -> None:
    document = ingested(alice, TEXT, "harbour.txt")
    note_upload(document, since=timezone.now())
    chat = asked(make_chat(owner=alice, deleted_at=timezone.now()), document)

    purging.purge_chats(alice, [chat.uuid])

    assert Document.objects.filter(pk=document.pk).exists()


def test_a_file_that_is_put_among_the_documents_too_stays(upload: Document, alice: User, alice_client: Client) -> None:
    chat = asked(make_chat(owner=alice, deleted_at=timezone.now()), upload)

    alice_client.post(reverse("documents:upload"), {"file": SimpleUploadedFile("again.txt", TEXT.encode())})
    purging.purge_chats(alice, [chat.uuid])

    assert Document.objects.get() == upload


def test_what_somebody_else_has_uploaded_stays(upload: Document, alice: User, bob: User) -> None:
    make_knowledge(upload, owner=alice, readers=[bob])
    chat = asked(make_chat(owner=bob, deleted_at=timezone.now()), upload)
    alice.knowledge.all().delete()

    purging.purge_chats(bob, [chat.uuid])

    assert Document.objects.filter(pk=upload.pk).exists()


@pytest.mark.django_db
def test_only_ones_own_deleted_chats_are_removed_for_good(alice: User, charlie: User) -> None:
    deleted, kept = make_chat(owner=alice, deleted_at=timezone.now()), make_chat(owner=charlie)

    for user, chat in ((charlie, deleted), (charlie, kept)):
        with pytest.raises(Http404):
            purging.purge_chats(user, [chat.uuid])

    assert Chat.objects.count() == 2
