"""The whole pages of the site, found by introspection, also new ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from playwright.async_api import APIResponse, BrowserContext

from tests.permissions.routes import Route

# Signing out shows a page to whoever asks for it, and ends the session of this browser. Diagrams are drawn in a frame
# that nobody sees.
NOT_ASKED = {"account_logout", "chats:drawer"}


def addresses_of(route: Route, ids: Iterable[Sequence[str]]) -> list[str]:
    """Return where a route may show a page: with each of these ids that it has room for."""
    if route.name in NOT_ASKED:
        return []
    return [route.url(chosen) for chosen in ids if len(chosen) == len(route.ids)] if route.ids else [route.url([])]


def addresses_without_ids(routes: Iterable[Route]) -> list[str]:
    return [address for route in routes if not route.ids for address in addresses_of(route, [])]


async def pages_among(context: BrowserContext, routes: Iterable[Route], ids: Iterable[Sequence[str]] = ()) -> list[str]:
    """Return the addresses at which there is a whole page, one of each kind.

    `ids` are of one thing of each kind, alone and after that of what it is in.
    """
    found = []
    ids = list(ids)
    for route in routes:
        for address in addresses_of(route, ids):
            response = await context.request.get(address, max_redirects=0)
            if await is_page(response):
                found.append(address)
            if response.status in (200, 405):
                # Nothing else leads to it, or it is none to look at.
                break
    return found


async def is_page(response: APIResponse) -> bool:
    if response.status != 200 or "content-disposition" in response.headers:
        return False
    return (await response.text()).lstrip().lower().startswith("<!doctype html")
