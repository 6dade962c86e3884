"""The settings of this room."""

from __future__ import annotations

from rag.errors import PageNotFetched
from rag.types import FetchProblem
from webui.accounts.conf import site_setting


def fetches_web_pages() -> bool:
    return site_setting("web_pages") == "on"


def require_web_pages() -> None:
    """Raises PageNotFetched where an administrator has switched the fetching of pages off."""
    if not fetches_web_pages():
        raise PageNotFetched(FetchProblem.OFF)
