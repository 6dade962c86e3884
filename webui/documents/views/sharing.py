"""With whom a knowledge is shared: for its owner alone."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from rag import api as rag
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.permissions import Permission
from webui.documents.forms import GrantForm
from webui.documents.knowledge_contexts import SharePage, grant_row, knowledge_rows


@require_GET
@member_required
def share(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _page(request, rag.knowledge_own(request.user, uuid), GrantForm(request.user))


@require_POST
@member_required
@needs(Permission.SHARE_KNOWLEDGE)
def grant(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_own(request.user, uuid)
    form = GrantForm(request.user, request.POST)
    if not form.is_valid():
        return _page(request, shown, form, status=422)
    audience, may_write = form.cleaned_data["to"], form.cleaned_data["right"] == "write"
    rag.grant(shown, user=audience.user, group=audience.group, may_write=may_write)
    return _done(request, shown)


@require_POST
@member_required
def revoke(request: MemberRequest, uuid: UUID, grant_uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_own(request.user, uuid)
    rag.revoke(rag.grant_of(shown, grant_uuid))
    return _done(request, shown)


def _done(request: MemberRequest, shown: rag.Knowledge) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return _page(request, shown, GrantForm(request.user))
    return redirect("knowledge:share", shown.uuid)


def _page(request: MemberRequest, shown: rag.Knowledge, form: GrantForm, *, status: int = 200) -> HttpResponse:
    shown.owner = request.user
    context = SharePage(
        knowledge=knowledge_rows([shown], request.user.pk)[0],
        grants=[grant_row(row) for row in shown.grants.select_related("user", "group")],
    )
    is_dialog = request.headers.get("HX-Request") == "true"
    given = {"page": context, "form": form, "is_dialog": is_dialog}
    if is_dialog:
        # htmx shows no answer that is an error.
        return render(request, "knowledge/_share.html", given)
    return render(request, "knowledge/share.html", given, status=status)
