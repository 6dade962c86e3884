"""Groups of people: the list, one group with its members."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webui.accounts import groups as service
from webui.accounts.access import group_write, person_write
from webui.accounts.decorators import admin_required
from webui.accounts.errors import GroupNameTaken
from webui.accounts.http import MemberRequest
from webui.accounts.models import Group
from webui.accounts.permissions import ALL, withheld_permissions
from webui.administration.forms import GroupForm, MemberForm
from webui.administration.permission_forms import PermissionsForm


@admin_required
@require_GET
def groups(request: MemberRequest) -> HttpResponse:
    return render(request, "administration/groups.html", {"form": GroupForm(), "groups": service.groups()})


@admin_required
@require_POST
def create(request: MemberRequest) -> HttpResponseBase:
    form = GroupForm(request.POST)
    if form.is_valid():
        try:
            group = service.create_group(**form.cleaned_data)
        except GroupNameTaken:
            form.add_error("name", _("There is a group of that name."))
        else:
            return redirect("administration:group", group.uuid)
    context = {"form": form, "groups": service.groups()}
    return render(request, "administration/groups.html", context, status=422)


@admin_required
@require_http_methods(["GET", "POST"])
def group(request: MemberRequest, group_uuid: uuid.UUID) -> HttpResponseBase:
    """One group; what is posted changes its name and description."""
    shown = group_write(request, group_uuid)
    if request.method == "GET":
        form = GroupForm(initial={"name": shown.name, "description": shown.description})
        return _page(request, shown, form)
    form = GroupForm(request.POST)
    if form.is_valid():
        try:
            service.change_group(shown, **form.cleaned_data)
        except GroupNameTaken:
            form.add_error("name", _("There is a group of that name."))
            shown.refresh_from_db()
        else:
            messages.success(request, _("Saved."))
            return redirect("administration:group", shown.uuid)
    return _page(request, shown, form, status=422)


def _page(
    request: MemberRequest, shown: Group, form: GroupForm, *, members: MemberForm | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "group": shown,
        "form": form,
        "member_form": members or MemberForm(),
        "permissions_form": PermissionsForm(shown.permissions),
        "everybody_may": ALL - withheld_permissions(),
        "members": shown.members.order_by("name", "email"),
    }
    return render(request, "administration/group.html", context, status=status)


@admin_required
@require_POST
def add_member(request: MemberRequest, group_uuid: uuid.UUID) -> HttpResponseBase:
    shown = group_write(request, group_uuid)
    form = MemberForm(request.POST)
    person = service.find_person(form.cleaned_data["person"]) if form.is_valid() else None
    if person is None:
        if form.is_valid():
            form.add_error("person", _("Nobody has this e-mail address, and not exactly one person this name."))
        described = GroupForm(initial={"name": shown.name, "description": shown.description})
        return _page(request, shown, described, members=form, status=422)
    service.add_member(shown, person)
    messages.success(request, _("%(person)s is in the group.") % {"person": person})
    return redirect("administration:group", shown.uuid)


@admin_required
@require_POST
def remove_member(request: MemberRequest, group_uuid: uuid.UUID, person_uuid: uuid.UUID) -> HttpResponseBase:
    shown = group_write(request, group_uuid)
    service.remove_member(shown, person_write(request, person_uuid))
    return redirect("administration:group", shown.uuid)


@admin_required
@require_POST
def delete(request: MemberRequest, group_uuid: uuid.UUID) -> HttpResponseBase:
    doomed = group_write(request, group_uuid)
    service.delete_group(doomed)
    messages.success(request, _("%(group)s is deleted.") % {"group": doomed})
    return redirect("administration:groups")
