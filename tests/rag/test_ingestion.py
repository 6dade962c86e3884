from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from inference.errors import ConnectionRefused, ModelNotFound
from rag.lexical import entries
from rag.models import Chunk, Document, ExtractedText, IndexEntry, IndexVersion
from rag.services import ingestion
from rag.services.check import differences
from rag.services.documents import create_document, delete_document, retry_document, stop_document
from rag.services.removals import finish_removals
from rag.store import vector_store
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.pdf_files import blank_pdf, text_pdf
from tests.rag.fixtures import ingest_all
from webui.accounts.models import User

Upload = Callable[..., Document]

THIRTY_PAGES = [f"Page {n} begins here. The code of locker {n} is {n * 1111}. It ends here." for n in range(1, 31)]
# Made once: the time of its making stands in it.
LOCKERS = text_pdf(THIRTY_PAGES)


def n_vectors(document: Document) -> int:
    version = IndexVersion.objects.get(state="current")
    return vector_store().count(version.collection, document.pk)


def test_a_pdf_becomes_ready_with_its_pages(ingested: Upload, alice: User) -> None:
    document = ingested(alice, text_pdf(THIRTY_PAGES), "lockers.pdf")

    assert document.state == Document.State.READY
    assert document.n_pages == 30
    assert document.n_chunks == document.n_chunks_done == Chunk.objects.count() == n_vectors(document) == 30


def test_each_chunk_names_its_page_and_its_exact_place(ingested: Upload, alice: User) -> None:
    document = ingested(alice, text_pdf(THIRTY_PAGES), "lockers.pdf")

    text = ExtractedText.objects.get(document=document).text
    for chunk in document.chunks.all():
        assert chunk.text == text[chunk.start : chunk.end]
        assert f"locker {chunk.page} " in chunk.text


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        (text_pdf(["Secret."], password="geheim"), "locked.pdf", "password"),
        (blank_pdf(), "blank.pdf", "empty"),
        (b"%PDF-1.7 and then nothing of the kind", "half.pdf", "broken"),
        (b"   \n\n \t ", "blank.txt", "empty"),
    ],
)
def test_a_file_without_readable_text_fails_with_its_problem(
    ingested: Upload, alice: User, content: bytes, name: str, problem: str
) -> None:
    document = ingested(alice, content, name)

    assert (document.state, document.error) == (Document.State.FAILED, problem)
    assert not Chunk.objects.exists()


def test_a_pdf_that_only_restricts_printing_is_read(ingested: Upload, alice: User) -> None:
    document = ingested(alice, text_pdf(["Open to all readers."], owner_password="owner"), "restricted.pdf")

    assert document.state == Document.State.READY


def test_the_same_file_is_not_embedded_twice(ingested: Upload, alice: User, embedder: FakeEmbedder) -> None:
    first = ingested(alice, "The same text.", "a.txt")
    n_texts = len(embedder.texts)

    second = ingested(alice, "The same text.", "b.txt")

    assert second == first
    assert len(embedder.texts) == n_texts


def test_the_same_file_of_two_people_is_embedded_once(
    ingested: Upload, alice: User, bob: User, embedder: FakeEmbedder
) -> None:
    first = ingested(alice, LOCKERS, "lockers.pdf")
    embedder.texts.clear()

    second = ingested(bob, LOCKERS, "mine.pdf")

    assert embedder.texts == []
    assert second.is_ready
    assert np.allclose(stored_vectors(first), stored_vectors(second), atol=1e-4)


def stored_vectors(document: Document) -> npt.NDArray[np.float32]:
    """Return the vectors of a document in the order of its chunks, shape (n_chunks, n_dims)."""
    ids = list(document.chunks.values_list("pk", flat=True))
    found = vector_store().vectors(IndexVersion.objects.get(state="current").collection, ids)
    return np.stack([found[chunk_id] for chunk_id in ids])


def test_a_copy_outlives_the_file_it_was_taken_from(ingested: Upload, alice: User, bob: User) -> None:
    first = ingested(alice, LOCKERS, "lockers.pdf")
    second = ingested(bob, LOCKERS, "mine.pdf")

    delete_document(first)

    assert n_vectors(second) == 30


def test_a_copy_that_cannot_be_whole_is_left_to_the_embedder(
    ingested: Upload, alice: User, bob: User, embedder: FakeEmbedder
) -> None:
    first = ingested(alice, LOCKERS, "lockers.pdf")
    vector_store().remove_chunks(IndexVersion.objects.get().collection, [first.chunks.last().pk])
    embedder.texts.clear()

    second = ingested(bob, LOCKERS, "mine.pdf")

    assert len(embedder.texts) == n_vectors(second) == 30


def test_two_people_may_have_the_same_file(ingested: Upload, alice: User, bob: User) -> None:
    assert ingested(alice, "The same text.") != ingested(bob, "The same text.")


def test_it_waits_visibly_while_the_embedder_is_down(ingested: Upload, alice: User, embedder: FakeEmbedder) -> None:
    embedder.error = ConnectionRefused("http://127.0.0.1:1")

    document = ingested(alice, "A text that must wait.")

    assert (document.state, document.error) == (Document.State.EMBEDDING, "embedder_down")
    assert document.retry_at is not None


