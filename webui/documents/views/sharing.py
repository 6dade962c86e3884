"""With whom a knowledge is shared: for its owner alone."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from rag import api as rag
from webui.accounts.decorators import member_required
from webui.accounts.groups import find_person, groups_known_to
from webui.accounts.http import MemberRequest
from webui.documents.forms import GrantForm
from webui.documents.knowledge_contexts import SharePage, grant_row, knowledge_rows


@require_GET
@member_required
def share(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _page(request, rag.knowledge_own(request.user, uuid), GrantForm())


@require_POST
@member_required
def grant(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_own(request.user, uuid)
    form = GrantForm(request.POST)
    if form.is_valid() and (problem := _give(request, shown, form)):
        form.add_error("to", problem)
    if form.errors:
        return _page(request, shown, form, status=422)
    return _done(request, shown)


@require_POST
@member_required
def revoke(request: MemberRequest, uuid: UUID, grant_uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_own(request.user, uuid)
    rag.revoke(rag.grant_of(shown, grant_uuid))
    return _done(request, shown)


def _give(request: MemberRequest, shown: rag.Knowledge, form: GrantForm) -> str:
    """Share with whom the form names; return what is wrong with that, or nothing."""
    words, may_write = form.cleaned_data["to"].strip(), form.cleaned_data["right"] == "write"
    if words.casefold() == _("Everybody").casefold():
        rag.grant(shown, may_write=may_write)
        return ""
    if group := groups_known_to(request.user).filter(name__iexact=words).first():
        rag.grant(shown, group=group, may_write=may_write)
        return ""
    person = find_person(words)
    if person is None:
        return _("Nobody has this e-mail address, and not exactly one person or group of yours this name.")
    if person == request.user:
        return _("It is yours already.")
    rag.grant(shown, user=person, may_write=may_write)
    return ""


def _done(request: MemberRequest, shown: rag.Knowledge) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return _page(request, shown, GrantForm())
    return redirect("knowledge:share", shown.uuid)


def _page(request: MemberRequest, shown: rag.Knowledge, form: GrantForm, *, status: int = 200) -> HttpResponse:
    shown.owner = request.user
    context = SharePage(
        knowledge=knowledge_rows([shown], request.user.pk)[0],
        grants=[grant_row(row) for row in shown.grants.select_related("user", "group")],
        suggestions=[_("Everybody"), *groups_known_to(request.user).values_list("name", flat=True)],
    )
    is_dialog = request.headers.get("HX-Request") == "true"
    given = {"page": context, "form": form, "is_dialog": is_dialog}
    if is_dialog:
        # htmx shows no answer that is an error.
        return render(request, "knowledge/_share.html", given)
    return render(request, "knowledge/share.html", given, status=status)
