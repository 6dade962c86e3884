"""Pictures that are answers, from the socket to the page, and whatever becomes of their chat."""

from __future__ import annotations

import html
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from django.urls import reverse
from PIL import Image as Drawing
from PIL.PngImagePlugin import PngInfo

from tests.chats.pages import Event, Page
from tests.doubles.image_servers import ImageServer, image_server
from tests.doubles.pictures import png
from tests.doubles.upstream import FakeModel, Upstream
from tests.factories import make_answer, make_chat, make_message
from webui.accounts.audiences import Audience
from webui.accounts.models import User
from webui.administration.models import SiteSetting
from webui.chats.models import PICTURES, Generation, Image, Message
from webui.chats.services import images, sharing
from webui.chats.services.forks import fork_chat
from webui.chats.services.tasks import PICTURE_MADE
from webui.chats.shown_branch import columns_beside
from webui.chats.transfer import papers
from webui.imagery import services
from webui.imagery.backends import requests
from webui.imagery.models import ImageConnection

pytestmark = pytest.mark.django_db


@pytest.fixture
def painter(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageServer]:
    monkeypatch.setattr(requests, "POLL_S", 0.02)
    with image_server("automatic1111") as server:
        connect(server)
        yield server


def connect(server: ImageServer, **values: Any) -> ImageConnection:
    usual = {"name": "Studio", "kind": server.kind, "base_url": server.url, "sizes": [[640, 512], [512, 512]]}
    return services.create_connection(**(usual | values))


async def made(page: Page, content: str = "a cat", **fields: Any) -> Event:
    """Ask for a picture; return how its answer ended."""
    await page.send(content, to=PICTURES, **fields)
    await page.until("branch.changed")
    return await page.until("generation.ended")


@database_sync_to_async
def the_answer() -> Message:
    return Message.objects.select_related("generation", "parent", "chat").get(role="assistant")


@database_sync_to_async
def pictures_of(message: Message) -> list[Image]:
    return list(Image.objects.defer(None).filter(message=message))


def png_with_notes(width: int = 64, height: int = 48) -> bytes:
    notes, file = PngInfo(), io.BytesIO()
    notes.add_text("parameters", "a secret of the server")
    Drawing.new("RGB", (width, height), "teal").save(file, "PNG", pnginfo=notes)
    return file.getvalue()


# ---- asking --------------------------------------------------------------------------------------


async def test_words_become_a_picture_that_is_stored_and_shown(
    site: Upstream, painter: ImageServer, alice: User, alice_page: Page, alice_client: Client
) -> None:
    painter.picture = png_with_notes()
    async with alice_page as page:
        ended = await made(page, picture={"seed": 7, "count": 2})

    answer = await the_answer()
    first, second = await pictures_of(answer)
    assert ended["state"] == "finished"
    assert f"/chats/images/{first.uuid}/preview/" in ended["html"] and f'alt="{first.name}"' in ended["html"]
    assert (first.name, first.owner_id, first.width, first.height) == ("a cat", alice.pk, 64, 48)
    assert b"secret" not in first.content
    assert first.uuid != second.uuid
    assert (answer.model, answer.answerer, answer.content) == ("Studio", PICTURES, "")
    assert answer.generation.ledger["picture"]["seeds"] == [7, 8]
    # The model that the page has picked stays that of the chat, and was not asked.
    assert answer.chat.model == "tiny:latest"
    assert "/api/chat" not in site.paths()


async def test_progress_is_told_where_the_picture_will_be(
    site: Upstream, painter: ImageServer, alice_page: Page
) -> None:
    painter.go.clear()
    painter.percent = 40
    async with alice_page as page:
        await page.send("a cat", to=PICTURES)
        changed = await page.until("branch.changed")
        told = await page.until("generation.progressed", lambda event: "40" in event["text"])
        painter.go.set()
        await page.until("generation.ended")

    assert "Waiting for the picture" in changed["html"]
    assert told["text"] == "Making the picture, 40 %, 0 s"


