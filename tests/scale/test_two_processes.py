"""Two real web processes on one PostgreSQL, one Redis and one data folder, as behind a proxy that picks either."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.doubles.upstream import Upstream
from tests.scale.conftest import HEARTBEAT_TIMEOUT_S, StartProcess
from tests.scale.sites import Event, Page, Person, WebProcess, wait_until_alive

Processes = tuple[WebProcess, WebProcess]
LONG = "Tell me a long one @fake tokens=2000 rate=50"


@pytest.fixture(scope="module")
def alice(two_processes: Processes) -> Person:
    """Signed up at the first process, which makes her a session in the database."""
    person = Person("alice@example.org")
    assert person.sign_up(two_processes[0]) == 302
    return person


async def ask(page: Page, content: str) -> Event:
    """Send a first message; return the event that shows it."""
    await page.send(content)
    return await page.until("branch.changed")


def test_who_signed_up_at_one_process_is_signed_in_at_the_other(two_processes: Processes, alice: Person) -> None:
    assert [alice.get(web, "/").status_code for web in two_processes] == [200, 200]


def test_who_signed_up_at_one_process_can_log_in_at_the_other(two_processes: Processes) -> None:
    first, second = two_processes
    assert Person("bob@example.org").sign_up(first) == 302
    elsewhere = Person("bob@example.org")

    assert elsewhere.log_in(second) == 302
    assert elsewhere.get(first, "/").status_code == 200


async def test_an_answer_streams_to_a_page_of_the_other_process(two_processes: Processes, alice: Person) -> None:
    first, second = two_processes
    async with alice.page(first) as asking, alice.page(second) as watching:
        shown = await ask(asking, "How does it burn? @fake tokens=40 rate=20")
        await watching.say(type="chat.opened", chat=shown["chat"])

        added = await watching.until("text.added")
        ended = await watching.until("generation.ended")

    assert added["chat"] == shown["chat"]
    assert ended["state"] == "finished"
    assert "The model answers" in ended["html"]


async def test_a_new_chat_shows_in_the_sidebar_of_the_other_process(two_processes: Processes, alice: Person) -> None:
    first, second = two_processes
    async with alice.page(first) as asking, alice.page(second) as watching:
        # The socket takes part once it has answered something.
        await watching.say(type="nothing")
        with pytest.raises(AssertionError, match="refused"):
            await watching.until("never")
        await ask(asking, "Seen from both @fake tokens=2")

        changed = await watching.until("chat.moved_up")

    assert "Seen from both" in changed["html"]


async def test_stop_at_one_process_stops_the_answer_of_the_other(
    two_processes: Processes, alice: Person, models: Upstream
) -> None:
    first, second = two_processes
    async with alice.page(first) as asking, alice.page(second) as watching:
        shown = await ask(asking, LONG)
        running = await asking.until("text.added")
        await watching.say(type="chat.opened", chat=shown["chat"])
        await watching.until("text.added")

        await watching.say(type="stop.requested", chat=shown["chat"], generation=running["generation"])

        ends = await asyncio.gather(asking.until("generation.ended"), watching.until("generation.ended"))

    assert [end["state"] for end in ends] == ["stopped", "stopped"]
    await models.wait_until_async(lambda upstream: upstream.n_active == 0)


def test_one_process_owns_the_vectors_and_both_are_ready(two_processes: Processes, alice: Person) -> None:
    answers = [alice.get(web, "/ready") for web in two_processes]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["redis"]["state"] for answer in answers] == ["ok", "ok"]


async def test_an_answer_of_a_killed_process_is_marked_by_another(
    two_processes: Processes, installation: StartProcess, alice: Person
) -> None:
    survivor = two_processes[1]
    with installation("c") as doomed:
        await asyncio.to_thread(wait_until_alive, doomed)
        await _die_in_an_answer(doomed, survivor, alice)


async def _die_in_an_answer(doomed: WebProcess, survivor: WebProcess, alice: Person) -> None:
    async with alice.page(doomed) as asking, alice.page(survivor) as watching:
        shown = await ask(asking, LONG)
        await watching.say(type="chat.opened", chat=shown["chat"])
        # The journal has something by then.
        heard = time.monotonic() + 1.5
        while time.monotonic() < heard:
            await watching.until("text.added")

        doomed.process.kill()
        killed = time.monotonic()
        ended = await watching.until("generation.ended")

    assert ended["state"] == "interrupted"
    assert "The model answers" in ended["html"]
    # Every half of the time-out somebody looks.
    assert time.monotonic() - killed < 2 * HEARTBEAT_TIMEOUT_S + 2
