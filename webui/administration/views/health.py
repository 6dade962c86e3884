"""Whether the installation works: for supervisors as JSON, for administrators as a page."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration import health


@login_not_required
@require_safe
@never_cache
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nobody else, so that a supervisor never restarts us for another's fault."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
@never_cache
async def ready(request: HttpRequest) -> JsonResponse:
    """Everything that an answer needs works."""
    return _readiness(await health.parts())


@login_not_required
@require_safe
@never_cache
async def pages_ready(request: HttpRequest) -> JsonResponse:
    """Pages can be served: what a balancer asks, which would else close the site for want of a model server."""
    return _readiness(await health.parts_of_pages())


def _readiness(parts: list[health.Part]) -> JsonResponse:
    is_ready = all(part.is_ok for part in parts)
    body = {"status": "ready" if is_ready else "not ready", **{part.name: part.as_json() for part in parts}}
    return JsonResponse(body, status=200 if is_ready else 503)


@admin_required
@require_GET
def page(request: MemberRequest) -> HttpResponse:
    context = {
        "parts": async_to_sync(health.parts)(),
        "processes": health.process_memory(),
        "disk": health.disk(),
        "versions": health.versions(),
    }
    return render(request, "administration/health.html", context)
