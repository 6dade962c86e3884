"""Settings of the model server: no database, no sessions, no secrets."""

from __future__ import annotations

DEBUG = False
# The Host header is checked by our own middleware, which knows what the server is bound to.
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["inference.server.apps.ModelServerConfig"]
MIDDLEWARE = [
    "inference.server.middleware.only_known_callers",
]
ROOT_URLCONF = "inference.server.urls"
DATABASES: dict[str, object] = {}
TEMPLATES: list[object] = []
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = False
LOGGING_CONFIG = None
# Bodies are limited per route, and before that by the HTTP server.
DATA_UPLOAD_MAX_MEMORY_SIZE = None
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
