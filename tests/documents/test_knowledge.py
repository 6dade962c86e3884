"""The pages of knowledge: what they show, what they change, and who may do which of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from rag.models import Document, Knowledge, Membership
from rag.services import knowledge as service
from tests.factories import make_document, make_group, make_knowledge
from webui.accounts.models import User

pytestmark = pytest.mark.django_db
JSON = {"HTTP_ACCEPT": "application/json"}
DIALOG = {"HTTP_HX_REQUEST": "true"}
TEXT = "The lighthouse of Sandhagen was built in 1902. Its keeper was Ole Brandt.\n\n"


def url(name: str, knowledge: Knowledge, *args: object) -> str:
    return reverse(f"knowledge:{name}", args=[knowledge.uuid, *args])


def show(client: Client, name: str, knowledge: Knowledge, **query: str) -> str:
    response = client.get(url(name, knowledge), query)
    assert response.status_code == 200
    return response.content.decode()


def post(client: Client, name: str, knowledge: Knowledge, /, **form: Any) -> HttpResponse:
    return client.post(url(name, knowledge), form)


# ---- the list and one of them ----------------------------------------------------------------------


def test_an_empty_list_invites_and_a_knowledge_is_made(alice_client: Client, alice: User) -> None:
    assert "No knowledge yet" in alice_client.get(reverse("knowledge:list")).content.decode()

    form = {"name": "Harbour", "description": "All of the harbour"}
    page = alice_client.post(reverse("knowledge:create"), form, follow=True).content.decode()

    assert "All of the harbour" in page
    assert "Nothing in it yet" in page
    assert Knowledge.objects.get().owner == alice


def test_a_knowledge_without_a_name_is_not_made(alice_client: Client) -> None:
    response = alice_client.post(reverse("knowledge:create"), {"name": " "})

    assert response.status_code == 422
    assert not Knowledge.objects.exists()


def test_the_list_says_whose_each_is(alice: User, bob: User, bob_client: Client, charlie_client: Client) -> None:
    make_knowledge(make_document(owner=alice), owner=alice, name="Shared one", readers=[bob])
    make_knowledge(owner=alice, name="Private one")
    make_knowledge(owner=bob, name="Own one")

    page = bob_client.get(reverse("knowledge:list")).content.decode()

    assert "Shared one" in page and "shared by Alice" in page and "1 document<" in page
    assert "Own one" in page
    assert "Private one" not in page
    assert "No knowledge yet" in charlie_client.get(reverse("knowledge:list")).content.decode()


def test_a_reader_sees_the_documents_and_nothing_to_change_them_with(
    alice: User, bob: User, bob_client: Client, alice_client: Client
) -> None:
    knowledge = make_knowledge(make_document(owner=alice, n_chunks=3), owner=alice, readers=[bob])
    page, own = show(bob_client, "knowledge", knowledge), show(alice_client, "knowledge", knowledge)

    assert all(words in page for words in ("notes.txt", "3 chunks", "by Alice", "to read", "Search inside"))
    share = reverse("knowledge:share", args=[knowledge.uuid])
    for control in ("drop-zone", "Take out", 'id="new-folder"', share, 'type="checkbox"'):
        assert control in own
        assert control not in page


def test_a_thousand_documents_are_shown_page_by_page_at_one_cost(
    alice: User, alice_client: Client, django_assert_max_num_queries: Any
) -> None:
    knowledge = make_knowledge(owner=alice)
    documents = Document.objects.bulk_create(
        Document(owner=alice, name=f"d{n:04}", media_type="text/plain", size_bytes=1, sha256=f"{n:064x}", state="ready")
        for n in range(1000)
    )
    moment = timezone.now()
    Membership.objects.bulk_create(
        # The same moment for many: only the id tells them apart.
        Membership(knowledge=knowledge, document=document, created_at=moment - timedelta(minutes=n // 70))
        for n, document in enumerate(documents)
    )
    seen: list[str] = []
    cursor: str | None = ""

    while cursor is not None:
        with django_assert_max_num_queries(12):
            page = alice_client.get(url("knowledge", knowledge), {"before": cursor}).context["page"]
        seen += [row.document.name for row in page.rows]
        cursor = page.next_cursor

    assert page.knowledge.documents_text == "1000 documents"
    assert len(seen) == len(set(seen)) == 1000


def test_the_list_is_asked_for_again_while_something_is_read(alice: User, alice_client: Client) -> None:
    knowledge = make_knowledge(make_document(owner=alice, state="queued"), owner=alice)
    rows = alice_client.get(url("knowledge", knowledge), headers={"HX-Target": "members"}).content.decode()

    assert "every 1500ms" in rows
    assert "1 being read" in rows
    assert "<html" not in rows


# ---- documents -------------------------------------------------------------------------------------


def test_a_file_that_finds_no_place_in_the_knowledge_is_not_stored(
    alice: User, alice_client: Client, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge = make_knowledge(owner=alice)

    def break_off(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("rag.api.add_document", break_off)
    with pytest.raises(OSError, match="disk"):
        alice_client.post(url("upload", knowledge), {"file": SimpleUploadedFile("a.txt", b"One.")}, **JSON)

    assert not Document.objects.exists()


def test_a_file_is_uploaded_into_a_folder(alice: User, alice_client: Client, data_folder: Path) -> None:
    knowledge = make_knowledge(owner=alice)
    folder = service.create_folder(knowledge, "Reports/2025")
    file = SimpleUploadedFile("harbour.txt", TEXT.encode())

    answer = alice_client.post(f"{url('upload', knowledge)}?folder=Reports/2025", {"file": file}, **JSON)

    assert answer.status_code == 201
    membership = Membership.objects.get()
    assert (membership.document.name, membership.folder) == ("harbour.txt", folder)
    assert "harbour.txt" in show(alice_client, "knowledge", knowledge, folder="Reports/2025")
    assert "harbour.txt" not in show(alice_client, "knowledge", knowledge)


def test_a_refused_file_is_in_no_knowledge(alice: User, alice_client: Client, data_folder: Path) -> None:
    knowledge = make_knowledge(owner=alice)

    answer = alice_client.post(url("upload", knowledge), {"file": SimpleUploadedFile("empty.txt", b"")}, **JSON)

    assert answer.status_code == 422
    assert not Membership.objects.exists()


def test_own_documents_are_offered_and_added(alice: User, alice_client: Client) -> None:
    inside, outside = make_document(owner=alice, name="inside"), make_document(owner=alice, name="outside")
    knowledge = make_knowledge(inside, owner=alice)
    offered = show(alice_client, "candidates", knowledge, q="side")

    assert "outside" in offered
    assert "inside" not in offered

    post(alice_client, "add", knowledge, document=[str(outside.uuid)])

    assert set(knowledge.documents.all()) == {inside, outside}


def test_only_whom_a_document_belongs_to_can_add_it(alice: User, bob: User, bob_client: Client) -> None:
    """Bob may read Alice's document and owns a knowledge; sharing it further is not his to decide."""
    document = make_document(owner=alice)
    make_knowledge(document, owner=alice, readers=[bob])
    knowledge = make_knowledge(owner=bob, name="Bob's")

    response = post(bob_client, "add", knowledge, document=[str(document.uuid)])

    assert response.status_code == 404
    assert not knowledge.documents.exists()


