"""What people may do besides asking models: everybody, and the members of one group."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from webui.accounts.access import group_write
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.accounts.permissions import ALL, give_to_everybody, give_to_group, withheld_permissions
from webui.administration.permission_forms import PermissionsForm, permission_rows


@admin_required
@require_http_methods(["GET", "POST"])
def permissions(request: MemberRequest) -> HttpResponse:
    form = PermissionsForm(ALL - withheld_permissions(), request.POST if request.method == "POST" else None)
    if form.is_valid():
        give_to_everybody(form.chosen, by=request.user)
        messages.success(request, _("Saved. It holds at once."))
        return redirect("administration:permissions")
    context = {"form": form, "rows": list(permission_rows(form))}
    return render(request, "administration/permissions.html", context, status=422 if form.errors else 200)


@admin_required
@require_POST
def of_group(request: MemberRequest, group_uuid: uuid.UUID) -> HttpResponseBase:
    group = group_write(request, group_uuid)
    form = PermissionsForm((), request.POST)
    if form.is_valid():
        give_to_group(group, form.chosen)
        messages.success(request, _("Saved. It holds at once."))
    else:
        messages.error(request, _("Nothing was changed: there is no such permission."))
    return redirect("administration:group", group.uuid)
