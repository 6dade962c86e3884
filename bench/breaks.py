"""Connections that break, and a web process that dies, while answers are written: what is stored of them afterwards?

The web process, its sockets and the upstream are real. What is broken when comes from a seed, so that a failure can be
looked at again.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from bench.processes import environment, free_port, run, running, wait_until_ok
from bench.reading import BREAKS, WORD, Break, Place, ReadingPage
from bench.rows import Row
from tests.doubles.upstream import Behaviour, FakeModel, Upstream

MODEL = "fake:latest"
N_PEOPLE = 5
N_READERS = 20
RATE = 40.0
N_WORDS = 200
N_DYING = 4
LIFETIME_S = (1.0, 2.5)
"""How long answers have been shown when the process dies."""
GOES_ON_TIMEOUT_S = 60.0
LAST_SECOND_S = 1.0
# Whatever a database, a wire or an encoding might lose, double or tidy up.
PIECES = (
    *["w{:04} "] * 3, "w{:04}, ", "w{:04}.\n\n", "w{:04}  \n", "\tw{:04} ", "w{:04} 灯塔 ", "“w{:04}” — ",
    "w{:04} \U0001f469\u200d\U0001f680 ", "w{:04} e\u0301\u00a0", "**w{:04}** ", "`w{:04}` ", "w{:04}\r\n",
    "w{:04}\u2028", "\n\n```python\nw{:04} = 1\n```\n\n", "\n- w{:04}\n", "w{:04} \\( x^2 \\) ",
    "w{:04} &amp; <i> ", "w{:04} \ufeff\u202e",
)  # fmt: skip


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        faults: Whatever is not as it has to be, each in a line.
        missing_s: What was sent by the upstream that long before its process died, and is not stored: for each death.
        back_s: How long after each death its pages had heard of the end of their answers.
    """

    seed: int
    broken: Counter[str] = field(default_factory=Counter)
    n_lost: int = 0
    n_whole: int = 0
    n_interrupted: int = 0
    missing_s: list[tuple[str, float]] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def take(self, page: ReadingPage) -> None:
        self.broken += page.broken
        self.n_lost += page.n_lost
        self.faults += [f"{page.question}: {fault}" for fault in page.faults]


def measure(folder: Path, *, n_breaks: int, n_restarts: int, seed: int) -> Outcome:
    outcome = Outcome(seed)
    with Upstream(models=[FakeModel(name=MODEL)]) as upstream, _Site(folder, upstream) as site:
        while (n_left := n_breaks - outcome.broken.total()) > 0:
            asyncio.run(_break_connections(site, outcome, n_left))
        for number in range(n_restarts):
            asyncio.run(_let_die(site, outcome, signal.SIGTERM if number % 2 else signal.SIGKILL))
    return outcome


def rows(outcome: Outcome) -> list[Row]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.broken.items()))
    deaths = Counter(how for how, _ in outcome.missing_s)
    return [
        Row(what=f"connections broken ({kinds})", value=outcome.broken.total(), unit=""),
        Row(what="connections lost besides, or not made at once", value=outcome.n_lost, unit=""),
        Row(what="answers that are stored whole", value=outcome.n_whole, unit=""),
        *(
            Row(what=f"the last of the text missing, worst of {deaths[how]} times {how}", unit="s",
                value=max(missing_s for died, missing_s in outcome.missing_s if died == how), goal=LAST_SECOND_S)
            for how in deaths
        ),
        Row(what="answers that it interrupted", value=outcome.n_interrupted, unit=""),
        Row(what="until pages had heard of it, longest", value=max(outcome.back_s, default=0), unit="s"),
        Row(what="answers that are not what was sent (goal: none)", value=len(outcome.faults), unit=""),
    ]  # fmt: skip


