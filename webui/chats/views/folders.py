"""Folders of chats: their pages, and what is done to them with a form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

import rag.api as rag
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest, wants_json
from webui.accounts.models import User
from webui.accounts.permissions import Permission
from webui.chats import access, queries
from webui.chats.conf import MAX_FOLDER_SOURCES
from webui.chats.errors import ChatError, FolderFull
from webui.chats.forms import DeleteFolderForm, FolderNameForm, MoveForm, OpenForm, SourceForm, SystemPromptForm
from webui.chats.models import FOLDER_NAME_MAX_LENGTH, Chat, Folder
from webui.chats.services import folders
from webui.chats.views.actions import done
from webui.chats.views.announcements import announce_move, announce_sidebar, stop_generations
from webui.chats.views.folder_contexts import (
    FolderChats,
    FolderKnowledge,
    FolderPage,
    FolderSources,
    MovePanel,
    MoveTarget,
)
from webui.chats.views.heads import chat_title, chat_url, folder_url
from webui.chats.views.pages import chat_page, filter_tag
from webui.chats.views.sidebar import render_sidebar_folder, row_of
from webui.chats.wording import refusal_text
from webui.documents.contexts import document_row
from webui.documents.uploads import take_upload
from webui.ui.keyset import BadCursor

# ---- pages ---------------------------------------------------------------------------------------


@require_GET
@never_cache
@member_required
def folder(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Show a folder: its chats, what it adds to them, and the beginning of a new one."""
    shown = access.folder_read(request.user, uuid)
    context = FolderPage(
        uuid=str(shown.uuid),
        name=shown.name,
        name_max_length=FOLDER_NAME_MAX_LENGTH,
        system_prompt=shown.system_prompt,
        chats=_chats(request.user, shown),
        sources=_sources(request.user, shown),
        max_upload_bytes=rag.max_upload_bytes(),
    )
    page = chat_page(request.user, None, begun_in=shown, tag=filter_tag(request))
    return render(request, "chats/folder.html", {"page": page, "folder": context})


