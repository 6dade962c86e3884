"""Pictures as they are shown in a chat."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.chats import access
from webui.chats.models import Image
from webui.chats.services import images


@require_GET
@member_required
def image(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return image_file(request, access.image_read(request.user, uuid), "content")


@require_GET
@member_required
def preview(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """The picture small."""
    return image_file(request, access.image_read(request.user, uuid), "preview")


def image_file(request: HttpRequest, shown: Image, part: Literal["content", "preview"]) -> HttpResponse:
    """Answer with a picture that was itself got through an access function."""
    etag = f'"{part}-{shown.digest}"'
    is_known = request.headers.get("If-None-Match") == etag
    content = b"" if is_known else bytes(getattr(shown, part))
    media_type = "image/png" if content.startswith(images.PNG_MAGIC) else "image/jpeg"
    response = HttpResponse(content, status=304 if is_known else 200, content_type=media_type)
    # It is gone with its chat, so browsers ask before they show it.
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    return response