class _Site:
    """A web process that can be ended and started again, its database and its people."""

    def __init__(self, folder: Path, upstream: Upstream) -> None:
        self.upstream = upstream
        self._data, self._log, port = folder / "breaks", folder / "breaks.log", free_port()
        self.base = f"http://127.0.0.1:{port}"
        self._env = environment(self._data, HEARTH_PORT=str(port), HEARTH_INFERENCE_URL=upstream.url)
        self._numbers = itertools.count()
        self._stack = ExitStack()
        self.web: subprocess.Popen[bytes]

    def __enter__(self) -> _Site:
        # Titles and follow-ups would stand among what is sent.
        self._env["HEARTH_AFTERTHOUGHTS"] = "no"
        run(["manage.py", "prepare"], env=self._env)
        self._cookies = run(["-m", "bench.people", str(N_PEOPLE)], env=self._env).split()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> None:
        self._stack.close()
        self.web = self._stack.enter_context(running(["manage.py", "web"], env=self._env, log=self._log))
        wait_until_ok(f"{self.base}/health", self.web, self._log)

    def pages(self, n_pages: int, chance: random.Random) -> list[ReadingPage]:
        """Return pages, each with a question of its own, and let the upstream know the answers."""
        stories, pages = [], []
        for cookie in itertools.islice(itertools.cycle(self._cookies), n_pages):
            number = next(self._numbers)
            story = story_of(chance)
            stories.append((f"story {number:04}", story))
            pages.append(
                ReadingPage(
                    place=Place(base=self.base, cookie=cookie, model=MODEL),
                    question=f"Tell me story {number:04}",
                    expected=WORD.findall(story),
                    chance=random.Random(chance.random()),  # noqa: S311  (nothing secret)
                    ref=f"story-{number}",
                )
            )
        self.upstream.behaviour = Behaviour(rate=RATE, replies=tuple(stories))
        return pages

    def whole(self, page: ReadingPage) -> str:
        return next(story for name, story in self.upstream.behaviour.replies if name in page.question)

    def stored(self, page: ReadingPage) -> list[tuple[str, str]]:
        """Return the state and the text of all answers in the chat of a page, the oldest first."""
        with self._database() as database:
            return database.execute(
                "SELECT g.state, m.content FROM chats_message m JOIN chats_generation g ON g.message_id = m.id"
                " JOIN chats_chat c ON m.chat_id = c.id WHERE c.uuid = ? ORDER BY m.id",
                [UUID(page.chat).hex],
            ).fetchall()

    def n_asked(self, page: ReadingPage) -> int:
        with self._database() as database:
            [[count]] = database.execute(
                "SELECT count(*) FROM chats_message WHERE role = 'user' AND content = ?", [page.question]
            ).fetchall()
            return int(count)

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._data / "hearth.sqlite3")
        try:
            yield database
        finally:
            database.close()


def story_of(chance: random.Random) -> str:
    """Return a text in which each word is numbered, with blanks at its end."""
    return "".join(chance.choice(PIECES).format(number) for number in range(N_WORDS)) + " \n"


async def _break_connections(site: _Site, outcome: Outcome, n_breaks: int) -> None:
    """Break connections of readers at random while their answers are written, and compare what is stored.

    On a busy machine answers may end before their readers have lost as many connections as they should.
    """
    chance = random.Random(f"{outcome.seed} {n_breaks}")  # noqa: S311  (nothing secret)
    pages = site.pages(N_READERS, chance)
    kinds = [chance.choice(BREAKS) for _ in range(n_breaks)]
    dealt: Sequence[list[Break]] = [kinds[number::N_READERS] for number in range(N_READERS)]
    async with asyncio.TaskGroup() as group:
        for page, breaks in zip(pages, dealt, strict=True):
            group.create_task(page.read(iter(breaks)))
    for page in pages:
        outcome.take(page)
        if site.stored(page) == [("finished", site.whole(page))]:
            outcome.n_whole += 1
        else:
            outcome.faults.append(f"{page.question}: stored is {site.stored(page)!r:.4000}, not {site.whole(page)!r}")
        if (asked := site.n_asked(page)) != 1:
            outcome.faults.append(f"{page.question}: asked {asked} times")


async def _let_die(site: _Site, outcome: Outcome, how: signal.Signals) -> None:
    """End the process in the middle of some answers, start it again, and let the pages go on by themselves."""
    chance = random.Random(f"{outcome.seed} {len(outcome.missing_s)}")  # noqa: S311  (nothing secret)
    pages = site.pages(N_DYING, chance)
    async with asyncio.timeout(GOES_ON_TIMEOUT_S), asyncio.TaskGroup() as group:
        reading = [group.create_task(page.read(iter(()))) for page in pages]
        await asyncio.gather(*(page.has_text.wait() for page in pages))
        await asyncio.sleep(chance.uniform(*LIFETIME_S))
        died_at = time.monotonic()
        site.web.send_signal(how)
        await asyncio.to_thread(site.web.wait)
        await asyncio.to_thread(site.start)
        await asyncio.wait(reading)
    outcome.back_s.append(time.monotonic() - died_at)
    outcome.missing_s.append((how.name, max(_missing_s(site, outcome, page, died_at) for page in pages)))
    site.upstream.behaviour = replace(site.upstream.behaviour, rate=0)
    for page in pages:
        await page.ask_again()
        outcome.take(page)
        if (stored := site.stored(page)[1:]) != [("finished", site.whole(page))]:
            outcome.faults.append(f"{page.question}: asked again, stored is {stored!r:.4000}")


def _missing_s(site: _Site, outcome: Outcome, page: ReadingPage, died_at: float) -> float:
    """Return how long before the death the first piece was sent that is not stored."""
    [(state, text)] = site.stored(page)
    outcome.n_interrupted += 1
    if (state, page.end) != ("interrupted", {"state": "interrupted"}):
        outcome.faults.append(f"{page.question}: {state} after the death, the page has heard {page.end}")
    if not site.whole(page).startswith(text):
        outcome.faults.append(f"{page.question}: stored is {text!r:.4000}, not the beginning of the answer")
    pieces = next(sent for sent in site.upstream.sent if page.question in sent.prompt).pieces
    n_chars = 0
    for sent_at, piece in pieces:
        n_chars += len(piece)
        if n_chars > len(text):
            return max(0.0, died_at - sent_at)
    return 0.0
