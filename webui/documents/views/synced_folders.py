"""Folders of the server that a knowledge follows: for administrators who may change it."""

from __future__ import annotations

from pathlib import PurePosixPath
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rag import api as rag
from rag.errors import FolderConnected, FolderDoesNotFit, FolderUnusable
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.documents import folder_wording
from webui.documents.forms import ConnectFolderForm
from webui.documents.knowledge_contexts import knowledge_rows
from webui.documents.synced_contexts import ConnectPage, SyncedFoldersPage, folder_cards, links_above, path_link


@admin_required
@require_GET
def synced_folders(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_write(request.user, uuid)
    page = SyncedFoldersPage(
        knowledge=knowledge_rows([shown], request.user.pk)[0],
        folders=folder_cards(list(shown.synced_folders.order_by("name"))),
        roots=rag.folder_roots(),
    )
    is_polling = request.headers.get("HX-Target") == "synced-folders"
    template = "knowledge/_synced_folders.html" if is_polling else "knowledge/synced_folders.html"
    return render(request, template, {"page": page})


@admin_required
@require_http_methods(["GET", "POST"])
def connect(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Let somebody choose a folder, look what is in it, and connect it."""
    shown = rag.knowledge_write(request.user, uuid)
    form = ConnectFolderForm(request.POST if request.method == "POST" else request.GET or None)
    if not form.is_valid():
        return _choose(request, shown, form)
    if request.method == "GET":
        return _choose(request, shown, form, is_looked_into=form.cleaned_data["look"])
    try:
        # Looks through the folder first, which is nothing to hold a transaction for.
        rag.connect_folder(
            shown,
            form.chosen_path,
            by=request.user,
            include=form.cleaned_data["include"],
            exclude=form.cleaned_data["exclude"],
        )
    except FolderUnusable as exc:
        return _choose(request, shown, form, problem=str(folder_wording.FOLDER_PROBLEMS[exc.problem]))
    except FolderDoesNotFit as exc:
        problem = folder_wording.does_not_fit_in_words(exc.need_bytes, exc.free_bytes)
        return _choose(request, shown, form, problem=problem)
    except FolderConnected:
        problem = _("This knowledge follows that folder already, or one above or below it.")
        return _choose(request, shown, form, problem=problem)
    record(Event.FOLDER_CONNECTED, form.chosen_path, detail=shown.name)
    messages.success(request, _("Connected. Its files are read one after another; you need not wait here."))
    return redirect("knowledge:synced_folders", shown.uuid)


@admin_required
@require_POST
def pause(request: MemberRequest, uuid: UUID, folder_uuid: UUID) -> HttpResponse:
    folder = _folder(request, uuid, folder_uuid)
    with transaction.atomic():
        rag.pause_folder(folder)
        record(Event.FOLDER_PAUSED, folder.name)
    return redirect("knowledge:synced_folders", uuid)


@admin_required
@require_POST
def resume(request: MemberRequest, uuid: UUID, folder_uuid: UUID) -> HttpResponse:
    folder = _folder(request, uuid, folder_uuid)
    with transaction.atomic():
        rag.resume_folder(folder)
        record(Event.FOLDER_RESUMED, folder.name)
    return redirect("knowledge:synced_folders", uuid)


@admin_required
@require_POST
def rescan(request: MemberRequest, uuid: UUID, folder_uuid: UUID) -> HttpResponse:
    rag.rescan_folder(_folder(request, uuid, folder_uuid), accepts_missing="accept" in request.POST)
    return redirect("knowledge:synced_folders", uuid)


@admin_required
@require_POST
def disconnect(request: MemberRequest, uuid: UUID, folder_uuid: UUID) -> HttpResponse:
    folder = _folder(request, uuid, folder_uuid)
    with transaction.atomic():
        rag.disconnect_folder(folder, keep_documents="keep" in request.POST)
        record(Event.FOLDER_DISCONNECTED, folder.name)
    messages.success(request, _("“%(name)s” is being disconnected.") % {"name": folder.name})
    return redirect("knowledge:synced_folders", uuid)


def _folder(request: MemberRequest, uuid: UUID, folder_uuid: UUID) -> rag.SyncedFolder:
    return rag.synced_folder_of(rag.knowledge_write(request.user, uuid), folder_uuid)


def _choose(
    request: MemberRequest,
    shown: rag.Knowledge,
    form: ConnectFolderForm,
    *,
    is_looked_into: bool = False,
    problem: str = "",
) -> HttpResponse:
    path = form.chosen_path
    folders: list[str] = []
    found = None
    status = 422 if problem or form.errors else 200
    try:
        folders = rag.choices_in(path) if path else []
        if is_looked_into and path:
            found = rag.survey(path, form.cleaned_data["include"], form.cleaned_data["exclude"])
    except FolderUnusable as exc:
        problem = problem or str(folder_wording.FOLDER_PROBLEMS[exc.problem])
    page = ConnectPage(
        knowledge=knowledge_rows([shown], request.user.pk)[0],
        roots=[path_link(root, name=str(root)) for root in rag.folder_roots()],
        path=path,
        above=links_above(path) if path else [],
        folders=[path_link(PurePosixPath(path, name)) for name in folders],
        problem=problem,
        found=found,
    )
    return render(request, "knowledge/connect_folder.html", {"page": page, "form": form}, status=status)
