"""Downloads of models: starting, watching and ending them."""

from __future__ import annotations

import uuid

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.access import download_write
from webui.administration.connection_forms import AttachForm, PullForm
from webui.administration.downloads import DOWNLOADS, TooManyDownloads
from webui.administration.problems import problem_of
from webui.ui.moments import duration_in_words


@admin_required
@require_POST
def pull(request: MemberRequest) -> HttpResponseBase:
    """Start a download. A page that stays where it is gets its list of downloads, and the form again."""
    form = PullForm(request.POST)
    if form.is_valid():
        try:
            record(Event.MODEL_PULLED, DOWNLOADS.start(form.cleaned_data["name"].strip()).name)
        except TooManyDownloads:
            form.add_error("name", _("Wait until one of the running downloads has ended."))
    if request.headers.get("HX-Request") == "true":
        context = {"pull_form": form if form.errors else PullForm(), "is_in_place": True, **download_context()}
        return render(request, "administration/_pull_form.html", context)
    if form.errors:
        context = {"pull_form": form, "attach_form": AttachForm(), **download_context()}
        return render(request, "administration/models.html", context, status=422)
    return redirect("administration:models")


@admin_required
@require_GET
@never_cache
def downloads(request: MemberRequest) -> HttpResponse:
    return _downloads(request)


@admin_required
@require_POST
def cancel_download(request: MemberRequest, download_uuid: uuid.UUID) -> HttpResponse:
    download = download_write(request, download_uuid)
    download.cancel()
    record(Event.DOWNLOAD_CANCELLED, download.name)
    return _downloads(request)


@admin_required
@require_POST
def remove_download(request: MemberRequest, download_uuid: uuid.UUID) -> HttpResponse:
    download = download_write(request, download_uuid)
    if download.is_running:
        record(Event.DOWNLOAD_CANCELLED, download.name)
    DOWNLOADS.remove(download)
    return _downloads(request)


def download_context() -> dict[str, object]:
    rows = [
        {
            "download": download,
            "problem": problem_of(download.error) if download.error else None,
            "remaining": duration_in_words(download.remaining_s) if download.remaining_s is not None else "",
        }
        for download in DOWNLOADS
    ]
    n_finished = sum(download.state == "finished" for download in DOWNLOADS)
    return {"downloads": rows, "n_finished": n_finished, "is_any_running": any(d.is_running for d in DOWNLOADS)}


def _downloads(request: MemberRequest) -> HttpResponse:
    context = download_context()
    response = render(request, "administration/_downloads.html", context)
    # The page says how many it has seen finish; another one has lengthened its list of models.
    if request.GET.get("finished", str(context["n_finished"])) != str(context["n_finished"]):
        response.headers["HX-Trigger"] = "models-changed"
    return response
