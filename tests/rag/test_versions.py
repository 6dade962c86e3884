"""The index built anew beside the one in use: what answers see, what is kept, what somebody gave up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from inference.errors import ConnectionRefused
from rag import chunking, embedding
from rag.errors import NothingToRollBack
from rag.lexical import entries
from rag.models import Chunk, Document, IndexEntry, IndexVersion
from rag.queries import current_version, version_in
from rag.retrieval import retrieve
from rag.services import versions
from rag.store import vector_store
from rag.tasks import build_on
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.pdf_files import text_pdf
from tests.rag.fixtures import build_all, ingest_all
from webui.accounts.models import User

Upload = Callable[..., Document]
PAGES = [f"Page {n} begins here. The code of locker {n} is {n * 1111}. It ends here." for n in range(1, 8)]


def choose(name: str) -> IndexVersion:
    return versions.begin_build(asyncio.run(embedding.probe(name)))


def places_found(user: User, document: Document) -> list[tuple[int, int]]:
    found = asyncio.run(retrieve(user_id=user.pk, question="code of locker 3", document_ids=[document.pk]))
    assert found.trace.dense_problem == ""
    return [(candidate.start, candidate.end) for candidate in found.trace.candidates]


def n_vectors(version: IndexVersion, document: Document) -> int:
    return vector_store().count(version.collection, document.pk)


@pytest.fixture
def lockers(ingested: Upload, alice: User) -> Document:
    return ingested(alice, text_pdf(PAGES), "lockers.pdf")


def test_documents_stay_ready_and_found_until_the_new_index_is_whole(
    lockers: Document, ingested: Upload, alice: User, embedder: FakeEmbedder
) -> None:
    ingested(alice, "A second document about boats.", "boats.txt")
    old = current_version()
    embedder.n_dims_of["bigger"] = 96
    new = choose("bigger")

    n_steps = 0
    while current_version() == old:
        assert Document.objects.filter(state="ready").count() == 2
        assert places_found(alice, lockers)
        assert asyncio.run(build_on()) == 0
        n_steps += 1

    assert current_version() == new
    assert n_steps == 3
    assert places_found(alice, lockers)
    assert n_vectors(new, lockers) == n_vectors(old, lockers) == 7


def test_a_document_uploaded_meanwhile_is_in_both(
    lockers: Document, ingested: Upload, alice: User, embedder: FakeEmbedder
) -> None:
    old, new = current_version(), choose("other")

    late = ingested(alice, "Uploaded while the index was built.", "late.txt")

    assert late.is_ready
    assert n_vectors(old, late) == 1
    build_all()
    assert current_version() == new
    assert n_vectors(new, late) == 1


def test_a_model_that_replaced_the_old_one_under_its_name_is_noticed(
    lockers: Document, ingested: Upload, alice: User, embedder: FakeEmbedder
) -> None:
    embedder.n_dims, embedder.digest = 32, "e" * 64

    # Nothing can be embedded for the old index any more, so this one waits.
    waiting = ingested(alice, "Indexed with the second model.", "second.txt")
    assert waiting.error == "embedder_changed"
    found = asyncio.run(retrieve(user_id=alice.pk, question="code of locker 3", document_ids=[lockers.pk]))
    assert found.trace.dense_problem == "embedder changed"
    assert "3333" in found.passages[0].text
    build_all()
    Document.objects.update(retry_at=None)
    ingest_all()

    waiting.refresh_from_db()
    assert waiting.is_ready
    assert current_version().n_dims == 32
    assert places_found(alice, lockers)


def test_another_embedder_in_the_environment_builds_a_new_index(
    lockers: Document, embedder: FakeEmbedder, settings: Settings
) -> None:
    settings.HEARTH_EMBEDDER = "bge-m3"
    embedder.n_dims_of["bge-m3"] = 32

    build_all()

    assert current_version().embedder == "bge-m3"
    assert n_vectors(current_version(), lockers) == 7


def test_another_chunker_cuts_beside_the_old_chunks(
    lockers: Document, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = places_found(alice, lockers)
    monkeypatch.setattr(chunking, "NAME", "small")
    monkeypatch.setattr(chunking, "N_TOKENS", 8)
    monkeypatch.setattr(chunking, "N_OVERLAP_TOKENS", 0)

    assert asyncio.run(build_on()) == 0
    assert Chunk.objects.filter(chunker="small").count() > 7
    assert places_found(alice, lockers) == before
    build_all()

    lockers.refresh_from_db()
    assert lockers.n_chunks == Chunk.objects.filter(chunker="small").count()
    assert places_found(alice, lockers) != before


def test_going_back_brings_the_old_index_into_use_with_what_came_since(
    lockers: Document, ingested: Upload, alice: User, embedder: FakeEmbedder
) -> None:
    old = current_version()
    new = choose("other")
    build_all()
    late = ingested(alice, "Uploaded after the switch.", "late.txt")
    embedder.texts.clear()

    versions.roll_back()
    assert current_version() == new
    build_all()

    assert current_version() == old
    assert version_in("previous") == new
    assert embedder.texts == ["Uploaded after the switch."]
    assert n_vectors(old, late) == 1


def test_there_is_nothing_to_go_back_to_at_first(lockers: Document) -> None:
    with pytest.raises(NothingToRollBack):
        versions.roll_back()


def test_giving_up_leaves_the_index_in_use_and_removes_the_other(
    lockers: Document, embedder: FakeEmbedder, settings: Settings
) -> None:
    old = current_version()
    settings.HEARTH_EMBEDDER = "other"
    assert asyncio.run(build_on()) == 0
    new = version_in("building")

    versions.abort_build()
    build_all()
    assert n_vectors(new, lockers) == 7
    long_ago = timezone.now() - timedelta(hours=1)
    IndexVersion.objects.filter(pk=new.pk).update(since=long_ago)
    build_all()

    # It is not begun again by itself, although the environment still asks for it.
    assert current_version() == old
    assert IndexVersion.objects.get(pk=new.pk).state == "dropped"
    assert vector_store().collections() == [old.collection]
    assert not IndexEntry.objects.filter(version=new).exists()


def test_giving_up_the_way_back_removes_its_vectors_and_chunks(
    lockers: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunking, "NAME", "another")
    build_all()
    assert Chunk.objects.count() == entries.n_entries() == 14

    versions.drop_previous()
    IndexVersion.objects.filter(state="retired").update(since=timezone.now() - timedelta(hours=1))
    versions.remove_retired()

    assert vector_store().collections() == [current_version().collection]
    assert Chunk.objects.count() == entries.n_entries() == 7


def test_a_build_given_up_can_be_chosen_again(lockers: Document, embedder: FakeEmbedder) -> None:
    first = choose("other")
    versions.abort_build()
    IndexVersion.objects.filter(pk=first.pk).update(since=timezone.now() - timedelta(hours=1))
    versions.remove_retired()

    again = choose("other")
    build_all()

    assert current_version() == again != first


def test_choosing_the_embedder_in_use_gives_up_the_building(lockers: Document, embedder: FakeEmbedder) -> None:
    old = current_version()
    choose("other")

    assert choose("all-minilm") == old
    assert version_in("building") is None


def test_a_building_resumes_from_the_vectors_already_stored(lockers: Document, embedder: FakeEmbedder) -> None:
    new = choose("other")
    asyncio.run(build_on())
    IndexEntry.objects.filter(version=new).update(n_chunks_done=5, is_complete=False)
    embedder.texts.clear()

    build_all()

    assert current_version() == new
    assert len(embedder.texts) == 2


def test_vectors_lost_from_the_new_index_are_noticed_before_the_switch(
    lockers: Document, embedder: FakeEmbedder
) -> None:
    new = choose("other")
    asyncio.run(build_on())
    vector_store().remove_from(new.collection, lockers.pk)
    IndexEntry.objects.filter(version=new).update(is_complete=False)

    build_all()

    assert n_vectors(new, lockers) == 7


def test_a_building_waits_for_its_embedder_and_says_so(
    lockers: Document, alice: User, embedder: FakeEmbedder, settings: Settings
) -> None:
    new = choose("other")
    embedder.error = ConnectionRefused("http://127.0.0.1:1")

    assert asyncio.run(build_on()) > 0

    new.refresh_from_db()
    assert (new.state, new.error) == ("building", "embedder_down")


def test_progress_counts_documents_and_chunks(lockers: Document, ingested: Upload, alice: User) -> None:
    ingested(alice, "A second document.", "second.txt")
    new = choose("other")

    asyncio.run(build_on())

    new.refresh_from_db()
    progress = versions.build_progress(new)
    assert (progress.n_documents_done, progress.n_documents) == (1, 2)
    assert (progress.n_chunks_done, progress.n_chunks, progress.percent) == (7, 8, 87)
    assert progress.remaining_s == pytest.approx(1 / new.chunks_per_s)


def test_a_deleted_document_does_not_hold_up_the_switch(lockers: Document, embedder: FakeEmbedder) -> None:
    new = choose("other")
    lockers.delete()

    build_all()

    assert current_version() == new
