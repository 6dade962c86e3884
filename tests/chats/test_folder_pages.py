"""The pages of folders, and what is done to folders and chats from them and from the sidebar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from channels.db import database_sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from rag.models import Document
from rag.services import knowledge as knowledge_service
from tests.chats.pages import Page
from tests.doubles.upstream import Upstream
from tests.factories import make_chat, make_document, make_folder, make_knowledge
from webui.accounts.models import User
from webui.chats.conf import MAX_FOLDER_SOURCES, MAX_FOLDERS, SYSTEM_PROMPT_MAX_CHARS
from webui.chats.models import Chat, Folder
from webui.chats.queries import PAGE_SIZE

HTMX = {"HX-Request": "true"}


@pytest.fixture
def folder(alice: User) -> Folder:
    return make_folder(owner=alice, name="Harbour", system_prompt="Be brief.")


def url_of(folder: Folder, name: str = "folder") -> str:
    return reverse(f"chats:{name}", args=[folder.uuid])


def many_chats(folder: Folder, number: int) -> list[Chat]:
    now = timezone.now()
    return Chat.objects.bulk_create(
        Chat(owner=folder.owner, folder=folder, title=f"chat {n}", updated_at=now - timedelta(minutes=n))
        for n in range(number)
    )


# ---- the sidebar ---------------------------------------------------------------------------------


def test_folders_stand_above_the_chats_and_each_chat_stands_once(
    alice: User, alice_client: Client, folder: Folder
) -> None:
    make_chat(owner=alice, folder=folder, title="Inside it")
    make_chat(owner=alice, title="Outside it")

    html = alice_client.get(reverse("chats:list")).content.decode()

    assert html.count(">Inside it</a>") == html.count(">Outside it</a>") == 1
    assert html.index("Harbour") < html.index("Inside it") < html.index("Today") < html.index("Outside it")


def test_a_folder_opens_and_closes_in_the_sidebar_and_stays_so(
    alice: User, alice_client: Client, folder: Folder
) -> None:
    make_chat(owner=alice, folder=folder, title="Inside it")

    closed = alice_client.post(url_of(folder, "open_folder"), headers=HTMX).content.decode()
    assert "Inside it" not in alice_client.get(reverse("chats:list")).content.decode()
    opened = alice_client.post(url_of(folder, "open_folder"), {"is_open": "1"}, headers=HTMX).content.decode()

    assert 'aria-expanded="false"' in closed
    assert "Inside it" not in closed
    assert 'aria-expanded="true"' in opened
    assert "Inside it" in opened


def test_later_pages_of_the_list_have_no_folders(alice: User, alice_client: Client, folder: Folder) -> None:
    now = timezone.now()
    Chat.objects.bulk_create(
        Chat(owner=alice, title=f"{n}", updated_at=now - timedelta(minutes=n)) for n in range(PAGE_SIZE + 1)
    )
    cursor = alice_client.get(reverse("chats:list")).context["sidebar"].next_cursor

    later = alice_client.get(reverse("chats:list"), {"before": cursor})

    assert later.context["sidebar"].folders is None
    assert "Harbour" not in later.content.decode()


def test_hostile_names_are_no_markup(alice: User, alice_client: Client, model_server: Upstream) -> None:
    attack = "<img src=x onerror=alert(1)>"
    folder = make_folder(owner=alice, name=attack, system_prompt=f"</textarea>{attack}")
    chat = make_chat(owner=alice, folder=folder, title=attack)
    folder.documents.add(make_document(owner=alice, name=attack))
    folder.knowledge.add(make_knowledge(owner=alice, name=attack))

    for url in (url_of(folder), reverse("chats:chat", args=[chat.uuid]), reverse("chats:move", args=[chat.uuid])):
        assert "<img src=x" not in alice_client.get(url).content.decode()


# ---- the page ------------------------------------------------------------------------------------


def test_a_folders_page_shows_its_chats_and_what_it_adds(
    alice: User, alice_client: Client, folder: Folder, model_server: Upstream
) -> None:
    make_chat(owner=alice, folder=folder, title="Inside it")
    folder.documents.add(make_document(owner=alice, name="harbour.txt"))
    folder.knowledge.add(make_knowledge(owner=alice, name="Handbook"))

    response = alice_client.get(url_of(folder))
    html = response.content.decode()

    assert response.context["page"].folder.name == "Harbour"
    assert all(words in html for words in ("Inside it", "Be brief.", "harbour.txt", "Handbook"))
    assert f'data-folder="{folder.uuid}"' in html


def test_a_chat_leads_to_its_folder(alice: User, alice_client: Client, folder: Folder, model_server: Upstream) -> None:
    inside, outside = make_chat(owner=alice, folder=folder), make_chat(owner=alice)

    pages = [alice_client.get(reverse("chats:chat", args=[chat.uuid])).content.decode() for chat in (inside, outside)]

    assert [f'<a class="folder-link" href="{url_of(folder)}"' in page for page in pages] == [True, False]


def test_a_page_costs_the_same_however_much_is_in_the_folder(
    alice: User, alice_client: Client, bob: User, folder: Folder, model_server: Upstream,
    django_assert_max_num_queries: Callable[..., Any],
) -> None:  # fmt: skip
    many_chats(folder, 10)
    folder.documents.add(*(make_document(owner=alice) for _ in range(10)))
    folder.knowledge.add(*(make_knowledge(owner=bob, readers=[alice]) for _ in range(5)))
    alice_client.get("/")

    # Session, person, folder, chats, documents, knowledge, the model used last, who makes pictures and whether they may
    # be made, sidebar (two), and the frame.
    with django_assert_max_num_queries(13):
        alice_client.get(url_of(folder))


def test_the_chats_of_a_folder_come_in_pages(alice: User, alice_client: Client, folder: Folder) -> None:
    many_chats(folder, PAGE_SIZE + 5)

    first = alice_client.get(url_of(folder, "folder_chats")).context["chats"]
    second = alice_client.get(url_of(folder, "folder_chats"), {"before": first.next_cursor}).context["chats"]

    assert [chat.title for chat in (*first.chats, *second.chats)] == [f"chat {n}" for n in range(PAGE_SIZE + 5)]
    assert second.next_cursor is None
    assert alice_client.get(url_of(folder, "folder_chats"), {"before": "x"}).status_code == 400


def test_the_list_of_sources_asks_again_while_one_is_being_read(
    alice: User, alice_client: Client, folder: Folder
) -> None:
    document = make_document(owner=alice, name="late.pdf", state="embedding", n_chunks=10, n_chunks_done=4)
    folder.documents.add(document)
    busy = alice_client.get(url_of(folder, "folder_sources")).content.decode()
    Document.objects.filter(pk=document.pk).update(state="ready")
    settled = alice_client.get(url_of(folder, "folder_sources")).content.decode()

    assert "every 1500ms" in busy
    assert "every 1500ms" not in settled


def test_what_was_taken_back_is_named_nowhere(
    alice: User, bob: User, bob_client: Client, model_server: Upstream
) -> None:
    document = make_document(owner=alice, name="harbour.txt")
    knowledge = make_knowledge(document, owner=alice, name="Handbook", readers=[bob])
    bobs = make_folder(owner=bob)
    bobs.documents.add(document)
    bobs.knowledge.add(knowledge)
    assert "harbour.txt" in bob_client.get(url_of(bobs)).content.decode()

    knowledge_service.revoke(knowledge.grants.get())
    html = bob_client.get(url_of(bobs)).content.decode()

    assert not any(words in html for words in ("harbour.txt", "Handbook", str(document.uuid), str(knowledge.uuid)))


# ---- making, naming, instructing -------------------------------------------------------------------


def test_a_new_folder_is_gone_to(alice_client: Client) -> None:
    made = alice_client.post(reverse("chats:create_folder"), {"name": "Harbour"}, headers=HTMX)
    plain = alice_client.post(reverse("chats:create_folder"), {"name": "Bakery"})

    assert (made.status_code, made["Location"]) == (201, url_of(Folder.objects.get(name="Harbour")))
    assert (plain.status_code, plain["Location"]) == (302, url_of(Folder.objects.get(name="Bakery")))


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_name_that_is_none_is_refused_in_words(alice_client: Client, folder: Folder, name: str) -> None:
    for url in (reverse("chats:create_folder"), url_of(folder, "rename_folder")):
        refused = alice_client.post(url, {"name": name}, headers=HTMX)

        assert (refused.status_code, refused["Content-Type"]) == (422, "text/plain")
        assert refused.content.decode() == "A folder needs a name of at most 100 characters."


def test_the_limit_of_folders_is_told(alice: User, alice_client: Client) -> None:
    Folder.objects.bulk_create(Folder(owner=alice, name=f"{n}") for n in range(MAX_FOLDERS))

    refused = alice_client.post(reverse("chats:create_folder"), {"name": "one more"}, headers=HTMX)

    assert "You have 100 folders" in refused.content.decode()


def test_a_folder_is_renamed_and_instructed(alice_client: Client, folder: Folder) -> None:
    assert alice_client.post(url_of(folder, "rename_folder"), {"name": "Port"}, headers=HTMX).status_code == 204
    told = alice_client.post(url_of(folder, "instruct_folder"), {"system_prompt": "Be kind.\n\nBe brief."})
    folder.refresh_from_db()

    assert told.status_code == 302
    assert (folder.name, folder.system_prompt) == ("Port", "Be kind.\n\nBe brief.")


def test_instructions_that_are_too_long_are_refused_with_their_length(alice_client: Client, folder: Folder) -> None:
    text = "x" * (SYSTEM_PROMPT_MAX_CHARS + 1)

    refused = alice_client.post(url_of(folder, "instruct_folder"), {"system_prompt": text}, headers=HTMX)

    assert refused.content.decode() == "The instructions have 10001 characters; at most 10000 can be saved."


def test_instructions_that_are_no_text_leave_those_that_are_there(alice_client: Client, folder: Folder) -> None:
    response = alice_client.post(url_of(folder, "instruct_folder"), {"system_prompt": "Be \0 kind."}, headers=HTMX)
    folder.refresh_from_db()

    assert (response.status_code, folder.system_prompt) == (400, "Be brief.")


# ---- documents and knowledge -----------------------------------------------------------------------


def test_documents_and_knowledge_come_in_and_go_out(alice: User, alice_client: Client, folder: Folder) -> None:
    document, knowledge = make_document(owner=alice, name="harbour.txt"), make_knowledge(owner=alice)
    for source in ({"document": document.uuid}, {"knowledge": knowledge.uuid}):
        assert alice_client.post(url_of(folder, "add_to_folder"), source, headers=HTMX).status_code == 204
    assert (folder.documents.count(), folder.knowledge.count()) == (1, 1)

    left = alice_client.post(url_of(folder, "take_out_of_folder"), {"document": document.uuid}, headers=HTMX)
    alice_client.post(url_of(folder, "take_out_of_folder"), {"knowledge": knowledge.uuid}, headers=HTMX)

    assert "harbour.txt" not in left.content.decode()
    assert (folder.documents.count(), folder.knowledge.count()) == (0, 0)
    assert Document.objects.filter(pk=document.pk).exists()


def test_what_somebody_else_has_cannot_be_added(
    alice: User, charlie: User, charlie_client: Client, folder: Folder
) -> None:
    mine = make_folder(owner=charlie)
    foreign = [{"document": make_document(owner=alice).uuid}, {"knowledge": make_knowledge(owner=alice).uuid}]
    unknown = [{"document": UUID(int=7)}, {"knowledge": UUID(int=7)}, {"document": "no id"}]

    for source in (*foreign, *unknown):
        assert charlie_client.post(url_of(mine, "add_to_folder"), source).status_code == 404
    assert not mine.documents.exists()
    assert not mine.knowledge.exists()


def test_a_file_is_uploaded_into_the_folder(
    alice: User, alice_client: Client, folder: Folder, data_folder: Any
) -> None:
    file = SimpleUploadedFile("harbour.txt", b"The lighthouse was built in 1902.")

    stored = alice_client.post(
        url_of(folder, "upload_to_folder"), {"file": file}, headers={"Accept": "application/json"}
    )

    assert stored.status_code == 201
    assert [document.name for document in folder.documents.all()] == ["harbour.txt"]


def test_a_full_folder_says_so_before_a_file_is_stored(alice: User, alice_client: Client, folder: Folder) -> None:
    folder.documents.add(*(make_document(owner=alice) for _ in range(MAX_FOLDER_SOURCES)))
    file = SimpleUploadedFile("harbour.txt", b"The lighthouse was built in 1902.")

    refused = alice_client.post(
        url_of(folder, "upload_to_folder"), {"file": file}, headers={"Accept": "application/json"}
    )
    added = alice_client.post(
        url_of(folder, "add_to_folder"), {"document": make_document(owner=alice).uuid}, headers=HTMX
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "folder_full")
    assert refused.json()["error"] == added.content.decode()
    assert not Document.objects.filter(name="harbour.txt").exists()


# ---- moving and deleting ---------------------------------------------------------------------------


def test_the_folders_to_move_to_are_offered(alice: User, alice_client: Client, folder: Folder) -> None:
    make_folder(owner=alice, name="Bakery")
    chat = make_chat(owner=alice, folder=folder)

    panel = alice_client.get(reverse("chats:move", args=[chat.uuid])).context["panel"]

    assert [(target.name, target.is_current) for target in panel.folders] == [("Bakery", False), ("Harbour", True)]
    assert panel.is_in_folder


def test_a_chat_is_moved_in_and_out_and_into_a_new_folder(alice: User, alice_client: Client, folder: Folder) -> None:
    chat = make_chat(owner=alice)
    url = reverse("chats:move", args=[chat.uuid])
    places = []
    for fields in ({"folder": str(folder.uuid)}, {"folder": ""}, {"new": "Garden"}):
        assert alice_client.post(url, fields, headers=HTMX).status_code == 204
        places.append(str(Chat.objects.get().folder))

    assert places == ["Harbour", "None", "Garden"]


def test_a_chat_moves_neither_to_anothers_folder_nor_from_anothers_list(
    alice: User, charlie: User, charlie_client: Client, folder: Folder
) -> None:
    own, foreign = make_chat(owner=charlie), make_chat(owner=alice, folder=folder)
    mine = make_folder(owner=charlie)
    tries = [(own, folder.uuid), (own, UUID(int=7)), (foreign, mine.uuid), (foreign, "")]

    for chat, wanted in tries:
        assert charlie_client.post(reverse("chats:move", args=[chat.uuid]), {"folder": wanted}).status_code == 404
    assert charlie_client.post(reverse("chats:move", args=[foreign.uuid]), {"new": "Loot"}).status_code == 404

    assert not Folder.objects.filter(name="Loot").exists()
    assert (Chat.objects.get(pk=own.pk).folder, Chat.objects.get(pk=foreign.pk).folder) == (None, folder)


@pytest.mark.parametrize("with_chats", ["", "1"])
def test_a_deleted_folder_is_not_there_until_it_is_brought_back(
    alice: User, alice_client: Client, folder: Folder, model_server: Upstream, with_chats: str
) -> None:
    chat = make_chat(owner=alice, folder=folder)
    page = reverse("chats:chat", args=[chat.uuid])

    deleted = alice_client.post(url_of(folder, "delete_folder"), {"with_chats": with_chats}, headers=HTMX)
    gone = (alice_client.get(url_of(folder)).status_code, alice_client.get(page).status_code)
    undone = alice_client.post(url_of(folder, "undo_delete_folder"), headers=HTMX)

    assert (deleted.status_code, undone.status_code) == (204, 204)
    assert gone == (404, 404 if with_chats else 200)
    assert alice_client.get(url_of(folder)).status_code == 200
    assert Chat.objects.get(deleted_at=None).folder == folder


# ---- what open pages hear --------------------------------------------------------------------------


async def test_a_question_in_a_folder_shows_the_folder_anew_and_leaves_the_list(
    site: Upstream, folder: Folder, alice_page: Page, alice_client: Client
) -> None:
    other_tab = Page(alice_client)
    async with alice_page as page, other_tab:
        await page.send("How hot is a fire?", folder=str(folder.uuid))
        changed = await page.until("folder.changed")
        elsewhere = await other_tab.until("folder.changed")

    assert (changed["folder"], changed["title"]) == (str(folder.uuid), "How hot is a fire?")
    assert "How hot is a fire?" in changed["html"]
    assert elsewhere == changed


async def test_a_moved_chat_is_told_to_its_owners_pages_alone(
    site: Upstream, folder: Folder, alice: User, alice_page: Page, alice_client: Client, charlie_page: Page
) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice)
    url = reverse("chats:move", args=[chat.uuid])
    async with alice_page as page, charlie_page as other:
        await database_sync_to_async(alice_client.post)(url, {"folder": str(folder.uuid)}, headers=HTMX)
        await page.until("sidebar.changed")
        moved = await page.until("chat.moved")
        await database_sync_to_async(alice_client.post)(url, {}, headers=HTMX)
        out = await page.until("chat.moved")
        assert await other.hears_nothing_but()

    assert (moved["chat"], moved["folder"]) == (str(chat.uuid), str(folder.uuid))
    assert url_of(folder) in moved["html"]
    assert (out["folder"], out["html"].strip()) == (None, "")
