"""Settings of the web process, read from the environment and `.env`. docs/ lists the variables."""

from __future__ import annotations

import os
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from csp.constants import NONE, SELF

from webui import __version__
from webui.config.catalogues import compiled_catalogues
from webui.config.data_folder import prepare_data_folder, read_or_create_secret_key
from webui.config.env import Environment, reachable_url, read_env_file
from webui.config.proxies import FORWARDED_PROTO

PACKAGE_DIR = Path(__file__).resolve().parents[1]
# A checkout holds templates/ and static/ beside webui/; the wheel carries them in webui/bundled/.
BASE_DIR = PACKAGE_DIR / "bundled" if (PACKAGE_DIR / "bundled").is_dir() else PACKAGE_DIR.parent

HEARTH_VERSION = __version__

HEARTH_ENV_FILE = Path(os.environ.get("HEARTH_ENV_FILE", ".env"))
# Variables whose value stands there, and not in the environment itself.
HEARTH_ENV_FILE_DECIDES = read_env_file(HEARTH_ENV_FILE)
env = Environment(os.environ)

# ---- where things are kept -----------------------------------------------------------------------

HEARTH_DATA = env.folder("HEARTH_DATA", Path("data"))
HEARTH_MODELS = HEARTH_DATA / "models"
HEARTH_VECTORS = HEARTH_DATA / "vectors"
HEARTH_SNAPSHOTS = HEARTH_DATA / "snapshots"
MEDIA_ROOT = HEARTH_DATA / "uploads"
FILE_UPLOAD_TEMP_DIR = HEARTH_DATA / "cache" / "uploads"
FILE_UPLOAD_PERMISSIONS = 0o600
HEARTH_MAX_UPLOAD_MB = env.integer("HEARTH_MAX_UPLOAD_MB", 100, minimum=1, maximum=10_000)
# The ZIP of a whole knowledge.
HEARTH_MAX_IMPORT_MB = env.integer("HEARTH_MAX_IMPORT_MB", 500, minimum=1, maximum=100_000)
# The model that turns documents and questions into vectors, by its name in the catalog.
HEARTH_EMBEDDER = env.text("HEARTH_EMBEDDER", "")
# A model that reads question and passage together and puts the best passages into order; empty: none.
HEARTH_RERANKER = env.text("HEARTH_RERANKER", "")
# In private networks: pages of other hosts there are not fetched.
HEARTH_WEB_PAGE_HOSTS = env.hosts("HEARTH_WEB_PAGE_HOSTS")
HEARTH_VECTOR_STORE = env.text("HEARTH_VECTOR_STORE", "chroma")
HEARTH_VECTOR_STORE_ANYWHERE = env.boolean("HEARTH_VECTOR_STORE_ANYWHERE", False)
if HEARTH_VECTOR_STORE not in ("chroma", "pgvector"):
    env.url("HEARTH_VECTOR_STORE", "", ("http", "https"), "chroma, pgvector or http://10.0.0.5:8000")
# Of scanned pages, by the names of tesseract.
HEARTH_OCR_LANGUAGES = env.words("HEARTH_OCR_LANGUAGES", "+")
# Folders of this server that administrators may connect with knowledge. Never in the pages: who may change the site is
# not therefore who may read the server's disks.
HEARTH_FOLDERS = env.folders("HEARTH_FOLDERS")
for _folder in map(os.path.realpath, HEARTH_FOLDERS):
    if HEARTH_DATA.is_relative_to(_folder) or Path(_folder).is_relative_to(HEARTH_DATA):
        env.reject("HEARTH_FOLDERS", f"must not hold HEARTH_DATA or lie in it ({HEARTH_DATA})", "/srv/handbook")

SECRET_KEY = env.secret("HEARTH_SECRET_KEY")
if SECRET_KEY and len(SECRET_KEY) < 32:
    env.reject("HEARTH_SECRET_KEY", "must have at least 32 characters", "a long random text")
try:
    prepare_data_folder(HEARTH_DATA)
    FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
    SECRET_KEY = SECRET_KEY or read_or_create_secret_key(HEARTH_DATA)
except OSError as exc:
    env.reject("HEARTH_DATA", f"names a folder that cannot be used: {exc.strerror} ({HEARTH_DATA})", "/var/lib/hearth")

# ---- addresses -----------------------------------------------------------------------------------

HEARTH_HOST = env.host("HEARTH_HOST", "127.0.0.1")
HEARTH_PORT = env.integer("HEARTH_PORT", 3000, minimum=1, maximum=65535)
# How people reach the site when it is not http://localhost:PORT, for example through a proxy with TLS.
HEARTH_URL = env.origin("HEARTH_URL")
HEARTH_TRUSTED_PROXIES = env.networks("HEARTH_TRUSTED_PROXIES")
HEARTH_INFERENCE_LISTEN = env.listen_address("OLLAMA_HOST", ("127.0.0.1", 11434))
HEARTH_INFERENCE_URL = env.url(
    "HEARTH_INFERENCE_URL", reachable_url(*HEARTH_INFERENCE_LISTEN), ("http", "https"), "http://127.0.0.1:11434"
)
HEARTH_API_KEY = env.secret("HEARTH_API_KEY")


