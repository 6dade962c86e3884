"""Model files from an administrator's browser, in hashed chunks that go on to the built-in model server one by one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from asgiref.sync import async_to_sync
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from inference import client
from inference.errors import ConnectionFailed, InferenceError, InvalidRequest, UpstreamRefused
from inference.types import UPLOAD_CHUNK_BYTES, ModelUpload, UploadCheck
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.connection_forms import UploadFinishForm, UploadForm
from webui.administration.problems import problem_of

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOLD = frozenset({404, 409, 413, 422, 507})
"""Statuses of the model server that mean the same to the browser; with others the way to it is at fault."""

T = TypeVar("T")


@admin_required
@require_GET
@never_cache
def uploads(request: MemberRequest) -> HttpResponse:
    """The files that have begun to arrive; none when the server cannot be asked, which the list of models tells."""
    try:
        found: tuple[ModelUpload, ...] = async_to_sync(client.uploads)()
    except InferenceError:
        found = ()
    return render(request, "administration/_uploads.html", {"uploads": found})


@admin_required
@require_POST
def begin_upload(request: MemberRequest) -> HttpResponse:
    form = UploadForm(request.POST)
    if not form.is_valid():
        return _refused(_("The file's name and size are missing."), status=400)
    facts = (form.cleaned_data["name"], form.cleaned_data["size"], form.cleaned_data["modified"])
    return _answer(partial(client.begin_upload, *facts), _begun)


@admin_required
@require_POST
def send_chunk(request: MemberRequest, upload_uuid: uuid.UUID, index: int) -> HttpResponse:
    """Take one chunk as the whole body; its SHA-256 stands in the header `Chunk-SHA256`, in hex."""
    digest = request.headers.get("Chunk-SHA256", "")
    if not _SHA256.fullmatch(digest):
        return _refused(_("The chunk came without its checksum."), status=400)
    data = request.read(UPLOAD_CHUNK_BYTES + 1)
    if len(data) > UPLOAD_CHUNK_BYTES:
        return _refused(_("The chunk is too large."), status=413)
    return _answer(partial(client.send_chunk, upload_uuid, index, data, bytes.fromhex(digest)), _nothing)


@admin_required
@require_POST
def finish_upload(request: MemberRequest, upload_uuid: uuid.UUID) -> HttpResponse:
    """Let a part of the whole file be checked; the browser asks again until it is finished."""
    form = UploadFinishForm(request.POST)
    if not form.is_valid():
        return _refused(_("The file's checksum is missing."), status=400)
    return _answer(partial(client.finish_upload, upload_uuid, bytes.fromhex(form.cleaned_data["digest"])), _checked)


@admin_required
@require_POST
def remove_upload(request: MemberRequest, upload_uuid: uuid.UUID) -> HttpResponse:
    return _answer(partial(client.remove_upload, upload_uuid), partial(_removed, upload_uuid))


def _begun(upload: ModelUpload) -> dict[str, object]:
    return {
        "id": str(upload.id),
        "size_bytes": upload.size_bytes,
        "chunk_bytes": upload.chunk_bytes,
        "digests": upload.digests,
    }


def _checked(check: UploadCheck) -> dict[str, object]:
    if check.is_finished:
        record(Event.MODEL_UPLOADED, ", ".join(check.models), detail=check.sha256)
    return {
        "is_finished": check.is_finished,
        "checked_bytes": check.checked_bytes,
        "sha256": check.sha256,
        "models": check.models,
    }


def _removed(upload_uuid: uuid.UUID, _none: None) -> dict[str, object]:
    record(Event.UPLOAD_REMOVED, upload_uuid)
    return {}


def _nothing(_none: None) -> dict[str, object]:
    return {}


def _answer(ask: Callable[[], Awaitable[T]], shape: Callable[[T], dict[str, object]]) -> HttpResponse:
    """Wait for the model server. Trying the same again is of use only after a status of 422, or of 500 and more."""
    try:
        return JsonResponse(shape(async_to_sync(ask)()))
    except InferenceError as exc:
        return _refused(_sentence(exc), status=_status(exc))


def _status(error: InferenceError) -> int:
    match error:
        case UpstreamRefused(status=status) if status in _TOLD:
            return status
        case InvalidRequest():
            return 400
        case ConnectionFailed():
            return 503
    return 502


def _sentence(error: InferenceError) -> str:
    problem = problem_of(error)
    return f"{problem.title} {problem.advice}".strip()


def _refused(sentence: str, *, status: int) -> HttpResponse:
    return JsonResponse({"error": sentence[:1].upper() + sentence[1:]}, status=status)
