"""The people of this site: approve, change roles, suspend, delete."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from webui.accounts import queries, services
from webui.accounts.access import person_write
from webui.accounts.decorators import admin_required
from webui.accounts.errors import LastAdministrator
from webui.accounts.http import MemberRequest
from webui.accounts.keys import revoke_keys as end_keys
from webui.accounts.models import Role
from webui.accounts.sessions import end_sessions
from webui.administration.forms import PeopleFilter, RoleForm
from webui.ui.keyset import BadCursor, newest_first

PAGE_SIZE = 50


@admin_required
@require_GET
def people(request: MemberRequest) -> HttpResponse:
    form = PeopleFilter(request.GET)
    form.is_valid()
    wanted = {name: form.cleaned_data.get(name, "") for name in ("q", "role", "before")}
    found = queries.people(wanted["q"], wanted["role"])
    try:
        page = newest_first(found, field="date_joined", before=wanted["before"], limit=PAGE_SIZE)
    except BadCursor:
        page = newest_first(found, field="date_joined", before=None, limit=PAGE_SIZE)
    context = {"form": form, "page": page, "n_waiting": queries.n_people_waiting(), "roles": Role.choices}
    return render(request, "administration/people.html", context)


@admin_required
@require_POST
def change_role(request: MemberRequest, person_uuid: uuid.UUID) -> HttpResponseBase:
    person = person_write(request, person_uuid)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("There is no such role."))
        return redirect("administration:people")
    try:
        services.change_role(person, Role(form.cleaned_data["role"]))
    except LastAdministrator:
        return _refuse_for_last_administrator(request)
    messages.success(request, _("%(person)s is now: %(role)s.") % {"person": person, "role": person.get_role_display()})
    return redirect("administration:people")


@admin_required
@require_POST
def suspend(request: MemberRequest, person_uuid: uuid.UUID) -> HttpResponseBase:
    person = person_write(request, person_uuid)
    try:
        services.suspend(person)
    except LastAdministrator:
        return _refuse_for_last_administrator(request)
    messages.success(request, _("%(person)s is suspended.") % {"person": person})
    return redirect("administration:people")


@admin_required
@require_POST
def reinstate(request: MemberRequest, person_uuid: uuid.UUID) -> HttpResponseBase:
    person = services.reinstate(person_write(request, person_uuid))
    messages.success(request, _("%(person)s can sign in again.") % {"person": person})
    return redirect("administration:people")


@admin_required
@require_POST
@never_cache
def new_password(request: MemberRequest, person_uuid: uuid.UUID) -> HttpResponse:
    """Answers with the page that shows the password, once: it is kept nowhere."""
    person = person_write(request, person_uuid)
    context = {"person": person, "password": services.give_new_password(person)}
    return render(request, "administration/new_password.html", context)


@admin_required
@require_POST
def sign_out(request: MemberRequest, person_uuid: uuid.UUID) -> HttpResponseBase:
    """End every session of a person, who can sign in again."""
    person = person_write(request, person_uuid)
    n_ended = end_sessions(request, person)
    words = ngettext(
        "%(person)s was signed out of %(n)s browser.", "%(person)s was signed out of %(n)s browsers.", n_ended
    )
    messages.success(request, words % {"person": person, "n": n_ended})
    return redirect("administration:people")


@admin_required
@require_POST
def revoke_keys(request: MemberRequest, person_uuid: uuid.UUID) -> HttpResponseBase:
    """End every API key of a person, who can make new ones if they may have any."""
    person = person_write(request, person_uuid)
    n_ended = end_keys(person)
    words = ngettext("%(n)s API key of %(person)s was revoked.", "%(n)s API keys of %(person)s were revoked.", n_ended)
    messages.success(request, words % {"person": person, "n": n_ended})
    return redirect("administration:people")


@admin_required
@require_POST
def delete(request: MemberRequest, person_uuid: uuid.UUID) -> HttpResponseBase:
    """Irreversible, so the page asks once and names the person."""
    person = person_write(request, person_uuid)
    try:
        services.delete_person(person)
    except LastAdministrator:
        return _refuse_for_last_administrator(request)
    messages.success(request, _("%(person)s is deleted.") % {"person": person})
    return redirect("administration:people")


def _refuse_for_last_administrator(request: MemberRequest) -> HttpResponseBase:
    messages.error(request, _("The last administrator stays one: make somebody else administrator first."))
    return redirect("administration:people")