def _own_names() -> list[str]:
    """The names and addresses under which this machine may be asked, when it listens to others at all."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    if HEARTH_HOST not in ("127.0.0.1", "::1", "localhost"):
        # Addresses cannot be rebound by a foreign DNS name, so all of this machine's own are safe to accept.
        families = {socket.AF_INET: "{}", socket.AF_INET6: "[{}]"}
        for addresses in psutil.net_if_addrs().values():
            names += [families[a.family].format(a.address.split("%")[0]) for a in addresses if a.family in families]
        names += [socket.gethostname(), HEARTH_HOST]
    return names


ALLOWED_HOSTS = [*dict.fromkeys([*_own_names(), *env.hosts("HEARTH_ALLOWED_HOSTS")])]
if HEARTH_URL:
    ALLOWED_HOSTS.append(urlsplit(HEARTH_URL).hostname or "")
CSRF_TRUSTED_ORIGINS = [HEARTH_URL] if HEARTH_URL else []

# ---- what an administrator may also set in the pages; given here, it is locked there -----------------

_pinned = {
    "signup": (
        env.choice("HEARTH_SIGNUP", "approval", ("open", "approval", "closed")) if env.is_given("HEARTH_SIGNUP") else ""
    ),
    "new_models": (
        env.choice("HEARTH_NEW_MODELS", "open", ("open", "closed")) if env.is_given("HEARTH_NEW_MODELS") else ""
    ),
    "pictures": env.switch("HEARTH_PICTURES"),
    "web_pages": env.switch("HEARTH_WEB_PAGES"),
    "whole_documents": env.switch("HEARTH_WHOLE_DOCUMENTS"),
    "public_links": env.switch("HEARTH_PUBLIC_LINKS"),
    "answer_ratings": env.switch("HEARTH_ANSWER_RATINGS"),
    "afterthoughts": env.switch("HEARTH_AFTERTHOUGHTS"),
    "browser_dictation": env.switch("HEARTH_BROWSER_DICTATION"),
    "audit_days": (
        env.choice("HEARTH_AUDIT_DAYS", "365", ("30", "90", "365", "1095", "0"))
        if env.is_given("HEARTH_AUDIT_DAYS")
        else ""
    ),
}
HEARTH_PINNED_SETTINGS = {name: value for name, value in _pinned.items() if value}
HEARTH_SITE_SETTING_READER = "webui.administration.queries.site_setting"

HEARTH_ADMIN_EMAIL = env.text("HEARTH_ADMIN_EMAIL")
HEARTH_ADMIN_PASSWORD = env.secret("HEARTH_ADMIN_PASSWORD")
if HEARTH_ADMIN_EMAIL and not HEARTH_ADMIN_PASSWORD:
    env.reject("HEARTH_ADMIN_EMAIL", "needs HEARTH_ADMIN_PASSWORD or HEARTH_ADMIN_PASSWORD_FILE", "root@example.org")

# ---- connections from the environment, with the names that Open WebUI's users know ---------------------

OLLAMA_BASE_URLS = env.urls("OLLAMA_BASE_URLS") or env.urls("OLLAMA_BASE_URL")
OPENAI_API_BASE_URLS = env.urls("OPENAI_API_BASE_URLS") or env.urls("OPENAI_API_BASE_URL")
OPENAI_API_KEYS = env.secret("OPENAI_API_KEYS") or env.secret("OPENAI_API_KEY")

# ---- Django ------------------------------------------------------------------------------------------

DEBUG = env.boolean("HEARTH_DEBUG", False)
ROOT_URLCONF = "webui.config.urls"
ASGI_APPLICATION = "webui.config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"
APPEND_SLASH = True

# No "daphne" here: importing it installs a Twisted reactor, and `web` installs its own first.
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "heroicons",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "channels",
    "csp",
    "webui",
    "webui.accounts",
    "webui.presets",
    "webui.imagery",
    "webui.chats",
    "webui.speech",
    "webui.administration",
    "webui.ui",
    "rag",
    "inference",
]
MIDDLEWARE = [
    "webui.config.proxies.TrustedProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "webui.accounts.audit.AuditMiddleware",
    "webui.accounts.middleware.LanguageMiddleware",
    "webui.accounts.middleware.SignInRequiredMiddleware",
    "webui.accounts.middleware.MembershipMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webui.ui.context_processors.interface",
                "webui.accounts.context_processors.permissions",
            ]
        },
    }
]

# ---- database, cache, sockets --------------------------------------------------------------------------

_database = env.database("DATABASE_URL")
if HEARTH_VECTOR_STORE == "pgvector" and not _database:
    env.reject(
        "DATABASE_URL", "must name a PostgreSQL for HEARTH_VECTOR_STORE=pgvector", "postgres://hearth@localhost/hearth"
    )
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.name,
        "USER": _database.user,
        "PASSWORD": _database.password,
        "HOST": _database.host,
        "PORT": _database.port,
        # A request runs in a thread of its own, so a connection that stayed open would never be found again.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "connect_timeout": "10",
            # A database machine that vanished is noticed within a minute, not after hours.
            "keepalives_idle": "30",
            "keepalives_interval": "10",
            "keepalives_count": "3",
            "application_name": "hearth",
            **_database.options,
        },
    }
    if _database
    else {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": HEARTH_DATA / "hearth.sqlite3",
        "OPTIONS": {
            # A transaction takes the write lock at its start: waiting then is safe, failing in its middle is not.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
                " PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000; PRAGMA mmap_size=67108864;"
                " PRAGMA journal_size_limit=67108864;"
            ),
        },
    }
}
REDIS_URL = env.url("REDIS_URL", "", ("redis", "rediss"), "redis://localhost:6379/0")
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # The layer waits 5 s for a message, and its client gives up after 5 s unless told otherwise.
            "hosts": [{"address": REDIS_URL, "socket_timeout": 15}],
            # Beyond the capacity, which is 100 unless told, the layer drops messages without a word.
            "capacity": 10_000,
        },
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}
# An answer whose process has not been heard of for that long is marked as interrupted.
HEARTH_HEARTBEAT_TIMEOUT_S = env.integer("HEARTH_HEARTBEAT_TIMEOUT_S", 30, minimum=3, maximum=3600)
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# ---- people --------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
HEARTH_GROUP_MODEL = "accounts.Group"
# Who may read anything at all, for packages that know no roles: a condition on AUTH_USER_MODEL.
HEARTH_MEMBERS = {"is_active": True, "role__in": ("user", "admin")}
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "webui.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = str
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "webui.accounts.forms.NameForm"
# No mail is needed to run this; an administrator vouches for people instead.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_RATE_LIMITS = {"signup": "60/m/ip"}

# ---- cookies and headers ---------------------------------------------------------------------------------

_is_https = HEARTH_URL.startswith("https://")
SESSION_COOKIE_NAME = "hearth_session"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _is_https
CSRF_COOKIE_NAME = "hearth_csrf"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = _is_https
CSRF_FAILURE_VIEW = "webui.config.errors.csrf_failure"
LANGUAGE_COOKIE_NAME = "hearth_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _is_https
SECURE_PROXY_SSL_HEADER = (FORWARDED_PROTO, "https")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 30 if _is_https else 0
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # Previews of what models wrote, each with a policy of its own (webui.rendering.previews).
        "frame-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# In the session, not in a cookie: a message may name people.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# ---- static files --------------------------------------------------------------------------------------

STATIC_URL = "/static/"
# `web` collects into the data folder at its start, when the files have changed since the last time.
STATIC_ROOT = HEARTH_DATA / "cache" / "static"
_ziamath, _mermaidx = find_spec("ziamath"), find_spec("mermaidx")
STATICFILES_DIRS: list[Any] = [
    BASE_DIR / "static",
    # STIX Two Math, for formulas.
    ("fonts/math", Path(_ziamath.origin).parent / "fonts" if _ziamath and _ziamath.origin else BASE_DIR / "static"),
    # Mermaid, for diagrams.
    ("mermaid", Path(_mermaidx.origin).parent / "assets" if _mermaidx and _mermaidx.origin else BASE_DIR / "static"),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "webui.config.storage.HearthStaticFilesStorage"
    },
}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False

# ---- languages and time ----------------------------------------------------------------------------------

USE_I18N = True
FORMAT_MODULE_PATH = "webui.config.formats"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
try:
    LOCALE_PATHS = [compiled_catalogues(BASE_DIR / "locale", HEARTH_DATA / "cache" / "locale")]
except OSError as exc:
    env.reject("HEARTH_DATA", f"names a folder that cannot be used: {exc.strerror} ({HEARTH_DATA})", "/var/lib/hearth")
# Each by the name that its speakers know.
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文"), ("ar", "العربية")]

# ---- logging -----------------------------------------------------------------------------------------------

LOG_LEVEL = env.choice("HEARTH_LOG_LEVEL", "info", ("debug", "info", "warning", "error")).upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # "Not now" is an answer, not a fault: whoever waits for /ready asks many times a second.
    "filters": {
        "faults": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", None) != 503,
        },
    },
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        **{name: {"level": LOG_LEVEL} for name in ("webui", "rag", "inference")},
        # Django's own handlers would say everything twice.
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        # A visitor's mistake is not news; the page has told them.
        "django.request": {"level": "ERROR", "filters": ["faults"]},
        # Scanners ask for foreign hosts all day; they get their 400 and no traceback in our log.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}

env.refuse_wrong()
HEARTH_GIVEN_VARIABLES = dict(sorted(env.shown.items()))