def test_ticked_documents_are_moved_indexed_again_and_taken_out(alice: User, alice_client: Client) -> None:
    ticked, other = make_document(owner=alice, name="ticked"), make_document(owner=alice, name="other")
    knowledge = make_knowledge(ticked, other, owner=alice)
    service.create_folder(knowledge, "Old")

    post(alice_client, "move", knowledge, document=[str(ticked.uuid)], target="Old")

    assert {m.document: m.folder and m.folder.path for m in knowledge.memberships.all()} == {ticked: "Old", other: None}

    post(alice_client, "reindex", knowledge, document=[str(ticked.uuid)])
    ticked.refresh_from_db()
    other.refresh_from_db()

    assert (ticked.state, other.state) == ("queued", "ready")

    post(alice_client, "remove", knowledge, document=[str(ticked.uuid)])

    assert list(knowledge.documents.all()) == [other]
    assert Document.objects.count() == 2


def test_a_document_indexed_again_is_found_as_before(
    alice: User, alice_client: Client, ingested: Callable[..., Document]
) -> None:
    from tests.rag.fixtures import ingest_all

    knowledge = make_knowledge(ingested(alice, TEXT, "harbour.txt"), owner=alice)
    post(alice_client, "reindex", knowledge, all="1")

    assert "Nothing in it matches" in show(alice_client, "search", knowledge, q="Who was the keeper?")

    ingest_all()

    assert "Ole Brandt" in show(alice_client, "search", knowledge, q="Who was the keeper?")