async def test_progress_is_told_in_the_language_of_the_browser_of_who_has_chosen_none(
    site: Upstream, painter: ImageServer, alice_client: Client
) -> None:
    painter.go.clear()
    painter.percent = 40
    async with Page(alice_client, language="zh-CN") as page:
        await page.send("a cat", to=PICTURES)
        told = await page.until("generation.progressed", lambda event: "40" in event["text"])
        painter.go.set()
        await page.until("generation.ended")

    assert told["text"].startswith("正在生成图片")


async def test_stop_ends_it_at_the_server_too(site: Upstream, painter: ImageServer, alice_page: Page) -> None:
    painter.go.clear()
    async with alice_page as page:
        await page.send("a cat", to=PICTURES)
        told = await page.until("generation.progressed", lambda _: bool(painter.drawn))
        await page.stop(told)
        ended = await page.until("generation.ended")

    assert ended["state"] == "stopped"
    assert "Stopped" in ended["html"]
    assert painter.stopped == ["interrupt"]


async def test_another_picture_of_the_same_words_is_a_sibling_with_another_seed(
    site: Upstream, painter: ImageServer, alice_page: Page
) -> None:
    async with alice_page as page:
        first = await made(page, picture={"seed": 7, "size": "512x512", "negative_prompt": "dogs"})
        await page.regenerate(first["chat"], first["message"], to=PICTURES)
        await page.until("branch.changed")
        second = await page.until("generation.ended")

    assert 'siblings__count numbers">2/2' in second["html"]
    one, other = painter.drawn
    assert one["seed"] == 7 != other["seed"]
    assert one | {"seed": 0} == other | {"seed": 0}
    assert (other["width"], other["negative_prompt"]) == (512, "dogs")


async def test_other_words_are_drawn_as_the_ones_before(site: Upstream, painter: ImageServer, alice_page: Page) -> None:
    async with alice_page as page:
        first = await made(page, picture={"size": "512x512"})
        question = await database_sync_to_async(lambda: str(Message.objects.get(role="user").uuid))()
        await page.edit(first["chat"], question, "a dog", to=PICTURES)
        await page.until("branch.changed")
        await page.until("generation.ended")

    assert [(body["prompt"], body["width"]) for body in painter.drawn] == [("a cat", 512), ("a dog", 512)]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda server: server.break_with(401, b"{}"), "refused our credentials"),
        (lambda server: server.break_with(500, b'{"error": "CUDA out of memory"}'), "CUDA out of memory"),
        (lambda server: server.break_with(200, b"<html>", "text/html"), "is not a model server"),
        (lambda server: server.break_with(200, b'{"images": []}'), "What came back is no picture"),
        (lambda server: setattr(server, "picture", b"GIF89a<script>"), "What came back is no picture"),
        (lambda server: setattr(server, "picture", bomb()), "What came back is no picture"),
    ],
    ids=["key", "error", "page", "none", "no picture", "bomb"],
)
async def test_what_goes_wrong_is_said_in_place_of_the_picture(
    site: Upstream,
    painter: ImageServer,
    alice_page: Page,
    break_it: Callable[[ImageServer], None],
    words: str,
) -> None:
    break_it(painter)
    async with alice_page as page:
        ended = await made(page)

    assert ended["state"] == "failed"
    assert words in html.unescape(ended["html"])
    assert 'data-action="regenerate"' in ended["html"]
    assert await pictures_of(await the_answer()) == []


