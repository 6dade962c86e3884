"""Pictures that go with questions, or are answers: taken in, attached, read for a model, and removed."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import IO, Any, Final

from django.db import transaction
from django.utils.text import Truncator
from PIL import Image as Drawing

from webui.accounts.models import User
from webui.chats.models import Chat, Image, Message
from webui.chats.services.temporary import hold
from webui.presets.errors import PictureRefused
from webui.presets.pictures import digest_of, encoded, upright

MAX_FILE_BYTES: Final = 32 * 1024 * 1024
SIDE_PX: Final = 2048
"""More than any model looks at."""
PREVIEW_PX: Final = 480
JPEG_QUALITY: Final = 90
SMALL_BYTES: Final = 32 * 1024
PNG_BYTES_PER_PIXEL: Final = 0.5
"""Up to there a picture is a PNG: writing on a screen, which JPEG smears. Photographs take more."""
UNSENT_DAYS: Final = timedelta(days=7)
"""How long a picture waits in the composer of somebody who does not send it."""
MAX_UNSENT: Final = 100
NAME_MAX_LENGTH: Final = 255
PNG_MAGIC: Final = b"\x89PNG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrawn:
    """A picture as it is kept."""

    media_type: str
    width: int
    height: int
    content: bytes
    preview: bytes


def redraw(file: IO[bytes]) -> Redrawn:
    """Return a picture without anything that is not to be seen, of bounded size. Raises PictureRefused."""
    picture = upright(file, least_px=SIDE_PX)
    picture.thumbnail((SIDE_PX, SIDE_PX))
    media_type, content = _smaller_file(picture)
    small = picture.copy()
    small.thumbnail((PREVIEW_PX, PREVIEW_PX))
    _, preview = _smaller_file(small)
    return Redrawn(media_type=media_type, width=picture.width, height=picture.height, content=content, preview=preview)


def _smaller_file(picture: Drawing.Image) -> tuple[str, bytes]:
    content = encoded(picture, "PNG")
    most = picture.width * picture.height * PNG_BYTES_PER_PIXEL
    if picture.mode == "RGBA" or len(content) <= max(SMALL_BYTES, most):
        return "image/png", content
    return "image/jpeg", encoded(picture, "JPEG", quality=JPEG_QUALITY, optimize=True)


def create_image(owner: User, name: str, file: IO[bytes], *, temporary_chat: Chat | None = None) -> Image:
    """Take in a picture that waits to be sent.

    Of too many that wait, those that have waited longest go.

    Raises:
        PictureRefused
        NotFound: The temporary chat has gone meanwhile.
    """
    drawn = redraw(file)
    with transaction.atomic():
        hold(temporary_chat)
        image = _stored(owner, name, drawn, temporary_chat=temporary_chat)
    waiting = Image.objects.filter(owner=owner, message=None).order_by("-created_at", "-pk")
    Image.objects.filter(pk__in=list(waiting.values_list("pk", flat=True)[MAX_UNSENT:])).delete()
    return image


def redraw_unless(file: IO[bytes], drawn_here: str) -> Redrawn:
    """Return a picture of a file as `redraw` does.

    Args:
        drawn_here: The digest of a file that was made so already, which then stays as it is.

    Raises:
        PictureRefused
    """
    content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise PictureRefused(PictureRefused.TOO_LARGE)
    drawn = redraw(io.BytesIO(content))
    if drawn_here and digest_of(content) == drawn_here:
        media_type = "image/png" if content.startswith(PNG_MAGIC) else "image/jpeg"
        drawn = replace(drawn, content=content, media_type=media_type)
    return drawn


def keep_image(message: Message, name: str, drawn: Redrawn, **fields: Any) -> Image:
    """Let a message of the person's own have a picture that was drawn already."""
    return _stored(message.chat.owner, name, drawn, message=message, **fields)


def _stored(owner: User, name: str, drawn: Redrawn, **fields: Any) -> Image:
    return Image.objects.create(
        owner=owner,
        name=name[-NAME_MAX_LENGTH:],
        media_type=drawn.media_type,
        width=drawn.width,
        height=drawn.height,
        digest=digest_of(drawn.content),
        content=drawn.content,
        preview=drawn.preview,
        **fields,
    )


def store_pictures(owner_id: int, message_id: int, words: str, drawn: Sequence[Redrawn]) -> list[Image]:
    """Let an answer be pictures that were made of these words; a statement for all of them."""
    name = Truncator(" ".join(words.split())).chars(NAME_MAX_LENGTH)
    return Image.objects.bulk_create(
        Image(
            owner_id=owner_id,
            message_id=message_id,
            name=name,
            media_type=one.media_type,
            width=one.width,
            height=one.height,
            digest=digest_of(one.content),
            content=one.content,
            preview=one.preview,
        )
        for one in drawn
    )


def attach_images(question: Message, images: Sequence[Image]) -> list[Image]:
    """Let a question have pictures: those that wait become its own, of those of other messages it gets copies."""
    attached = []
    for image in images:
        waiting = Image.objects.filter(pk=image.pk, message=None)
        if image.message_id is None and waiting.update(message=question, temporary_chat=None):
            image.message, image.temporary_chat = question, None
            attached.append(image)
        else:
            attached.append(copy_image(image, question))
    return attached


def copy_image(image: Image, question: Message) -> Image:
    """Let a question of a chat, whoever owns that, have a picture of another one."""
    return Image.objects.create(
        owner_id=question.chat.owner_id,
        message=question,
        name=image.name,
        media_type=image.media_type,
        width=image.width,
        height=image.height,
        digest=image.digest,
        content=image.content,
        preview=image.preview,
    )


def contents_of(image_ids: Collection[int], reader_id: int) -> dict[int, bytes]:
    """Return the files of a person's pictures by their ids, without those that are gone."""
    rows = Image.objects.filter(pk__in=image_ids, owner=reader_id).values_list("pk", "content")
    return {pk: bytes(content) for pk, content in rows}


def purge_unsent(now: datetime) -> int:
    """Remove the pictures that nobody has sent; return how many."""
    return Image.objects.filter(message=None, created_at__lt=now - UNSENT_DAYS).delete()[0]
