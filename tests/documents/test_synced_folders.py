"""The pages where administrators connect knowledge with folders of the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from rag.folders import noting
from rag.folders.walk import Listing
from rag.models import Document, Knowledge, Membership, SyncedFile, SyncedFolder
from rag.services import knowledge as service
from rag.services import surveys
from rag.types import FolderProblem, Problem
from tests.factories import make_document, make_knowledge
from tests.rag.folders.conftest import shelf as shelf
from webui.accounts.models import User

pytestmark = pytest.mark.django_db
ACTIONS = ("pause_folder", "resume_folder", "rescan_folder", "disconnect_folder")


@pytest.fixture
def knowledge(alice: User, root: User) -> Knowledge:
    """Alice's; Root may change it."""
    return make_knowledge(owner=alice, writers=[root])


@pytest.fixture
def folder(knowledge: Knowledge, root: User, shelf: Path) -> SyncedFolder:
    return SyncedFolder.objects.create(
        knowledge=knowledge, path=str(shelf), name="handbook", connected_by=root, is_scan_wanted=False
    )


def url(name: str, knowledge: Knowledge, *args: object) -> str:
    return reverse(f"knowledge:{name}", args=[knowledge.uuid, *args])


def show(client: Client, name: str, knowledge: Knowledge, **query: str) -> str:
    response = client.get(url(name, knowledge), query)
    assert response.status_code == 200
    return response.content.decode()


def connect(client: Client, knowledge: Knowledge, path: object, **form: str) -> HttpResponse:
    return client.post(url("connect_folder", knowledge), {"path": str(path), **form})


# ---- who may -------------------------------------------------------------------------------------


def test_only_administrators_who_may_change_the_knowledge_find_these_pages(
    folder: SyncedFolder,
    knowledge: Knowledge,
    shelf: Path,
    bob: User,
    root: User,
    sign_in: Callable[[User], Client],
    alice: User,
    charlie: User,
) -> None:
    service.grant(knowledge, user=bob, may_write=True)
    other = make_knowledge(owner=bob, name="Private")

    for person, where in [(alice, knowledge), (bob, knowledge), (charlie, knowledge), (root, other)]:
        client = sign_in(person)
        assert client.get(url("synced_folders", where)).status_code == 404
        assert client.get(url("connect_folder", where), {"path": str(shelf), "look": "1"}).status_code == 404
        assert connect(client, where, shelf).status_code == 404
        for action in ACTIONS:
            assert client.post(url(action, where, folder.uuid)).status_code == 404
        assert "Folders of the server" not in client.get(url("knowledge", where)).content.decode()
    service.revoke(knowledge.grants.get(user=root))
    assert sign_in(root).get(url("synced_folders", knowledge)).status_code == 404
    folder.refresh_from_db()
    assert folder.state == SyncedFolder.State.ACTIVE


def test_a_folder_of_another_knowledge_is_not_found(folder: SyncedFolder, root: User, root_client: Client) -> None:
    own = make_knowledge(owner=root, name="Own")

    for action in ACTIONS:
        assert root_client.post(url(action, own, folder.uuid)).status_code == 404


def test_nothing_of_the_servers_paths_is_in_the_pages_of_readers(
    folder: SyncedFolder, knowledge: Knowledge, bob: User, bob_client: Client, alice: User, alice_client: Client
) -> None:
    service.grant(knowledge, user=bob)
    document = make_document(owner=alice, name="plan.txt", synced_folder=folder)
    Membership.objects.create(knowledge=knowledge, document=document)

    for client in (bob_client, alice_client):
        for address in (url("knowledge", knowledge), reverse("documents:document", args=[document.uuid])):
            page = client.get(address).content.decode()
            assert "plan.txt" in page
            assert folder.path not in page
            assert str(Path(folder.path).parent) not in page


# ---- choosing ------------------------------------------------------------------------------------


def test_without_allowed_folders_the_page_says_how_to_allow_some(
    knowledge: Knowledge, root_client: Client, settings: Settings
) -> None:
    settings.HEARTH_FOLDERS = ()

    assert "HEARTH_FOLDERS=/srv/handbook" in show(root_client, "synced_folders", knowledge)
    assert "HEARTH_FOLDERS" in show(root_client, "connect_folder", knowledge)


