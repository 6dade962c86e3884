"""Every address of the site."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from webui.administration.views.health import alive, ready

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", alive, name="alive"),
    path("ready", ready, name="ready"),
    path("accounts/", include("webui.accounts.urls")),
    path("administration/", include("webui.administration.urls")),
]
websocket_urlpatterns: list[URLPattern] = []
if find_spec("webui.chats.document_urls"):
    urlpatterns += [path("documents/", include("webui.chats.document_urls"))]
if find_spec("webui.chats.urls"):
    urlpatterns += [path("", include("webui.chats.urls"))]
if find_spec("webui.chats.consumers") and find_spec("webui.chats.routing"):
    from webui.chats.routing import websocket_urlpatterns as chat_sockets

    websocket_urlpatterns += chat_sockets

handler400 = "webui.config.errors.bad_request"
handler403 = "webui.config.errors.permission_denied"
handler404 = "webui.config.errors.page_not_found"
handler500 = "webui.config.errors.server_error"
