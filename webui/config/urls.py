"""Every address of the site."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from webui.administration.views.health import alive, pages_ready, ready
from webui.chats.routing import websocket_urlpatterns

__all__ = ["urlpatterns", "websocket_urlpatterns"]

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", alive, name="alive"),
    path("ready", ready, name="ready"),
    path("ready/pages", pages_ready, name="pages_ready"),
    path("accounts/", include("webui.accounts.urls")),
    path("administration/", include("webui.administration.urls")),
    path("knowledge/", include("webui.documents.knowledge_urls")),
    path("documents/", include("webui.documents.urls")),
    path("speech/", include("webui.speech.urls")),
    path("presets/prompts/", include("webui.presets.prompt_urls")),
    path("presets/", include("webui.presets.urls")),
    path("", include("webui.gateway.urls")),
    path("", include("webui.ui.urls")),
    path("", include("webui.chats.urls")),
]

handler400 = "webui.config.errors.bad_request"
handler403 = "webui.config.errors.permission_denied"
handler404 = "webui.config.errors.page_not_found"
handler500 = "webui.config.errors.server_error"
