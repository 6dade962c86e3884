"""Of what somebody may not read, the socket says nothing, whichever event names it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async

from tests.chats.conftest import charlie_page as charlie_page
from tests.chats.conftest import model_server as model_server
from tests.chats.conftest import site as site
from tests.chats.pages import Page
from tests.doubles.upstream import Upstream
from tests.permissions.routes import NOBODYS
from tests.permissions.test_pages import parts_of
from tests.permissions.world import PLAIN, PRIVATE, SHARED, World, make_world, snapshot
from webui.accounts.models import User
from webui.chats.relay import decoding

# What a valid field of each kind of check looks like; `wanted` is the id that is tried.
SAMPLES: dict[str, Callable[[str, int], Any]] = {
    "_uuid": lambda wanted, number: wanted,
    "_uuid_or_none": lambda wanted, number: wanted,
    "_uuids": lambda wanted, number: [wanted],
    "_seen": lambda wanted, number: {wanted: 0},
    "_models": lambda wanted, number: [f"preset://{wanted}"],
    # Names a server of the site, which is nobody's: one that may not be used is passed over.
    "_wish": lambda wanted, number: {"connection": wanted},
    "_ref": lambda wanted, number: f"ref-{number}",
    "check": lambda wanted, number: "quotes",
}
ID_CHECKS = SAMPLES.keys() - {"_wish", "_ref", "check"}
# Texts that may name a preset, which has an id of its own kind.
MODELS = ("model", "to")


@pytest.fixture
def world(transactional_db: None, alice: User, bob: User, data_folder: Path) -> World:
    return make_world(alice, reader=bob)


def events(wanted: list[str], own: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield every event of the protocol, with each id in each of its fields, the other fields being one's own."""
    for kind, fields in decoding._EVENTS.items():
        assert {field.check.__name__ for field in fields.values()} <= SAMPLES.keys(), f"say what {kind} may be sent"
        ids = [name for name, field in fields.items() if field.check.__name__ in ID_CHECKS or name in MODELS]
        assert ids, f"{kind} names nothing"
        for tried in ids:
            # Of presets, and of some things that are none.
            may_be = wanted if tried not in (*MODELS, "beside") else [*wanted[:3], *wanted[-2:]]
            for number, value in enumerate(may_be):
                event = {
                    name: f"preset://{value}"
                    if name == tried and name in MODELS
                    else SAMPLES[field.check.__name__](value if name == tried else own.get(name, NOBODYS), number)
                    for name, field in fields.items()
                    if name == tried or field.is_required
                }
                yield {"type": kind, **event, **({"ref": f"{kind}-{tried}-{number}"} if "ref" in fields else {})}


async def answer_to(page: Page, event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what comes back for an event: all that comes before the refusal of one that is none."""
    page.events.clear()
    await page.say(event)
    await page.say({"type": "no.such.event", "ref": "the end"})
    await page.until("request.refused", lambda said: said.get("ref") == "the end")
    return page.events[:-1]


async def test_no_event_leads_to_what_is_anothers(
    site: Upstream, world: World, charlie: User, charlie_page: Page
) -> None:
    own = await database_sync_to_async(make_world)(charlie, words=PLAIN)
    fields = {"chat": str(own.chat.uuid), "message": str(own.message.uuid)}
    before = await database_sync_to_async(snapshot)(world.owner)

    async with charlie_page as page:
        presets = [str(row.uuid) for row in (world.private_preset, world.shared_preset)]
        for event in events([*world.ids(), *presets], fields):
            told = json.dumps(await answer_to(page, event))
            sent = set(json.dumps(event).split('"'))
            for secret in {PRIVATE, SHARED, *world.ids()} - sent:
                assert secret not in told, event

    assert await database_sync_to_async(snapshot)(world.owner) == before


async def test_an_unknown_id_and_a_foreign_one_are_refused_in_the_same_words(
    site: Upstream, world: World, charlie_page: Page
) -> None:
    async with charlie_page as page:
        for kind, fields in decoding._EVENTS.items():
            for event in events([*world.private_ids()[:5], str(world.private_preset.uuid)], {}):
                # One that is asked beside another is refused in place of its answer, in a chat of one's own.
                if event["type"] != kind or "beside" in event:
                    continue
                unknown = {name: _replaced(value, world.ids()) for name, value in event.items()}
                told, expected = [await answer_to(page, asked) for asked in (event, unknown)]
                assert told == expected, fields


async def test_what_belongs_to_another_chat_of_ones_own_is_as_unknown_in_this_one(
    site: Upstream, world: World, charlie: User, charlie_page: Page
) -> None:
    own, other = [
        await database_sync_to_async(make_world)(charlie, words=words) for words in (PLAIN, ("others", "elsewhere"))
    ]
    parts = [str(row.uuid) for row in await database_sync_to_async(parts_of)(other.chat)]

    async with charlie_page as page:
        for event in events(parts, {"chat": str(own.chat.uuid), "message": str(own.message.uuid)}):
            unknown = {name: _replaced(value, parts) for name, value in event.items()}
            told, expected = [await answer_to(page, asked) for asked in (event, unknown)]
            assert told == expected, event


def _replaced(value: Any, ids: list[str]) -> Any:
    text = json.dumps(value)
    for one in ids:
        text = text.replace(one, NOBODYS)
    return json.loads(text)