def test_the_way_leads_through_allowed_folders_alone(knowledge: Knowledge, root_client: Client, shelf: Path) -> None:
    (shelf / "Reports" / "2025").mkdir(parents=True)
    (shelf / ".hidden").mkdir()
    (shelf / "out").symlink_to(shelf.parent / "secret")

    assert str(shelf) in show(root_client, "connect_folder", knowledge)
    page = show(root_client, "connect_folder", knowledge, path=str(shelf))
    below = show(root_client, "connect_folder", knowledge, path=str(shelf / "Reports" / "2025"))

    assert "Reports" in page
    assert ".hidden" not in page
    assert ">out<" not in page
    assert all(step in below for step in (">Reports<", ">2025<"))
    for path in (shelf.parent, shelf / ".." / "secret", "/etc", "/"):
        page = show(root_client, "connect_folder", knowledge, path=str(path), look="1")
        assert "not among those that HEARTH_FOLDERS allows" in page
        assert "salaries" not in page


@pytest.mark.parametrize("path", ["relative", "/x\0y", "/" + "x" * 2000, "/srv/\udce9"])
def test_nonsense_for_a_path_is_an_answer(knowledge: Knowledge, root_client: Client, path: str) -> None:
    answers = [
        root_client.get(url("connect_folder", knowledge), {"path": path.encode(errors="replace"), "look": "1"}),
        connect(root_client, knowledge, path.encode(errors="replace").decode()),
    ]

    assert all(answer.status_code in (200, 422) for answer in answers)
    assert not SyncedFolder.objects.exists()


def test_what_a_folder_holds_and_takes_is_told_before(knowledge: Knowledge, root_client: Client, shelf: Path) -> None:
    (shelf / "a.pdf").write_bytes(b"x" * 5000)
    (shelf / "drafts").mkdir()
    (shelf / "drafts" / "b.md").write_bytes(b"x" * 100)
    (shelf / "film.mp4").write_bytes(b"x")
    (shelf / "out.txt").symlink_to(shelf.parent / "secret" / "salaries.txt")

    page = show(root_client, "connect_folder", knowledge, path=str(shelf), look="1", exclude="drafts")

    for words in ("1 file, 4.9", ".pdf", "It takes about", "1 link leads out of the folder", ".mp4 1", "out.txt"):
        assert words in page.replace("\xa0", " ")
    assert "The patterns leave out 1" in page
    assert not SyncedFolder.objects.exists()


# ---- connecting ----------------------------------------------------------------------------------


def test_a_folder_is_connected_with_its_patterns(
    knowledge: Knowledge, root: User, root_client: Client, shelf: Path
) -> None:
    response = connect(root_client, knowledge, shelf, include="*.pdf\nReports", exclude="drafts")

    assert response.headers["Location"] == url("synced_folders", knowledge)
    folder = SyncedFolder.objects.get()
    assert (folder.path, folder.name, folder.connected_by) == (str(shelf), "handbook", root)
    assert (folder.include, folder.exclude) == (["*.pdf", "Reports"], ["drafts"])


