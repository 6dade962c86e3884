"""The first page of administration: what needs attention now."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webui.accounts import queries
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration import health


@admin_required
@require_GET
def home(request: MemberRequest) -> HttpResponse:
    context = {
        "n_people": queries.people().count(),
        "n_waiting": queries.n_people_waiting(),
        "parts": async_to_sync(health.parts)(),
        "disk": health.disk(),
    }
    return render(request, "administration/home.html", context)
