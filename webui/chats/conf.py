"""The settings of this app, with their defaults."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from webui.accounts.conf import site_setting


def message_max_chars() -> int:
    return int(getattr(settings, "HEARTH_MESSAGE_MAX_CHARS", 200_000))


def context_tokens() -> int:
    """Return the context window that is asked for when a model could do with more."""
    return int(getattr(settings, "HEARTH_CONTEXT_TOKENS", 8192))


def document_wait_s() -> float:
    """Return how long an answer waits for the documents sent with its question."""
    return float(getattr(settings, "HEARTH_DOCUMENT_WAIT_S", 600.0))


def gives_whole_documents() -> bool:
    """Whether a model gets documents from beginning to end when they fit, or always the best passages."""
    return site_setting("whole_documents") == "on"


def asks_for_ratings() -> bool:
    """Whether people are asked what they think of an answer."""
    return site_setting("answer_ratings") == "on"


def allows_public_links() -> bool:
    """Whether a chat can be shared with everybody who has its address, also without an account."""
    return site_setting("public_links") == "on"


def thinks_after_answers() -> bool:
    """Whether models may be asked for titles, tags and suggestions, by those who want that."""
    return site_setting("afterthoughts") == "on"


def has_several_processes() -> bool:
    """Whether other web processes may run: then the channel layer is one that they share."""
    backend = settings.CHANNEL_LAYERS.get("default", {}).get("BACKEND", "")
    return bool(backend) and "InMemory" not in backend


def heartbeat_timeout() -> timedelta:
    """Return how long a generation may be silent before its process counts as dead; it is renewed every second."""
    return timedelta(seconds=int(getattr(settings, "HEARTH_HEARTBEAT_TIMEOUT_S", 30)))


UNDO_WINDOW = timedelta(days=7)
"""How long a deleted chat, or folder of chats, can be brought back before it is gone for good."""
MAX_CHATS_AT_ONCE = 200
"""So many chats can be chosen to do the same to all of them."""
MAX_FOLDERS = 100
"""Of one person: all of them stand in the sidebar."""
MAX_FOLDER_SOURCES = 50
"""Documents and knowledge of a folder, together; more of them fit into one knowledge."""
MAX_TAGS = 200
"""Of one person: all of them are offered where one is chosen."""
MAX_TAGS_OF_CHAT = 20
MAX_PINNED = 50
"""Of one person: all of them stand first in the sidebar."""
SYSTEM_PROMPT_MAX_CHARS = 10_000
"""Some 2500 tokens: each question of the folder begins with them."""
