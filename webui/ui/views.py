"""What makes the site an app that can be installed: manifest, service worker, and a page without a connection."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.decorators import login_not_required
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.translation import get_language, get_language_bidi, gettext
from django.views.decorators.http import require_safe

from webui.ui.themes import PAGE_COLORS

SERVICE_WORKER = "js/service_worker.js"


@login_not_required
@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """Source: the W3C's Web Application Manifest."""
    icons = [
        {"src": static("img/hearth.svg"), "sizes": "any", "type": "image/svg+xml"},
        *({"src": static(f"img/icon-{n}.png"), "sizes": f"{n}x{n}", "type": "image/png"} for n in (192, 512)),
        {
            "src": static("img/icon-maskable-512.png"),
            "sizes": "512x512",
            "type": "image/png",
            "purpose": "maskable",
        },
    ]
    described = {
        "id": "/",
        "name": "Hearth",
        "short_name": "Hearth",
        "description": gettext("A chat over your own models and documents."),
        "lang": get_language(),
        "dir": "rtl" if get_language_bidi() else "ltr",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": PAGE_COLORS["light"],
        "theme_color": PAGE_COLORS["light"],
        "icons": icons,
    }
    return JsonResponse(described, content_type="application/manifest+json")


@login_not_required
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """Hand out the script at the top of the site: it works for the pages below its own address."""
    script = Path(str(finders.find(SERVICE_WORKER))).read_bytes()
    response = HttpResponse(script, content_type="text/javascript")
    # Browsers look for a newer one now and then.
    response["Cache-Control"] = "no-cache"
    return response


@login_not_required
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """What the service worker shows when the server cannot be reached. Says nothing of anybody: it is kept."""
    return render(request, "ui/offline.html")