@pytest.mark.parametrize("name", ["move", "remove", "reindex"])
def test_a_document_of_elsewhere_cannot_be_reached_through_a_knowledge(
    alice: User, bob: User, bob_client: Client, name: str
) -> None:
    foreign = make_document(owner=alice)
    make_knowledge(foreign, owner=alice, readers=[bob])
    knowledge = make_knowledge(owner=bob)

    for wrong in (str(foreign.uuid), "nonsense"):
        assert post(bob_client, name, knowledge, document=[wrong]).status_code == 404
    foreign.refresh_from_db()
    assert foreign.state == "ready"


# ---- searching and chunks --------------------------------------------------------------------------


def test_a_search_inside_shows_passages_of_this_knowledge_with_their_scores(
    alice: User, bob: User, bob_client: Client, charlie_client: Client, ingested: Callable[..., Document]
) -> None:
    knowledge = make_knowledge(ingested(alice, TEXT, "harbour.txt"), owner=alice, readers=[bob])
    ingested(bob, "The lighthouse keeper of Bob was built elsewhere.", "other.txt")

    page = show(bob_client, "search", knowledge, q="When was the lighthouse built?")

    assert "built in 1902" in page and "harbour.txt" in page
    assert re.search(r'badge numbers">[01]\.\d\d<', page)
    assert "other.txt" not in page
    assert charlie_client.get(url("search", knowledge), {"q": "lighthouse"}).status_code == 404
    assert "Search inside" in show(bob_client, "search", knowledge)


def test_chunks_are_listed_and_shown_between_their_neighbours(
    alice: User, bob: User, bob_client: Client, charlie_client: Client, ingested: Callable[..., Document]
) -> None:
    document = ingested(alice, "".join(f"Sentence {n} tells of the harbour and its lamp. " for n in range(400)))
    make_knowledge(document, owner=alice, readers=[bob])
    listed = bob_client.get(reverse("documents:chunks", args=[document.uuid])).content.decode()
    middle = document.chunks.order_by("position")[1]

    shown = bob_client.get(reverse("documents:chunk", args=[document.uuid, 1]))
    text = shown.context["page"].text

    assert "Chunk 2" in listed
    assert text.marked == middle.text
    assert text.before and text.after
    assert bob_client.get(reverse("documents:chunk", args=[document.uuid, 10**20])).status_code == 404
    for name, args in (("chunks", []), ("chunk", [1])):
        assert charlie_client.get(reverse(f"documents:{name}", args=[document.uuid, *args])).status_code == 404


# ---- folders ---------------------------------------------------------------------------------------


def test_folders_are_made_renamed_and_deleted(alice: User, alice_client: Client) -> None:
    document = make_document(owner=alice)
    knowledge = make_knowledge(document, owner=alice)
    post(alice_client, "create_folder", knowledge, name="Reports")
    post(alice_client, "create_folder", knowledge, name="2025", folder="Reports")
    post(alice_client, "move", knowledge, document=[str(document.uuid)], target="Reports/2025")

    assert "notes.txt" in show(alice_client, "knowledge", knowledge, folder="Reports/2025")

    post(alice_client, "rename_folder", knowledge, name="2026", folder="Reports/2025")

    assert "notes.txt" in show(alice_client, "knowledge", knowledge, folder="Reports/2026")
    assert alice_client.get(url("knowledge", knowledge), {"folder": "Reports/2025"}).status_code == 404

    post(alice_client, "delete_folder", knowledge, folder="Reports")

    assert "notes.txt" in show(alice_client, "knowledge", knowledge)
    assert not knowledge.folders.exists()


def test_a_folder_that_cannot_be_made_says_why(alice: User, alice_client: Client) -> None:
    knowledge = make_knowledge(owner=alice)
    service.create_folder(knowledge, "a")
    service.create_folder(knowledge, "b")
    form = {"folder": "a", "name": "b"}

    page = alice_client.post(url("rename_folder", knowledge), form, follow=True).content.decode()

    assert "There is a folder of that name." in page