def test_what_cannot_be_connected_says_why(
    knowledge: Knowledge, folder: SyncedFolder, root_client: Client, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "follows that folder already" in connect(root_client, knowledge, shelf).content.decode()
    assert "HEARTH_FOLDERS allows" in connect(root_client, knowledge, shelf.parent).content.decode()
    assert "At most 50 patterns" in connect(root_client, knowledge, shelf, include="x" * 300).content.decode()
    folder.delete()
    (shelf / "a.txt").write_bytes(b"x" * 5000)
    monkeypatch.setattr(surveys, "RESERVE_BYTES", 10**18)

    response = connect(root_client, knowledge, shelf)

    assert response.status_code == 422
    assert "and 0 bytes are free" in response.content.decode().replace("\xa0", " ")
    assert not SyncedFolder.objects.exists()


# ---- afterwards ----------------------------------------------------------------------------------


def test_the_page_tells_how_far_each_folder_is(
    folder: SyncedFolder, knowledge: Knowledge, alice: User, root_client: Client, django_assert_max_num_queries: object
) -> None:
    ready = make_document(owner=alice, synced_folder=folder)
    broken = make_document(owner=alice, synced_folder=folder, state="failed", error=Problem.PASSWORD)
    noting.note_listing(folder, Listing(), 0.0)
    SyncedFolder.objects.update(n_files=4, left_out={"link_out": 3}, examples={"link_out": ["a/out"]})
    for number, columns in enumerate(
        [
            {"document": ready},
            {"document": broken},
            {"document": ready, "problem": Problem.NO_ACCESS},
            {"is_waiting": True},
        ]
    ):
        values = {"is_waiting": False, **columns}
        SyncedFile.objects.create(
            folder=folder, path=f"sub/{number}.txt", size_bytes=1, mtime_ns=1, ctime_ns=1, **values
        )

    page = show(root_client, "synced_folders", knowledge)

    for words in (
        "Reading: 3 of 4 files are done", "2 in answers", "2 files could not be read", "sub/1.txt",
        "protected by a password", "The server may not read this file", "Answers still come from the version before",
        "3 links lead out of the folder", "a/out", 'value="75"', "every 2s",
    ):  # fmt: skip
        assert words in page


def test_a_rest_is_asked_for_less_often(folder: SyncedFolder, knowledge: Knowledge, root_client: Client) -> None:
    noting.note_listing(folder, Listing(), 0.0)

    page = root_client.get(url("synced_folders", knowledge), headers={"HX-Target": "synced-folders"}).content.decode()

    assert "every 10s" in page
    assert "Watched" in page
    assert "<html" not in page


def test_a_folder_is_paused_resumed_looked_at_and_disconnected(
    folder: SyncedFolder, knowledge: Knowledge, root_client: Client
) -> None:
    def after(action: str, **form: str) -> SyncedFolder:
        response = root_client.post(url(action, knowledge, folder.uuid), form)
        assert response.headers["Location"] == url("synced_folders", knowledge)
        folder.refresh_from_db()
        return folder

    assert after("pause_folder").state == SyncedFolder.State.PAUSED
    assert "Go on" in show(root_client, "synced_folders", knowledge)
    assert (after("resume_folder").state, folder.is_scan_wanted) == (SyncedFolder.State.ACTIVE, True)
    assert (after("rescan_folder").is_scan_wanted, folder.accepts_missing) == (True, False)
    assert after("rescan_folder", accept="1").accepts_missing
    assert after("disconnect_folder", keep="1").state == SyncedFolder.State.KEEPING
    assert "its documents stay" in show(root_client, "synced_folders", knowledge)
    assert after("disconnect_folder").state == SyncedFolder.State.LEAVING


def test_somebody_says_whether_files_were_deleted(
    folder: SyncedFolder, knowledge: Knowledge, root_client: Client
) -> None:
    noting.note_problem(folder, FolderProblem.MANY_GONE)

    page = show(root_client, "synced_folders", knowledge)

    assert "Nothing was removed" in page
    assert "They were deleted: remove them here too" in page


def test_synced_documents_are_marked_and_offer_nothing_to_change_them_with(
    folder: SyncedFolder, knowledge: Knowledge, alice: User, alice_client: Client
) -> None:
    document = make_document(owner=alice, name="plan.txt", synced_folder=folder)
    top = service.create_folder(knowledge, "handbook")
    Membership.objects.create(knowledge=knowledge, document=document, folder=top)

    page = show(alice_client, "knowledge", knowledge, folder="handbook")
    own = alice_client.get(reverse("documents:document", args=[document.uuid])).content.decode()

    assert "from a folder of the server" in page
    assert "document__tick" not in page
    assert "data-delete-url" not in own
    assert alice_client.post(reverse("documents:delete", args=[document.uuid])).status_code == 404
    for action in ("rename_folder", "delete_folder"):
        form = {"folder": "handbook", "name": "other"}
        answer = alice_client.post(url(action, knowledge), form, follow=True).content.decode()
        assert "changes with that alone" in answer
    alice_client.post(url("remove", knowledge), {"folder": "handbook", "document": str(document.uuid)})
    assert Membership.objects.get().folder == top
    assert Document.objects.get() == document


def test_names_of_files_are_shown_without_what_reorders_text(
    folder: SyncedFolder, knowledge: Knowledge, root_client: Client
) -> None:
    SyncedFile.objects.create(
        folder=folder, path="a\u202egpj.txt", size_bytes=1, mtime_ns=1, ctime_ns=1, problem=Problem.BROKEN
    )

    page = show(root_client, "synced_folders", knowledge)

    assert "agpj.txt" in page
    assert "\u202e" not in page