@require_GET
@never_cache
@member_required
def folder_chats(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """One page of a folder's chats; `before` is the cursor of the page before."""
    shown = access.folder_read(request.user, uuid)
    try:
        chats = _chats(request.user, shown, request.GET.get("before"))
    except BadCursor:
        return HttpResponseBadRequest()
    return render(request, "chats/_folder_chats.html", {"chats": chats})


def _chats(user: User, shown: Folder, before: str | None = None) -> FolderChats:
    found = queries.chat_page(user, before, folder=shown)
    return FolderChats(
        uuid=str(shown.uuid),
        chats=[replace(row_of(chat), updated_at=chat.updated_at) for chat in found.rows],
        next_cursor=found.next_cursor,
        is_first=not before,
    )


@require_GET
@never_cache
@member_required
def sources(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """The folder's documents and knowledge, asked for again while some are being read."""
    return _sources_shown(request, access.folder_read(request.user, uuid))


def _sources_shown(request: MemberRequest, shown: Folder) -> HttpResponse:
    return render(request, "chats/_folder_sources.html", {"sources": _sources(request.user, shown)})


def _sources(user: User, shown: Folder) -> FolderSources:
    documents = rag.readable_documents(user).filter(pk__in=shown.documents.values("pk")).order_by("name", "pk")
    knowledge = rag.readable_knowledge(user).filter(pk__in=shown.knowledge.values("pk")).order_by("name", "pk")
    return FolderSources(
        uuid=str(shown.uuid),
        documents=[document_row(document, user.pk) for document in documents],
        knowledge=[
            FolderKnowledge(
                uuid=str(row.uuid),
                name=row.name,
                url=reverse("knowledge:knowledge", args=[row.uuid]),
                shared_by="" if row.owner_id == user.pk else str(row.owner),
            )
            for row in knowledge.select_related("owner")
        ],
    )


# ---- the folder itself ---------------------------------------------------------------------------


@require_POST
@member_required
def create(request: MemberRequest) -> HttpResponse:
    form = FolderNameForm(request.POST)
    try:
        made = folders.create_folder(request.user, form.cleaned_data["name"] if form.is_valid() else "")
    except ChatError as exc:
        return _refused(request, exc, "chats:new")
    announce_sidebar(request.user)
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=201, headers={"Location": folder_url(made)})
    return redirect(folder_url(made))


@require_POST
@member_required
def rename(request: MemberRequest, uuid: UUID) -> HttpResponse:
    form = FolderNameForm(request.POST)
    name = form.cleaned_data["name"] if form.is_valid() else ""
    return _changed(request, uuid, lambda: folders.rename_folder(request.user, uuid, name), in_sidebar=True)


@require_POST
@member_required
def instruct(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Store what each question of the folder starts from."""
    form = SystemPromptForm(request.POST)
    if not form.is_valid():
        # A text that no field holds; what is stored stays.
        return HttpResponseBadRequest()
    text = form.cleaned_data["system_prompt"]
    return _changed(request, uuid, lambda: folders.instruct_folder(request.user, uuid, text))


@require_POST
@member_required
def open_folder(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Show or hide the folder's chats in the sidebar; htmx gets the folder's row."""
    form = OpenForm(request.POST)
    opened = folders.open_folder(request.user, uuid, is_open=form.is_valid() and form.cleaned_data["is_open"])
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(render_sidebar_folder(request.user, opened.uuid))
    return redirect(folder_url(opened))


@require_POST
@member_required
def delete(request: MemberRequest, uuid: UUID) -> HttpResponse:
    form = DeleteFolderForm(request.POST)
    with_chats = form.is_valid() and form.cleaned_data["with_chats"]
    _folder, running = folders.delete_folder(request.user, uuid, with_chats=with_chats)
    stop_generations(running)
    announce_sidebar(request.user)
    return done(request, "chats:new")


@require_POST
@member_required
def undo_delete(request: MemberRequest, uuid: UUID) -> HttpResponse:
    try:
        brought_back = folders.undo_delete_folder(request.user, uuid)
    except ChatError as exc:
        return _refused(request, exc, "chats:new")
    announce_sidebar(request.user)
    return done(request, folder_url(brought_back))


def _changed(
    request: MemberRequest, uuid: UUID, change: Callable[[], Folder], *, in_sidebar: bool = False
) -> HttpResponse:
    try:
        changed = change()
    except ChatError as exc:
        return _refused(request, exc, folder_url(access.folder_read(request.user, uuid)))
    if in_sidebar:
        announce_sidebar(request.user)
    return done(request, folder_url(changed))


def _refused(request: MemberRequest, error: ChatError, url: str) -> HttpResponse:
    """A script shows the sentence where the person is; a plain form goes back to its page."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(refusal_text(error), status=422, content_type="text/plain")
    messages.error(request, refusal_text(error))
    return redirect(url)


# ---- its documents and knowledge -----------------------------------------------------------------


@require_POST
@member_required
def add(request: MemberRequest, uuid: UUID) -> HttpResponse:
    documents, knowledge = _source(request)
    return _changed(
        request, uuid, lambda: folders.add_to_folder(request.user, uuid, documents=documents, knowledge=knowledge)
    )


@require_POST
@member_required
def take_out(request: MemberRequest, uuid: UUID) -> HttpResponse:
    documents, knowledge = _source(request)
    changed = folders.take_out_of_folder(request.user, uuid, documents=documents, knowledge=knowledge)
    if request.headers.get("HX-Request") == "true":
        return _sources_shown(request, changed)
    return redirect(folder_url(changed))


def _source(request: MemberRequest) -> tuple[list[UUID], list[UUID]]:
    form = SourceForm(request.POST)
    if not form.is_valid():
        raise Http404
    document, knowledge = form.cleaned_data["document"], form.cleaned_data["knowledge"]
    return [document] if document else [], [knowledge] if knowledge else []


@require_POST
@member_required
@needs(Permission.UPLOAD)
def upload(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Take one file into the folder; see `take_upload`."""
    shown = access.folder_read(request.user, uuid)
    # A full folder says so before the file is stored; two files at the same moment may make it one too many.
    if folders.n_sources(shown, request.user) >= MAX_FOLDER_SOURCES:
        error = FolderFull(MAX_FOLDER_SOURCES)
        if wants_json(request):
            return JsonResponse({"error": refusal_text(error), "code": error.code}, status=422)
        return _refused(request, error, folder_url(shown))
    return take_upload(request, back=folder_url(shown), place=shown.documents.add)


# ---- moving a chat -------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@member_required
def move(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Offer the folders that a chat can be moved into, or move it."""
    if request.method == "GET":
        return render(
            request,
            "chats/_move.html",
            {"panel": move_panel(request.user, [access.chat_read(request.user, uuid)], url=request.path)},
        )
    form = MoveForm(request.POST)
    if not form.is_valid():
        raise Http404
    try:
        moved = _move(request.user, uuid, form)
    except ChatError as exc:
        return _refused(request, exc, chat_url(access.chat_read(request.user, uuid)))
    announce_sidebar(request.user)
    announce_move(request.user, moved)
    return done(request, chat_url(moved))


def _move(user: User, uuid: UUID, form: MoveForm) -> Chat:
    if form.cleaned_data["new"] and not form.cleaned_data["folder"]:
        return folders.move_chat_into_new(user, uuid, form.cleaned_data["new"])
    return folders.move_chat(user, uuid, form.cleaned_data["folder"])


def move_panel(user: User, chats: Sequence[Chat], *, url: str) -> MovePanel:
    """Return the folders that chats can be moved into; `url` does it."""
    found = sorted(queries.visible_folders(user), key=lambda folder: folder.name.casefold())
    places = {chat.folder for chat in chats}
    return MovePanel(
        url=url,
        chats=[str(chat.uuid) for chat in chats],
        title=chat_title(chats[0]) if len(chats) == 1 else "",
        is_in_folder=places != {None},
        folders=[
            MoveTarget(uuid=str(folder.uuid), name=folder.name, is_current=places == {folder}) for folder in found
        ],
        name_max_length=FOLDER_NAME_MAX_LENGTH,
    )
