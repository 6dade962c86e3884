"""Pictures: drawn anew, sent to models that see, shown to their owner alone, and gone with their chat."""

from __future__ import annotations

import io
import zlib
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image as Drawing
from PIL.PngImagePlugin import PngInfo

from inference import catalog
from tests.chats.pages import Page
from tests.doubles.upstream import FakeModel, Upstream
from tests.factories import make_answer, make_chat, make_image, make_message
from webui.accounts.models import User
from webui.chats.conf import UNDO_WINDOW
from webui.chats.models import Image, Message
from webui.chats.services import chats, forks, generations, images, messages, purging, removals
from webui.presets.errors import PictureRefused

SECRET = b"59.9 N 10.7 E"
ORIENTATION = 0x0112


@pytest.fixture
def seeing(upstream: Upstream) -> Upstream:
    upstream.models = [
        FakeModel(name="tiny:latest"), FakeModel(name="eyes:latest", capabilities=("completion", "vision")),
    ]  # fmt: skip
    return upstream


def file_of(kind: str = "PNG", size: tuple[int, int] = (6, 4), mode: str = "RGB", **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    Drawing.new(mode, size, "teal").save(file, kind, **options)
    file.seek(0)
    return file


def upload(client: Client, data: bytes, name: str = "photo.png") -> Any:
    return client.post(reverse("chats:upload_image"), {"file": SimpleUploadedFile(name, data)})


def opened(content: bytes) -> Drawing.Image:
    return Drawing.open(io.BytesIO(content))


# ---- drawn anew --------------------------------------------------------------------------------------


def photo() -> bytes:
    """A photograph that lies on its side, taken at a place, with a comment and a profile."""
    exif = Drawing.Exif()
    exif[ORIENTATION] = 6
    exif[0x9286] = SECRET
    return file_of("JPEG", exif=exif, comment=SECRET, icc_profile=SECRET).getvalue()


def test_of_a_photograph_only_the_pixels_are_kept_the_right_way_up() -> None:
    assert SECRET in photo()

    drawn = images.redraw(io.BytesIO(photo()))

    assert (drawn.width, drawn.height) == (4, 6) == opened(drawn.content).size
    for content in (drawn.content, drawn.preview):
        assert SECRET not in content
        assert opened(content).info == {}


def test_notes_in_a_png_are_not_kept() -> None:
    notes = PngInfo()
    notes.add_text("Comment", SECRET.decode(), zip=True)
    notes.add_itxt("XML:com.adobe.xmp", SECRET.decode())

    drawn = images.redraw(file_of(pnginfo=notes))

    assert opened(drawn.content).info == {}


@pytest.mark.parametrize(
    ("kind", "mode", "media_type"),
    [("PNG", "RGBA", "image/png"), ("PNG", "P", "image/png"), ("WEBP", "RGB", "image/png"), ("JPEG", "L", "image/png"),
     ("JPEG", "CMYK", "image/png"), ("GIF", "P", "image/png")],
)  # fmt: skip
def test_every_kind_of_picture_becomes_one_that_models_read(kind: str, mode: str, media_type: str) -> None:
    # One colour of a few pixels is smaller as a PNG; a photograph is below.
    big_enough = (600, 400)

    assert images.redraw(file_of(kind, size=big_enough, mode=mode)).media_type == media_type


def test_a_photograph_is_bounded_and_a_jpeg() -> None:
    noise = Drawing.effect_noise((3000, 1500), 80).convert("RGB")
    file = io.BytesIO()
    noise.save(file, "PNG")
    file.seek(0)

    drawn = images.redraw(file)

    assert (drawn.media_type, drawn.width, drawn.height) == ("image/jpeg", 2048, 1024)
    assert max(opened(drawn.preview).size) == images.PREVIEW_PX
    assert len(drawn.preview) < len(drawn.content)


def test_of_a_moving_picture_the_first_frame_counts() -> None:
    frames = [Drawing.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    file.seek(0)

    assert opened(images.redraw(file).content).convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says that it has 900 million pixels."""
    header = (30_000).to_bytes(4) * 2 + b"\x08\x02\x00\x00\x00"
    data = zlib.compress(b"\x00" * 100)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    packed = [len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4) for kind, body in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (bomb(), "too_large"),
        (b"", "unreadable"),
        (b"<svg onload='alert(1)' xmlns='http://www.w3.org/2000/svg'/>", "unreadable"),
        (b"%PDF-1.7", "unreadable"),
        (photo()[:200], "unreadable"),
        (b"GIF89a" + b"\xff" * 40, "unreadable"),
    ],
    ids=["bomb", "empty", "svg", "pdf", "cut off", "damaged"],
)
def test_what_is_no_picture_or_a_bomb_is_refused(alice_client: Client, data: bytes, problem: str) -> None:
    with pytest.raises(PictureRefused) as refused:
        images.redraw(io.BytesIO(data))
    assert refused.value.problem == problem

    if data:
        response = upload(alice_client, data, "<b>.png")
        assert response.status_code == (413 if problem == "too_large" else 415)
        assert "“<b>.png” is" in response.json()["error"]
    assert Image.objects.count() == 0


def test_a_file_that_is_too_large_is_not_looked_at(alice_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 10)

    assert upload(alice_client, file_of().getvalue()).status_code == 413
    assert alice_client.post(reverse("chats:upload_image")).status_code == 400


# ---- who sees one ------------------------------------------------------------------------------------


def urls(image: Image) -> list[str]:
    return [reverse(f"chats:{name}", args=[image.uuid]) for name in ("image", "image_preview")]


def test_a_picture_is_its_owners_alone(alice_client: Client, bob_client: Client) -> None:
    uuid = upload(alice_client, file_of().getvalue()).json()["uuid"]

    for url in urls(Image.objects.get(uuid=uuid)):
        shown = alice_client.get(url)
        assert (shown.headers["Content-Type"], shown.headers["X-Content-Type-Options"]) == ("image/png", "nosniff")
        assert opened(shown.content).size == (6, 4)
        assert alice_client.get(url, headers={"If-None-Match": shown.headers["ETag"]}).status_code == 304
        assert bob_client.get(url).status_code == 404


def test_a_deleted_chat_shows_its_pictures_no_more_and_takes_them_along(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice)
    image = make_image(owner=alice, message=make_message(chat))
    other = make_image(owner=alice, message=make_message(make_chat(owner=alice)))

    chats.delete_chat(alice, chat.uuid)
    assert [alice_client.get(url).status_code for url in urls(image)] == [404, 404]
    purging.purge_deleted(timezone.now() + UNDO_WINDOW + timedelta(seconds=1))

    assert list(Image.objects.all()) == [other]


def test_a_deleted_message_shows_its_pictures_no_more(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice)
    image = make_image(owner=alice, message=make_message(chat))
    assert image.message is not None

    removals.delete_message(alice, chat.uuid, image.message.uuid, with_branch=True)

    assert [alice_client.get(url).status_code for url in urls(image)] == [404, 404]
    removals.purge_removed(timezone.now() + UNDO_WINDOW + timedelta(seconds=1))
    assert Image.objects.count() == 0


def test_a_chat_that_goes_on_elsewhere_takes_its_pictures_along(alice: User) -> None:
    chat = make_chat(owner=alice)
    image = make_image(owner=alice, message=make_message(chat))
    make_answer(chat)
    assert image.message is not None

    fork = forks.fork_chat(alice, chat.uuid, image.message.uuid)

    copy = Image.objects.get(message__chat=fork)
    assert copy.uuid != image.uuid and copy.content == image.content and copy.preview == image.preview


def test_pictures_that_are_never_sent_go_after_a_week_or_when_there_are_many(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_UNSENT", 2)
    sent = make_image(owner=alice, message=make_message(make_chat(owner=alice)))
    first, second, third = (make_image(owner=alice, name=name) for name in "abc")
    assert set(Image.objects.all()) == {sent, second, third}

    assert images.purge_unsent(timezone.now()) == 0
    images.purge_unsent(timezone.now() + images.UNSENT_DAYS + timedelta(seconds=1))
    assert list(Image.objects.all()) == [sent]


# ---- with questions ----------------------------------------------------------------------------------


def test_a_question_takes_what_waits_and_gets_copies_of_what_is_anothers(alice: User) -> None:
    image = make_image(owner=alice)

    asked = messages.send_message(alice, content="What is this?", model="quotes", images=[image.uuid])
    image.refresh_from_db()
    assert image.message == asked.answer.parent and asked.attached.images == [image]
    generations.interrupt_abandoned(timezone.now() + timedelta(days=1))
    edited = messages.edit_message(
        alice, chat_uuid=asked.chat.uuid, message_uuid=image.message.uuid, content="And this?", model="quotes"
    )

    assert edited.answer.parent is not None
    copy = edited.answer.parent.images.get()
    assert copy.uuid != image.uuid and copy.content == image.content
    assert Image.objects.count() == 2


async def test_a_picture_reaches_a_model_that_sees_and_is_there_on_later_turns(
    site: Upstream, seeing: Upstream, alice: User, alice_page: Page
) -> None:
    image = await database_sync_to_async(make_image)(owner=alice)
    async with alice_page as page:
        await page.send("What is this?", model="eyes:latest", images=[str(image.uuid)])
        changed = await page.until("branch.changed")
        await page.until("generation.ended")
        await page.send("And its colour?", model="eyes:latest", chat=changed["chat"])
        await page.until("generation.ended")

    assert f"/chats/images/{image.uuid}/preview/" in changed["html"]
    first, second = (request.body["messages"] for request in seeing.requests if request.path == "/api/chat")
    assert [opened(b64decode(data)).size for data in first[-1]["images"]] == [(6, 4)]
    assert second[0]["images"] == first[-1]["images"] and "images" not in second[-1]


async def test_a_model_that_cannot_see_is_refused_before_anything_is_stored(
    site: Upstream, seeing: Upstream, alice: User, alice_page: Page
) -> None:
    image = await database_sync_to_async(make_image)(owner=alice)
    async with alice_page as page:
        for model in ("tiny:latest", "quotes"):
            ref = await page.send("What is this?", model=model, images=[str(image.uuid)])
            refused = await page.until("request.refused", lambda said, ref=ref: said["ref"] == ref)
            assert refused["code"] == "model_cannot_see" and "cannot see pictures" in refused["text"]

    assert await database_sync_to_async(Message.objects.count)() == 0


async def test_another_model_that_cannot_see_answers_without_and_says_so(
    site: Upstream, seeing: Upstream, alice: User, alice_page: Page
) -> None:
    chat = await database_sync_to_async(_asked_with_picture)(alice)
    async with alice_page as page:
        await page.send("And its colour?", model="tiny:latest", chat=str(chat))
        ended = await page.until("generation.ended")

    assert "This model cannot see pictures: 1 was not sent" in ended["html"]
    sent = seeing.requests[-1].body["messages"]
    assert all("images" not in message for message in sent)


def _asked_with_picture(owner: User) -> Any:
    chat = make_chat(owner=owner)
    make_image(owner=owner, message=make_message(chat, content="What is this?"))
    make_answer(chat)
    return chat.uuid


async def test_nobody_attaches_what_is_anothers(
    site: Upstream, seeing: Upstream, alice: User, charlie_page: Page
) -> None:
    image = await database_sync_to_async(make_image)(owner=alice)
    async with charlie_page as page:
        await page.send("What is this?", model="eyes:latest", images=[str(image.uuid)])
        refused = await page.until("request.refused")

    assert refused["code"] == "not_found"
    await database_sync_to_async(image.refresh_from_db)()
    assert image.message_id is None


def test_a_branch_does_not_read_pixels(alice: User, django_assert_num_queries: Callable[..., Any]) -> None:
    make_image(owner=alice, message=make_message(make_chat(owner=alice)))

    with django_assert_num_queries(1) as told:
        image = Image.objects.get()

    assert image.get_deferred_fields() == {"content", "preview"}
    assert '"content"' not in told[0]["sql"]


@pytest.fixture(autouse=True)
def _forget_models() -> None:
    catalog.forget()
