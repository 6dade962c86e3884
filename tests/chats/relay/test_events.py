"""Events on their way out: kept for pages that come back, thinned for pages that read slowly."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from tests.chats.reader import Reader
from webui.chats.relay.events import EventLog, Frame, Outbox, OutboxFull
from webui.chats.relay.protocol import ServerEvent


def frame(kind: str, seq: int = 1, generation: str = "g", **fields: Any) -> Frame:
    event = {"type": kind, "chat": "c", "generation": generation, "message": "m", "seq": seq, **fields}
    return Frame(cast(ServerEvent, event))


def log_of(n_events: int, max_events: int = 256) -> EventLog:
    log = EventLog(max_events)
    for _ in range(n_events):
        log.add(frame("text.added", log.next_seq(), text="x"))
    return log


def types_of(outbox: Outbox) -> list[str]:
    return [sent.event["type"] for sent in outbox.take_all()]


@pytest.mark.parametrize("seen", range(6))
def test_a_log_hands_out_what_came_after_any_number(seen: int) -> None:
    frames = log_of(5).since(seen)

    assert frames is not None
    assert [f.seq for f in frames] == list(range(seen + 1, 6))


def test_a_log_admits_that_it_has_forgotten() -> None:
    log = log_of(10, max_events=4)

    assert log.since(5) is None
    assert [f.seq for f in log.since(6) or []] == [7, 8, 9, 10]


@pytest.mark.parametrize("seen", [-1, 6, 10**12])
def test_a_number_that_is_none_of_ours_is_unknown(seen: int) -> None:
    assert log_of(5).since(seen) is None


def test_an_event_is_encoded_once_for_all_sockets() -> None:
    one = frame("tail.changed", html="<p>é</p>")

    assert json.loads(one.json)["html"] == "<p>é</p>"
    assert one.json is one.json


def test_the_newest_tail_replaces_the_unsent_one() -> None:
    outbox = Outbox()
    for seq, kind in enumerate(["tail.changed", "text.added", "tail.changed"], 1):
        outbox.push(frame(kind, seq, html="h", text="t"))

    frames = outbox.take_all()
    assert [(f.event["type"], f.seq) for f in frames] == [("tail.changed", 3)]


def test_finished_blocks_are_never_dropped() -> None:
    outbox = Outbox()
    for seq in range(1, 9, 2):
        outbox.push(frame("block.finished", seq, html=f"b{seq}"))
        outbox.push(frame("tail.changed", seq + 1, html="t"))

    assert types_of(outbox) == ["block.finished"] * 4 + ["tail.changed"]


def test_unsent_text_becomes_one_piece() -> None:
    outbox = Outbox()
    outbox.push(frame("text.added", 1, text="one "))
    outbox.push(frame("text.added", 2, text="two"))

    (sent,) = outbox.take_all()
    assert (sent.event.get("text"), sent.seq) == ("one two", 2)


def test_text_of_two_answers_is_not_mixed() -> None:
    outbox = Outbox()
    outbox.push(frame("text.added", 1, "a", text="one"))
    outbox.push(frame("text.added", 1, "b", text="two"))
    outbox.push(frame("tail.changed", 2, "b", html="two"))

    assert [(f.generation, f.event["type"]) for f in outbox.take_all()] == [("a", "text.added"), ("b", "tail.changed")]


def test_the_newest_progress_replaces_the_unsent_one() -> None:
    outbox = Outbox()
    for seq in (1, 2, 3):
        outbox.push(frame("generation.progressed", seq, text=f"{seq} s"))

    (sent,) = outbox.take_all()
    assert sent.event.get("text") == "3 s"


def test_an_outbox_has_a_bound() -> None:
    outbox = Outbox(max_frames=3)
    for seq in (1, 2, 3):
        outbox.push(frame("block.finished", seq, html="b"))

    with pytest.raises(OutboxFull):
        outbox.push(frame("block.finished", 4, html="b"))
    assert len(outbox) == 3


@pytest.mark.parametrize("every", [1, 2, 3, 5, 50])
def test_a_slow_page_shows_in_the_end_what_a_fast_one_shows(every: int) -> None:
    kinds = ["text.added", "tail.changed", "text.added", "text.added", "block.finished", "tail.changed", "text.added"]
    frames = [frame(kind, seq, html=f"h{seq}", text=f"t{seq}") for seq, kind in enumerate(kinds * 6, 1)]
    fast, slow, outbox = Reader(), Reader(), Outbox()

    for number, one in enumerate(frames):
        fast.apply(one.event)
        outbox.push(one)
        if number % every == 0:
            for sent in outbox.take_all():
                slow.apply(sent.event)
    for sent in outbox.take_all():
        slow.apply(sent.event)

    assert slow.shown == fast.shown
