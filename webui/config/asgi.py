"""The ASGI application: static files, pages and the chat socket."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.config.settings")
pages = get_asgi_application()

# Below this line the app registry is ready, which these modules need at import.
from channels.auth import AuthMiddlewareStack  # noqa: E402

from webui.config.body_limit import BodyLimit  # noqa: E402
from webui.config.static_files import StaticFiles  # noqa: E402
from webui.config.urls import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": StaticFiles(BodyLimit(pages)),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
