"""Temporary chats, on real sockets, with real files and vectors: nothing of them outlives the page."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from rag.models import Document
from rag.services import documents, web_pages
from tests.chats.pages import Page
from tests.chats.services.test_purging import n_searchable, n_vectors, stored_files
from tests.doubles.pictures import png
from tests.doubles.upstream import Upstream
from tests.doubles.web_server import web_server
from tests.factories import make_answer, make_chat, make_message
from tests.rag.fixtures import ingest_all
from webui.accounts.models import User
from webui.chats import access, background, leaving, queries
from webui.chats.models import Chat, Generation, Image, Message, Upload
from webui.chats.services import images, temporary

WAIT_S = 30.0


@pytest.fixture(autouse=True)
def _empty_index(request: pytest.FixtureRequest) -> None:
    """The search index is no model's, so nothing else empties it between tests that commit."""
    request.getfixturevalue("transactional_db" if "site" in request.fixturenames else "db")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM chats_search")


@database_sync_to_async
def begin(client: Client) -> str:
    response = client.post(reverse("chats:temporary"))
    assert response.status_code == 302
    return str(response["Location"]).rstrip("/").rsplit("/", 1)[-1]


@database_sync_to_async
def rows() -> tuple[int, int, int]:
    return Chat.objects.count(), Message.objects.count(), n_searchable()


async def until_gone() -> None:
    async with asyncio.timeout(WAIT_S):
        while (await rows()) != (0, 0, 0):
            await asyncio.sleep(0.02)


async def asked(page: Page, chat: str, content: str = "How hot is a fire?") -> None:
    await page.open(chat)
    await page.send(content, chat=chat)
    await page.until("generation.ended")


async def test_a_temporary_chat_is_answered_and_gone_when_its_page_is_left(
    site: Upstream, alice_page: Page, alice_client: Client
) -> None:
    chat = await begin(alice_client)
    async with alice_page as page:
        await asked(page, chat)
        while_open = await rows()
        await page.say({"type": "chat.closed", "chat": chat})
        await until_gone()

    assert while_open == (1, 2, 2)


async def test_it_is_gone_when_the_connection_has_been_away_for_a_moment(
    site: Upstream, alice_page: Page, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving.end_temporary, "__defaults__", (0.05,))
    chat = await begin(alice_client)

    async with alice_page as page:
        await asked(page, chat)

    await until_gone()


async def test_a_page_that_comes_back_in_time_finds_it(
    site: Upstream, alice_page: Page, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving.end_temporary, "__defaults__", (0.3,))
    chat = await begin(alice_client)
    async with alice_page as page:
        await asked(page, chat)

    async with Page(alice_client) as again:
        await asked(again, chat, "And a candle?")
        await asyncio.sleep(0.6)
        there = await rows()

    assert there == (1, 4, 4)


