"""The page of somebody's API keys."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.access import key_own
from webui.accounts.decorators import member_required, needs
from webui.accounts.forms import KeyForm
from webui.accounts.http import MemberRequest
from webui.accounts.keys import create_key, revoke_key
from webui.accounts.models import ApiKey
from webui.accounts.permissions import Permission


@require_GET
@never_cache
@member_required
@needs(Permission.API_KEYS)
def key_list(request: MemberRequest) -> HttpResponse:
    return _page(request, KeyForm(is_admin=request.user.is_admin))


@require_POST
@never_cache
@member_required
@needs(Permission.API_KEYS)
def create(request: MemberRequest) -> HttpResponse:
    """Answer with the page that shows the token: it is written nowhere, so that no later page can show it."""
    form = KeyForm(request.POST, is_admin=request.user.is_admin)
    if not form.is_valid():
        return _page(request, form, status=422)
    days = form.cleaned_data["days"]
    _key, token = create_key(
        request.user,
        name=form.cleaned_data["name"],
        scopes=[ApiKey.Scope(scope) for scope in form.cleaned_data["scopes"]],
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    return _page(request, KeyForm(is_admin=request.user.is_admin), token=token)


@require_POST
@member_required
def revoke(request: MemberRequest, key_uuid: uuid.UUID) -> HttpResponse:
    """End a key, also of somebody who may not make new ones."""
    revoke_key(key_own(request, key_uuid))
    messages.success(request, _("The key does not work any more."))
    return redirect("accounts:keys")


def _page(request: MemberRequest, form: KeyForm, *, token: str = "", status: int = 200) -> HttpResponse:
    rows = [
        {"key": key, "scopes": [scope.label for scope in ApiKey.Scope if scope in key.scopes]}
        for key in request.user.api_keys.all()
    ]
    context = {
        "form": form,
        "rows": rows,
        "token": token,
        "openai_url": request.build_absolute_uri("/v1"),
        "ollama_url": request.build_absolute_uri("/ollama"),
        "anthropic_url": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "accounts/keys.html", context, status=status)