def bomb() -> bytes:
    """A small file that says it is 30,000 pixels on each side."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))


async def test_an_address_in_a_private_network_is_not_fetched(
    site: Upstream, transactional_db: None, alice_page: Page
) -> None:
    with image_server("openai") as server, image_server("openai") as other:
        server.with_urls = f"http://127.0.0.1:{other.port}/made.png"
        await database_sync_to_async(connect)(server)
        async with alice_page as page:
            ended = await made(page)

    assert "an address that is not fetched" in ended["html"]
    assert other.asked == []


@pytest.mark.parametrize("how", ["nothing there", "switched off", "of a group"])
async def test_who_may_not_is_refused_and_nothing_is_stored(
    site: Upstream, painter: ImageServer, alice_page: Page, alice_client: Client, how: str
) -> None:
    await database_sync_to_async(_forbid)(how)
    async with alice_page as page:
        await page.send("a cat", to=PICTURES)
        refused = await page.until("request.refused")
        command = await database_sync_to_async(alice_client.post)(
            reverse("chats:command"), {"command": "/image a cat", "model": "tiny:latest"}
        )
        shown = await database_sync_to_async(alice_client.get)(reverse("chats:new"))

    assert refused["code"] == "pictures_unavailable"
    assert "No pictures can be made" in command.json()["refusal"]
    assert b"data-draw " not in shown.content and b'"/image"' not in shown.content
    assert await database_sync_to_async(Message.objects.count)() == 0


def _forbid(how: str) -> None:
    if how == "nothing there":
        ImageConnection.objects.all().delete()
    elif how == "of a group":
        ImageConnection.objects.update(is_restricted=True)
    else:
        SiteSetting.objects.create(name="pictures", value="off")


async def test_charlie_asks_for_none_in_anothers_chat(
    site: Upstream, painter: ImageServer, alice: User, alice_client: Client, charlie_page: Page
) -> None:
    async with Page(alice_client) as page:
        ended = await made(page)
    question = await database_sync_to_async(lambda: str(Message.objects.get(role="user").uuid))()
    async with charlie_page as page:
        for ask in (
            page.send("a cat", to=PICTURES, chat=ended["chat"]),
            page.edit(ended["chat"], question, "a dog", to=PICTURES),
            page.regenerate(ended["chat"], ended["message"], to=PICTURES),
        ):
            await ask
            assert (await page.until("request.refused"))["code"] == "not_found"

    assert len(painter.drawn) == 1


@pytest.mark.parametrize(
    "wish", [{"count": 5}, {"count": True}, {"seed": -1}, {"seed": "7"}, {"size": "x" * 99}, {"prompt": "x"}, [], 3]
)
async def test_a_wish_that_is_none_is_refused(
    site: Upstream, painter: ImageServer, alice_page: Page, wish: Any
) -> None:
    async with alice_page as page:
        await page.send("a cat", to=PICTURES, picture=wish)
        assert (await page.until("request.refused"))["code"] == "malformed"


async def test_nobody_else_is_asked_for_pictures_by_that_name(
    site: Upstream, painter: ImageServer, alice_page: Page
) -> None:
    async with alice_page as page:
        await page.send("a cat", model=PICTURES)
        assert (await page.until("request.refused"))["code"] == "model_not_found"


# ---- in the chat ---------------------------------------------------------------------------------


@pytest.fixture
def drawn(alice: User) -> Message:
    """An answer that is a picture."""
    question = make_message(make_chat(owner=alice), content="a cat", picture_wish={"count": 1})
    answer = make_answer(
        question.chat,
        content="",
        model="Studio",
        ledger={"picture": {"connection": "Studio", "seeds": [7], "size": "640x512", "drawn_s": 2.5}},
    )
    answer.answerer = PICTURES
    answer.save(update_fields=["answerer"])
    images.store_pictures(alice.pk, answer.pk, "a cat", [images.redraw(io.BytesIO(png(64, 48)))])
    return answer


async def test_a_model_that_sees_is_shown_the_picture_with_the_next_question(
    site: Upstream, drawn: Message, alice_page: Page
) -> None:
    eyes = FakeModel(name="eyes:latest", capabilities=("completion", "vision"))
    site.models = [FakeModel(name="tiny:latest"), eyes]
    async with alice_page as page:
        await page.send("What colour is it?", model="eyes:latest", chat=str(drawn.chat.uuid))
        await page.until("generation.ended")
        await page.send("And now?", model="tiny:latest", chat=str(drawn.chat.uuid))
        blind = await page.until("generation.ended")

    seen, unseen = (request.body["messages"] for request in site.requests if request.path == "/api/chat")
    assert [message["role"] for message in seen] == ["user", "assistant", "user"]
    assert seen[1]["content"] == PICTURE_MADE
    assert [len(message.get("images", ())) for message in seen] == [0, 0, 1]
    assert not any("images" in message for message in unseen)
    assert "This model cannot see pictures: 1 was not sent" in blind["html"]


def test_about_this_answer_tells_how_it_was_made(drawn: Message, alice_client: Client) -> None:
    page = alice_client.get(reverse("chats:message_info", args=[drawn.chat.uuid, drawn.uuid])).content.decode()

    for words in ("Studio", "640x512", "Seed", "Picture made", "2.5"):
        assert words in page


def test_a_page_shows_it_after_a_reload_without_reading_pixels(
    drawn: Message, alice_client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(40) as told:
        page = alice_client.get(reverse("chats:chat", args=[drawn.chat.uuid])).content.decode()

    image = drawn.images.get()
    assert f'href="/chats/images/{image.uuid}/"' in page
    assert 'download="a-cat.png"' in page
    assert not any('"chats_image"."content"' in query["sql"] for query in told.captured_queries)


def test_it_goes_where_its_chat_goes(drawn: Message, alice: User, bob: User) -> None:
    fork = fork_chat(alice, drawn.chat.uuid, drawn.uuid)
    link = sharing.share_chat(drawn.chat, is_live=True)
    copy = sharing.copy_shared(bob, link)

    for chat, owner in ((fork, alice), (copy, bob)):
        answer = chat.messages.get(role="assistant")
        assert answer.is_picture
        assert [image.owner_id for image in answer.images.all()] == [owner.pk]
    drawn.chat.delete()
    assert Image.objects.count() == 2


def test_who_may_read_the_shared_chat_sees_it_and_nobody_else(
    drawn: Message, bob: User, bob_client: Client, charlie_client: Client
) -> None:
    link = sharing.share_chat(drawn.chat, is_live=False)
    sharing.grant(link, Audience(user=bob))
    url = reverse("chats:shared_image", args=[link.uuid, drawn.images.get().uuid])

    assert url in bob_client.get(reverse("chats:shared", args=[link.uuid])).content.decode()
    assert bob_client.get(url).status_code == 200
    assert charlie_client.get(url).status_code == 404
    assert charlie_client.get(reverse("chats:image", args=[drawn.images.get().uuid])).status_code == 404


def test_exports_for_people_have_it(drawn: Message) -> None:
    assert '<img src="data:image/png;base64,' in papers.as_html(drawn.chat)
    assert 'alt="a cat"' in papers.as_html(drawn.chat)
    assert "Picture: a cat" in papers.as_markdown(drawn.chat)


def test_several_pictures_stand_side_by_side(drawn: Message) -> None:
    other = Message.objects.create(
        chat=drawn.chat, parent=drawn.parent, role="assistant", model="Studio", answerer=PICTURES
    )
    Generation.objects.create(message=other, asked_by=drawn.chat.owner, state="finished")

    assert [column.pk for column in columns_beside(other)] == [drawn.pk, other.pk]


def test_a_word_in_the_field_asks_for_a_picture(painter: ImageServer, alice_client: Client) -> None:
    word = {"command": "/image a cat in a hat", "model": "tiny:latest"}

    assert alice_client.post(reverse("chats:command"), word).json() == {"draw": "a cat in a hat"}
    assert alice_client.post(reverse("chats:command"), word | {"command": "/image"}).json() == {"draw": ""}
