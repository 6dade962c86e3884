"""Pictures on their way into a chat, and as they are shown in it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.chats import access
from webui.chats.models import Image
from webui.chats.services import images
from webui.documents.uploads import UploadForm
from webui.presets.errors import PictureRefused


@require_POST
@member_required
def upload(request: MemberRequest) -> JsonResponse:
    """Take one picture, in the field `file`."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"error": _("No file came with the request.")}, status=400)
    file = form.cleaned_data["file"]
    try:
        if file.size > images.MAX_FILE_BYTES:
            raise PictureRefused(PictureRefused.TOO_LARGE)
        image = images.create_image(request.user, file.name, file)
    except PictureRefused as exc:
        is_large = exc.problem == PictureRefused.TOO_LARGE
        words = _("“%(name)s” is too large a picture.") if is_large else _("“%(name)s” is no picture that can be read.")
        return JsonResponse({"error": words % {"name": file.name}}, status=413 if is_large else 415)
    return JsonResponse({"uuid": str(image.uuid), "name": image.name, "state": "ready", "kind": "image"}, status=201)


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