def test_a_retry_finishes_what_waited(ingested: Upload, alice: User, embedder: FakeEmbedder) -> None:
    embedder.error = ModelNotFound("all-minilm")
    document = ingested(alice, "A text that must wait.")
    assert document.error == "embedder_missing"

    embedder.error = None
    retry_document(document)
    ingest_all()

    document.refresh_from_db()
    assert (document.state, document.error) == (Document.State.READY, "")


def test_it_resumes_from_the_vectors_already_stored(
    ingested: Upload, alice: User, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = ingested(alice, text_pdf(THIRTY_PAGES), "lockers.pdf")
    Document.objects.update(state=Document.State.EMBEDDING)
    IndexEntry.objects.update(n_chunks_done=20, is_complete=False)
    embedder.texts.clear()

    ingest_all()

    document.refresh_from_db()
    assert document.is_ready
    assert len(embedder.texts) == 10


def test_vectors_that_are_missing_are_noticed_and_made_again(ingested: Upload, alice: User) -> None:
    document = ingested(alice, text_pdf(THIRTY_PAGES), "lockers.pdf")
    vector_store().remove_document(document.pk)
    Document.objects.update(state=Document.State.EMBEDDING)

    ingest_all()

    document.refresh_from_db()
    assert document.is_ready
    assert n_vectors(document) == 30


def test_a_reading_that_was_cut_off_starts_again(ingested: Upload, alice: User) -> None:
    document = ingested(alice, "Cut off in the middle.")
    Document.objects.update(state=Document.State.EXTRACTING, n_chunks_done=0)

    ingest_all()

    document.refresh_from_db()
    assert document.is_ready
    assert Chunk.objects.count() == entries.n_entries() == n_vectors(document) == 1


@pytest.mark.parametrize("event", ["killed", "stopped", "stopped and tried again", "deleted"])
def test_a_long_text_that_is_interrupted_between_its_parts_is_whole_or_not_at_all(
    ingested: Upload, alice: User, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    ingested(alice, "Another one stays.", "stays.txt")
    monkeypatch.setattr(ingestion, "_INSERT_BATCH", 4)
    insert = ingestion._insert
    document = create_document(alice, SimpleUploadedFile("lockers.pdf", LOCKERS))
    parts = []

    def interrupted(chunks: list[Chunk], terms: list[str]) -> None:
        insert(chunks, terms)
        parts.append(len(chunks))
        if len(parts) != 2:
            return
        assert Document.objects.get(pk=document.pk).state == Document.State.EXTRACTING
        match event:
            case "killed":
                raise KeyboardInterrupt
            case "stopped":
                stop_document(Document.objects.get(pk=document.pk))
            case "stopped and tried again":
                stop_document(Document.objects.get(pk=document.pk))
                retry_document(Document.objects.get(pk=document.pk))
            case "deleted":
                delete_document(Document.objects.get(pk=document.pk))

    monkeypatch.setattr(ingestion, "_insert", interrupted)
    with suppress(KeyboardInterrupt):
        ingest_all()
    ingest_all()

    own = Chunk.objects.filter(document=document.pk)
    is_there = event not in ("stopped", "deleted")
    assert own.count() == (len(THIRTY_PAGES) if is_there else 0)
    assert entries.n_entries() == Chunk.objects.count()
    assert not [difference.sentence for difference in differences(with_vectors=True)]
    if is_there:
        document.refresh_from_db()
        assert document.is_ready
        text = ExtractedText.objects.get(document=document).text
        assert all(text[chunk.start : chunk.end] == chunk.text for chunk in own)


def test_a_file_that_ends_the_process_again_and_again_is_given_up(
    shared_database: None, embedder: FakeEmbedder, alice: User
) -> None:
    document = create_document(alice, SimpleUploadedFile("bad.txt", b"poison"))
    Document.objects.update(n_attempts=5, state=Document.State.EXTRACTING)

    ingest_all()

    document.refresh_from_db()
    assert (document.state, document.error) == (Document.State.FAILED, "crashed")


def test_deleting_leaves_nothing_anywhere(ingested: Upload, alice: User) -> None:
    keeps = ingested(alice, "Another text stays.", "stays.txt")
    document = ingested(alice, text_pdf(THIRTY_PAGES), "lockers.pdf")
    pk, storage, name = document.pk, document.file.storage, document.file.name

    delete_document(document)

    assert not storage.exists(name)
    assert list(Chunk.objects.values_list("document_id", flat=True)) == [keeps.pk]
    assert list(ExtractedText.objects.values_list("document_id", flat=True)) == [keeps.pk]
    assert entries.n_entries() == 1
    assert vector_store().count(IndexVersion.objects.get().collection, pk) == 0
    assert n_vectors(keeps) == 1


def test_a_person_takes_their_documents_along(ingested: Upload, alice: User) -> None:
    document = ingested(alice, "Gone with its owner.")
    pk, storage, name = document.pk, document.file.storage, document.file.name

    alice.delete()
    assert finish_removals() == 0
    assert not storage.exists(name)
    assert entries.n_entries() == 0
    assert vector_store().count(IndexVersion.objects.get().collection, pk) == 0