# ---- sharing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["bob@example.org", "BOB@Example.org", "bob", "Crew", "everybody"])
def test_a_knowledge_is_shared_and_revoked(
    alice: User, bob: User, alice_client: Client, bob_client: Client, to: str
) -> None:
    make_group(alice, bob, name="Crew")
    knowledge = make_knowledge(make_document(owner=alice), owner=alice)

    post(alice_client, "grant", knowledge, to=to, right="write")

    assert "drop-zone" in show(bob_client, "knowledge", knowledge)

    dialog = alice_client.get(url("share", knowledge), **DIALOG).content.decode()
    revoked = alice_client.post(url("revoke", knowledge, knowledge.grants.get().uuid), **DIALOG).content.decode()

    assert "May read and change" in dialog
    assert "Only you can read it." in revoked
    assert bob_client.get(url("knowledge", knowledge)).status_code == 404


@pytest.mark.parametrize("to", ["nobody@example.org", "Crew", "alice@example.org", ""])
def test_a_knowledge_is_not_shared_with_who_is_not_there(alice: User, alice_client: Client, to: str) -> None:
    make_group(name="Crew")
    knowledge = make_knowledge(owner=alice)

    response = post(alice_client, "grant", knowledge, to=to)

    assert response.status_code == 422
    assert not knowledge.grants.exists()


def test_a_grant_of_one_knowledge_is_not_revoked_through_another(alice: User, bob: User, alice_client: Client) -> None:
    shared, other = make_knowledge(owner=alice, readers=[bob]), make_knowledge(owner=alice)

    assert alice_client.post(url("revoke", other, shared.grants.get().uuid)).status_code == 404
    assert shared.grants.exists()


# ---- deleting --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "n_left"), [({}, 1), ({"with_documents": "on"}, 0)])
def test_a_deleted_knowledge_leaves_or_takes_the_documents(
    alice: User, alice_client: Client, data_folder: Path, form: dict[str, str], n_left: int
) -> None:
    knowledge = make_knowledge(make_document(owner=alice), owner=alice)

    post(alice_client, "delete", knowledge, **form)

    assert not Knowledge.objects.exists()
    assert Document.objects.count() == n_left


def test_a_shared_document_can_be_deleted_by_its_owner_alone(
    alice: User, bob: User, alice_client: Client, bob_client: Client, data_folder: Path
) -> None:
    document = make_document(owner=bob)
    make_knowledge(document, owner=alice, writers=[bob])
    delete = reverse("documents:delete", args=[document.uuid])

    assert alice_client.post(delete).status_code == 404
    assert (
        'data-delete-url="'
        not in alice_client.get(reverse("documents:document", args=[document.uuid])).content.decode()
    )
    assert bob_client.post(delete).status_code == 302
    assert not Membership.objects.exists()


# ---- who may do what -------------------------------------------------------------------------------

WRITERS_MAY = ("upload", "add", "move", "remove", "reindex", "create_folder", "rename_folder", "delete_folder")
OWNERS_MAY = ("describe", "delete", "grant", "revoke")


@pytest.mark.parametrize("name", [*WRITERS_MAY, *OWNERS_MAY])
def test_a_reader_changes_nothing_and_a_writer_only_what_is_inside(
    alice: User, bob: User, bob_client: Client, charlie_client: Client, name: str
) -> None:
    document = make_document(owner=alice)
    knowledge = make_knowledge(document, owner=alice, readers=[bob])
    service.create_folder(knowledge, "a")
    form = {"document": str(document.uuid), "folder": "a", "name": "b", "to": "charlie@example.org", "all": "1"}
    address = url(name, knowledge, *([knowledge.grants.get().uuid] if name == "revoke" else []))

    def state() -> tuple[object, ...]:
        knowledge.refresh_from_db()
        members = [(m.document_id, m.folder_id) for m in knowledge.memberships.all()]
        grants = [(g.user_id, g.may_write) for g in knowledge.grants.all()]
        return knowledge.name, members, grants, [f.path for f in knowledge.folders.all()], knowledge.updated_at

    before = state()
    assert charlie_client.post(address, form).status_code == 404
    assert bob_client.post(address, form).status_code == 404
    assert state() == before

    service.grant(knowledge, user=bob, may_write=True)
    refused = bob_client.post(address, form).status_code == 404
    assert refused == (name in OWNERS_MAY or name == "add")
