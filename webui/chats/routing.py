"""Where the chat socket is. Origin and session are checked by what mounts this."""

from __future__ import annotations

from django.urls import URLPattern, path

from webui.chats.consumers import ChatConsumer

websocket_urlpatterns: list[URLPattern] = [path("ws/", ChatConsumer.as_asgi())]
