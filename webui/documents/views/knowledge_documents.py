"""What is in a knowledge: uploading into it, adding, moving, taking out, indexing again, and its folders."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from rag import api as rag
from rag.errors import FolderRefused
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.permissions import Permission
from webui.documents import wording
from webui.documents.contexts import document_row
from webui.documents.forms import FolderForm, NewFolderForm
from webui.documents.knowledge_contexts import AddPage, knowledge_rows
from webui.documents.uploads import take_upload

MAX_CHOSEN = 500
CANDIDATES = 30


@require_POST
@member_required
@needs(Permission.UPLOAD)
def upload(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Take one file into the knowledge, in the folder that the address names; see `take_upload`."""
    shown = rag.knowledge_write(request.user, uuid)
    folder = _folder(shown, request.GET.get("folder", ""))

    def place(document: rag.Document) -> None:
        rag.add_document(shown, document, folder)

    return take_upload(request, back=_url(shown, folder.path if folder else ""), place=place)


# ---- documents that are there already --------------------------------------------------------------


@require_GET
@member_required
def candidates(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Offer the person's own documents that are not in the knowledge, the newest whose name holds the query."""
    shown = rag.knowledge_write(request.user, uuid)
    folder = _folder(shown, request.GET.get("folder", ""))
    query = request.GET.get("q", "")[:200]
    own = rag.documents_of(request.user).exclude(memberships__knowledge=shown).filter(name__icontains=query)
    context = AddPage(
        knowledge=knowledge_rows([shown], request.user.pk)[0],
        folder=folder.path if folder else "",
        query=query,
        documents=[document_row(document, request.user.pk) for document in own[:CANDIDATES]],
    )
    return render(request, "knowledge/add.html", {"page": context})


@require_POST
@member_required
def add(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Add documents of the person's own: only whom a document belongs to can share it."""
    shown = rag.knowledge_write(request.user, uuid)
    folder = _folder(shown, request.POST.get("folder", ""))
    for document in [rag.document_write(request.user, chosen) for chosen in _chosen(request)]:
        rag.add_document(shown, document, folder)
    return redirect(_url(shown, folder.path if folder else ""))


@require_POST
@member_required
def move(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_write(request.user, uuid)
    target = _folder(shown, request.POST.get("target", ""))
    rag.move_documents(shown, _members(request, shown), target)
    return redirect(_url(shown, request.POST.get("folder", "")))


@require_POST
@member_required
def remove(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_write(request.user, uuid)
    members = _members(request, shown)
    rag.remove_documents(shown, members)
    n = len(members)
    messages.success(
        request, ngettext("%(n)d document was taken out.", "%(n)d documents were taken out.", n) % {"n": n}
    )
    return redirect(_url(shown, request.POST.get("folder", "")))


@require_POST
@member_required
def reindex(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Index the ticked documents again; `all` in the form stands for every document of the knowledge."""
    shown = rag.knowledge_write(request.user, uuid)
    members = rag.memberships_of(shown) if "all" in request.POST else _members(request, shown)
    n = rag.reindex_documents([membership.document for membership in members])
    messages.success(
        request, ngettext("%(n)d document is indexed again.", "%(n)d documents are indexed again.", n) % {"n": n}
    )
    return redirect(_url(shown, request.POST.get("folder", "")))


def _chosen(request: MemberRequest) -> list[UUID]:
    """Return the documents that were ticked. Raises Http404 for what is no id."""
    ids = request.POST.getlist("document")
    if len(ids) > MAX_CHOSEN:
        raise Http404
    try:
        return [UUID(value) for value in ids]
    except ValueError as exc:
        raise Http404 from exc


def _members(request: MemberRequest, shown: rag.Knowledge) -> list[rag.Membership]:
    return [rag.membership_in(shown, document_uuid) for document_uuid in _chosen(request)]


# ---- folders -------------------------------------------------------------------------------------


@require_POST
@member_required
def create_folder(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_write(request.user, uuid)
    form = NewFolderForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A folder needs a name."))
        return redirect(_url(shown, request.POST.get("folder", "")))
    try:
        folder = rag.create_folder(shown, form.path)
    except FolderRefused as exc:
        messages.error(request, wording.folder_refusal_in_words(exc))
        return redirect(_url(shown, form.cleaned_data["folder"]))
    return redirect(_url(shown, folder.path))


@require_POST
@member_required
def rename_folder(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Give a folder another name, where it is."""
    shown = rag.knowledge_write(request.user, uuid)
    form = NewFolderForm(request.POST)
    folder = _folder(shown, form.cleaned_data["folder"]) if form.is_valid() else None
    if folder is None:
        messages.error(request, _("A folder needs a name."))
        return redirect(_url(shown, request.POST.get("folder", "")))
    above = folder.path.rpartition("/")[0]
    try:
        folder = rag.rename_folder(folder, "/".join(filter(None, (above, form.cleaned_data["name"]))))
    except FolderRefused as exc:
        messages.error(request, wording.folder_refusal_in_words(exc))
    return redirect(_url(shown, folder.path))


@require_POST
@member_required
def delete_folder(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_write(request.user, uuid)
    folder = _folder(shown, request.POST.get("folder", ""))
    if folder is None:
        raise Http404
    try:
        rag.delete_folder(folder)
    except FolderRefused as exc:
        messages.error(request, wording.folder_refusal_in_words(exc))
        return redirect(_url(shown, folder.path))
    messages.success(request, _("The folder “%(name)s” was deleted.") % {"name": folder.path})
    return redirect(_url(shown, ""))


def _folder(shown: rag.Knowledge, path: str) -> rag.KnowledgeFolder | None:
    form = FolderForm({"folder": path})
    if not form.is_valid():
        raise Http404
    return rag.folder_in(shown, form.cleaned_data["folder"])


def _url(shown: rag.Knowledge, folder: str) -> str:
    """Return the address of a folder, or of the knowledge when there is no such folder any more."""
    url = reverse("knowledge:knowledge", args=[shown.uuid])
    is_there = folder and shown.folders.filter(path=folder).exists()
    return f"{url}?{urlencode({'folder': folder})}" if is_there else url
