"""The settings that an administrator may change while the site runs."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from inference import client
from rag import api as rag
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration import services
from webui.administration.errors import SettingLocked
from webui.administration.forms import SettingForm
from webui.administration.queries import EffectiveSetting, effective_settings, given_variables, history_of


@admin_required
@require_GET
def settings(request: MemberRequest) -> HttpResponse:
    return _page(request, [SettingForm(setting) for setting in effective_settings()])


@admin_required
@require_POST
def change(request: MemberRequest, name: str) -> HttpResponseBase:
    """Store one setting; what is wrong is said beside its field."""
    every = effective_settings()
    form = SettingForm(_named(every, name), request.POST)
    if not form.is_valid():
        forms = [form if setting.declaration.name == name else SettingForm(setting) for setting in every]
        return _page(request, forms, status=422)
    try:
        services.change_setting(name, form.cleaned_data["value"], by=request.user)
    except SettingLocked:
        return _refuse_locked(request)
    messages.success(request, _("Saved."))
    return redirect("administration:settings")


@admin_required
@require_POST
def reset(request: MemberRequest, name: str) -> HttpResponseBase:
    _named(effective_settings(), name)
    try:
        services.reset_setting(name, by=request.user)
    except SettingLocked:
        return _refuse_locked(request)
    messages.success(request, _("Back to the default."))
    return redirect("administration:settings")


@admin_required
@require_GET
def history(request: MemberRequest, name: str) -> HttpResponse:
    """Return who has changed one setting, when, and from what to what; with a way back to each value."""
    setting = _named(effective_settings(), name)
    context = {"setting": setting, "changes": history_of(setting.declaration)}
    return render(request, "administration/_setting_history.html", context)


def _page(request: MemberRequest, forms: list[SettingForm], *, status: int = 200) -> HttpResponse:
    context = {
        "forms": forms,
        "folders": rag.folder_roots(),
        "variables": given_variables(),
        "server": async_to_sync(client.server_settings)(),
    }
    return render(request, "administration/settings.html", context, status=status)


def _named(settings: list[EffectiveSetting], name: str) -> EffectiveSetting:
    for setting in settings:
        if setting.declaration.name == name:
            return setting
    raise Http404


def _refuse_locked(request: MemberRequest) -> HttpResponseBase:
    messages.error(request, _("That setting is fixed by the environment of the server."))
    return redirect("administration:settings")
