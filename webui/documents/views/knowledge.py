"""Knowledge: the list, one of them, making, describing and deleting it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rag import api as rag
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest, is_administrator
from webui.accounts.permissions import Permission
from webui.documents.forms import DeleteForm, FolderForm, KnowledgeForm, QuestionForm
from webui.documents.knowledge_contexts import (
    KnowledgeListPage,
    KnowledgePage,
    folders_above,
    folders_in,
    knowledge_rows,
    member_row,
)
from webui.ui.keyset import BadCursor, newest_first

ROWS_A_PAGE = 50
State = rag.KnowledgeImport.State


@require_GET
@member_required
def knowledge_list(request: MemberRequest) -> HttpResponse:
    return _list(request, KnowledgeForm())


@require_POST
@member_required
@needs(Permission.CREATE_KNOWLEDGE)
def create(request: MemberRequest) -> HttpResponse:
    form = KnowledgeForm(request.POST)
    if not form.is_valid():
        return _list(request, form, status=422)
    made = rag.create_knowledge(request.user, **form.cleaned_data)
    return redirect("knowledge:knowledge", made.uuid)


def _list(request: MemberRequest, form: KnowledgeForm, *, status: int = 200) -> HttpResponse:
    before = request.GET.get("before", "")
    readable = rag.readable_knowledge(request.user).select_related("owner")
    try:
        page = newest_first(readable, field="updated_at", before=before, limit=ROWS_A_PAGE)
    except BadCursor as exc:
        raise Http404 from exc
    rows = knowledge_rows(page.rows, request.user.pk)
    context = KnowledgeListPage(rows=rows, next_cursor=page.next_cursor, before=before)
    return render(request, "knowledge/list.html", {"page": context, "form": form}, status=status)


@require_GET
@member_required
def knowledge(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Show a knowledge, or a folder of it; htmx asks for what is in it alone while documents are being worked on."""
    shown = rag.knowledge_read(request.user, uuid)
    form = FolderForm(request.GET)
    folder = rag.folder_in(shown, form.cleaned_data["folder"] if form.is_valid() else "")
    members = rag.memberships_of(shown).filter(folder=folder).select_related("document__owner", "folder")
    before = request.GET.get("before", "")
    try:
        page = newest_first(members, field="created_at", before=before, limit=ROWS_A_PAGE)
    except BadCursor as exc:
        raise Http404 from exc
    paths = list(shown.folders.values_list("path", flat=True))
    path = folder.path if folder else ""
    is_own = shown.owner_id == request.user.pk
    may_write = rag.writable_knowledge(request.user).filter(pk=shown.pk).exists()
    context = KnowledgePage(
        knowledge=knowledge_rows([shown], request.user.pk)[0],
        folder=path,
        above=folders_above(path),
        folders=folders_in(path, paths),
        all_folders=paths,
        rows=[member_row(membership, request.user.pk) for membership in page.rows],
        next_cursor=page.next_cursor,
        before=before,
        may_write=may_write,
        is_own=is_own,
        may_connect=may_write and is_administrator(request),
        # Questions about documents that one may not read count too, so the number is for writers.
        n_lost=rag.n_newly_lost(shown) if may_write else 0,
        max_upload_bytes=rag.max_upload_bytes(),
        running_import=shown.imports.filter(state=State.RUNNING).first() if is_own else None,
    )
    is_polling = request.headers.get("HX-Target") == "members"
    template = "knowledge/_members.html" if is_polling else "knowledge/knowledge.html"
    return render(request, template, {"page": context, "question_form": QuestionForm()})


@require_http_methods(["GET", "POST"])
@member_required
def describe(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_own(request.user, uuid)
    words = {"name": shown.name, "description": shown.description}
    form = KnowledgeForm(request.POST) if request.method == "POST" else KnowledgeForm(initial=words)
    if request.method == "POST" and form.is_valid():
        rag.describe_knowledge(shown, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("knowledge:knowledge", shown.uuid)
    context = {"knowledge": shown, "form": form}
    return render(request, "knowledge/describe.html", context, status=422 if form.errors else 200)


@require_POST
@member_required
def delete(request: MemberRequest, uuid: UUID) -> HttpResponse:
    doomed = rag.knowledge_own(request.user, uuid)
    form = DeleteForm(request.POST)
    form.is_valid()
    rag.delete_knowledge(doomed, with_documents=form.cleaned_data.get("with_documents", False))
    messages.success(request, _("“%(name)s” was deleted.") % {"name": doomed.name})
    return redirect("knowledge:list")