async def test_an_answer_that_is_being_written_is_stopped_and_goes_too(
    site: Upstream, alice_page: Page, alice_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    chat = await begin(alice_client)
    async with alice_page as page:
        await page.open(chat)
        await page.send("@fake tokens=400 delay=0.05 Tell me all.", chat=chat)
        await page.until_one_of("text.added", "tail.changed", "block.finished")
        await page.say({"type": "chat.closed", "chat": chat})
        await until_gone()

    assert not [record for record in caplog.records if record.name.startswith("webui")]


async def test_no_list_of_any_page_hears_of_it(site: Upstream, alice_page: Page, alice_client: Client) -> None:
    chat = await begin(alice_client)
    other_tab = Page(alice_client)
    async with alice_page as page, other_tab:
        await asked(page, chat)
        assert await other_tab.hears_nothing_but()

    kinds = {event["type"] for event in page.events}
    assert not kinds & {"sidebar.changed", "chat.moved_up", "folder.changed", "chats.changed"}


def upload_picture(client: Client, chat: str) -> Any:
    file = SimpleUploadedFile("a.png", png(6, 4))
    return client.post(f"{reverse('chats:upload_image')}?chat={chat}", {"file": file})


async def test_what_was_uploaded_in_it_goes_with_file_and_vectors_asked_or_not(
    site: Upstream, alice_page: Page, alice_client: Client, data_folder: Path, embedder: Any, shared_database: None
) -> None:
    chat = await begin(alice_client)

    @database_sync_to_async
    def upload(name: str) -> str:
        file = SimpleUploadedFile(name, f"The lighthouse of {name} was built in 1902.".encode())
        url = f"{reverse('chats:upload')}?chat={chat}"
        response = alice_client.post(url, {"file": file}, headers={"Accept": "application/json"})
        return str(response.json()["uuid"])

    @database_sync_to_async
    def state() -> tuple[int, int, int, int]:
        return Document.objects.count(), n_vectors(*ids), len(stored_files(data_folder)), Image.objects.count()

    @database_sync_to_async
    def all_ids() -> list[int]:
        return list(Document.objects.values_list("pk", flat=True))

    sent, _unsent = await upload("sent.txt"), await upload("unsent.txt")
    await database_sync_to_async(upload_picture)(alice_client, chat)
    await sync_to_async(ingest_all)()
    ids = await all_ids()
    before = await state()
    async with alice_page as page:
        await page.open(chat)
        await page.send("When was it built?", model="quotes", chat=chat, documents=[sent])
        await page.until("generation.ended")
        await page.say({"type": "chat.closed", "chat": chat})
        await until_gone()

    assert before == (2, 2, 2, 1)
    assert await state() == (0, 0, 0, 0)


# ---- after a crash ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_upkeep_removes_what_no_page_shows_and_keeps_the_others(alice: User) -> None:
    shown, left = temporary.begin_temporary(alice), temporary.begin_temporary(alice)
    Chat.objects.update(temporary_until=timezone.now() - timedelta(seconds=1))
    kept = make_chat(owner=alice)

    background.clear_up({str(shown.uuid)})

    assert set(Chat.objects.all()) == {shown, kept}
    assert not Chat.objects.filter(pk=left.pk).exists()


@pytest.mark.django_db
def test_after_a_crash_it_is_gone_at_the_start_answering_or_not(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = make_chat(owner=alice, temporary_until=timezone.now() - timedelta(seconds=1))
    make_message(chat)
    make_answer(chat, state=Generation.State.RUNNING, heartbeat_at=timezone.now() - timedelta(hours=1))
    monkeypatch.setattr(background, "PROCESS_STARTED", timezone.now())

    background.recover()

    assert not Chat.objects.exists()


@pytest.mark.django_db
def test_what_waited_in_the_composer_at_a_crash_is_gone_at_the_start(
    alice: User, alice_client: Client, data_folder: Path
) -> None:
    left, kept = temporary.begin_temporary(alice), temporary.begin_temporary(alice)
    for chat in (left, kept):
        upload_picture(alice_client, str(chat.uuid))
        file = SimpleUploadedFile("a.txt", f"Notes of {chat.uuid}.".encode())
        alice_client.post(f"{reverse('chats:upload')}?chat={chat.uuid}", {"file": file})
    Chat.objects.filter(pk=left.pk).update(temporary_until=timezone.now() - timedelta(seconds=1))
    before = len(stored_files(data_folder))

    background.recover()

    assert [image.temporary_chat for image in Image.objects.all()] == [kept]
    assert [upload.temporary_chat for upload in Upload.objects.all()] == [kept]
    assert (before, len(stored_files(data_folder)), Document.objects.count()) == (2, 1, 1)


@pytest.mark.django_db
def test_a_picture_that_is_sent_elsewhere_stays(alice: User, alice_client: Client) -> None:
    chat = temporary.begin_temporary(alice)
    image = Image.objects.get(uuid=upload_picture(alice_client, str(chat.uuid)).json()["uuid"])

    images.attach_images(make_message(make_chat(owner=alice)), [image])
    chat.delete()

    assert Image.objects.filter(pk=image.pk).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "module", "slow"),
    [("upload", documents, "_digest"), ("upload_image", images, "redraw"), ("fetch_page", web_pages, "_fetch")],
)
def test_what_arrives_after_it_has_gone_is_not_stored(
    alice: User, alice_client: Client, data_folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch,
    name: str, module: Any, slow: str,
) -> None:  # fmt: skip
    chat = temporary.begin_temporary(alice)
    work = getattr(module, slow)

    def work_while_the_page_is_left(*given: Any) -> Any:
        chat.delete()
        return work(*given)

    monkeypatch.setattr(module, slow, work_while_the_page_is_left)
    settings.HEARTH_WEB_PAGE_HOSTS = ["127.0.0.1"]

    with web_server() as web:
        body = {"address": web.page("/light", "<p>A note.</p>"), "chat": str(chat.uuid)}
        file = SimpleUploadedFile("a.png", png(6, 4))
        response = alice_client.post(f"{reverse(f'chats:{name}')}?chat={chat.uuid}", body | {"file": file})

    assert response.status_code == 404
    assert (Document.objects.count(), Image.objects.count(), stored_files(data_folder)) == (0, 0, [])


# ---- whose it is -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_stands_in_no_list(alice: User) -> None:
    make_message(temporary.begin_temporary(alice))

    assert not queries.visible_chats(alice).exists()
    assert not queries.kept_chats(alice).exists()
    assert queries.chat_page(alice).rows == []


@pytest.mark.django_db
def test_its_page_is_marked_and_begins_with_what_it_is(
    alice: User, alice_client: Client, model_server: Upstream
) -> None:
    chat = temporary.begin_temporary(alice)

    page = alice_client.get(reverse("chats:chat", args=[chat.uuid]))

    assert page.context["page"].is_temporary
    assert b"data-temporary" in page.content
    assert b"Nothing of this is kept" in page.content


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["upload", "upload_image"])
def test_charlie_neither_reads_it_nor_puts_a_file_into_it(
    alice: User, charlie: User, charlie_client: Client, name: str
) -> None:
    chat = temporary.begin_temporary(alice)
    url = f"{reverse(f'chats:{name}')}?chat={chat.uuid}"

    with pytest.raises(Http404):
        access.temporary_chat_read(charlie, chat.uuid)
    response = charlie_client.post(url, {"file": SimpleUploadedFile("a.png", png(6, 4))})
    assert response.status_code == 404
    assert not Document.objects.exists() and not Image.objects.exists()


@pytest.mark.django_db
def test_a_file_for_a_chat_that_is_no_temporary_one_is_not_taken_as_one(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice)

    response = alice_client.post(f"{reverse('chats:upload')}?chat={chat.uuid}", {"file": SimpleUploadedFile("a", b"a")})

    assert response.status_code == 404
