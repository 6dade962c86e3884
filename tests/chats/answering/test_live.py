"""A running answer: its events put together give its text, wherever a page comes in."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from tests.chats.reader import Reader
from webui.chats.answering.live import LiveAnswer
from webui.chats.prompting.turns import Turn
from webui.chats.relay.events import EventLog, Frame
from webui.chats.services.tasks import Task
from webui.rendering import render_markdown

PIECES = ["# Fire\n\n", "It burns ", "**warm", "**.\n\n", "* oak\n", "* ash\n\n", "And `co", "de`."]


def make_task() -> Task:
    return Task(
        generation_id=1, generation_uuid=str(uuid4()), message_id=2, message_uuid=str(uuid4()), chat_uuid=str(uuid4()),
        user_id=3, language="", model="tiny:latest", turns=[Turn(uuid="u", role="user", content="hi")],
        document_ids=[], question_document_ids=[],
    )  # fmt: skip


class Recorder:
    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def push(self, frame: Frame) -> None:
        self.frames.append(frame)


def written(answer: LiveAnswer, pieces: list[str] = PIECES, render_every: int = 2) -> LiveAnswer:
    for number, piece in enumerate(pieces, 1):
        answer.add_text(piece)
        if number % render_every == 0:
            answer.render()
    return answer


def squeezed(html: str) -> str:
    return re.sub(r"\s+", "", html)


def test_text_is_sent_at_once_and_rendered_later() -> None:
    answer, page = LiveAnswer(make_task()), Recorder()
    answer.attach(page, 0)

    answer.add_text("**warm**")
    answer.render()

    assert [f.event["type"] for f in page.frames] == ["text.added", "tail.changed"]
    assert "<strong>warm</strong>" in str(page.frames[-1].event.get("html"))


def test_the_space_that_rendering_drops_is_told_for_the_words_that_follow() -> None:
    answer, page = LiveAnswer(make_task()), Recorder()
    answer.attach(page, 0)

    for piece in ("The ", "model", " ", "\n"):
        answer.add_text(piece)
        answer.render()

    assert [f.event["space"] for f in page.frames if f.event["type"] == "tail.changed"] == [" ", "", " ", " \n"]


def test_numbers_rise_by_one() -> None:
    answer, page = LiveAnswer(make_task()), Recorder()
    answer.attach(page, 0)

    written(answer)

    assert [f.seq for f in page.frames] == list(range(1, len(page.frames) + 1))


def test_blocks_and_tail_are_the_rendered_text() -> None:
    answer, reader = LiveAnswer(make_task()), Reader()

    for frame in written(answer).frames_since(0):
        reader.apply(frame.event)

    assert squeezed("".join(reader.blocks) + reader.tail) == squeezed(render_markdown("".join(PIECES)))


@pytest.mark.parametrize("render_every", [1, 2, 3])
def test_a_page_can_come_back_after_any_event(render_every: int) -> None:
    answer = written(LiveAnswer(make_task()), render_every=render_every)
    all_frames = answer.frames_since(0)
    whole = Reader()
    for frame in all_frames:
        whole.apply(frame.event)

    for seen in range(len(all_frames) + 1):
        reader = Reader()
        for frame in [*all_frames[:seen], *answer.frames_since(seen)]:
            reader.apply(frame.event)
        assert reader.shown == whole.shown, f"after {seen} events"


def test_a_page_that_missed_too_much_gets_the_answer_anew() -> None:
    answer = LiveAnswer(make_task())
    answer._log = EventLog(max_events=3)
    written(answer, render_every=1)

    (frame,) = answer.frames_since(1)

    assert frame.event["type"] == "answer.reset"
    assert frame.seq == answer._log.last_seq
    reader = Reader()
    reader.apply(frame.event)
    assert squeezed("".join(reader.blocks) + reader.tail) == squeezed(render_markdown("".join(PIECES)))


def test_a_reset_holds_text_that_is_not_rendered_yet_escaped() -> None:
    answer = LiveAnswer(make_task())
    answer._log = EventLog(max_events=1)
    answer.add_text("safe ")
    answer.add_text("<script>")

    (frame,) = answer.frames_since(0)

    assert frame.event.get("tail") == "safe &lt;script&gt;"


def test_a_page_that_missed_only_waiting_gets_the_last_sentence() -> None:
    answer = LiveAnswer(make_task())
    answer._log = EventLog(max_events=2)
    for seconds in range(5):
        answer.publish_progress(f"Loading, {seconds} s")

    (frame,) = answer.frames_since(0)

    assert frame.event.get("text") == "Loading, 4 s"


def test_the_same_sentence_is_not_sent_twice() -> None:
    answer, page = LiveAnswer(make_task()), Recorder()
    answer.attach(page, 0)

    for _ in range(3):
        answer.publish_progress("Loading tiny, 1 s")

    assert len(page.frames) == 1


def test_text_that_comes_while_a_thread_renders_is_not_lost() -> None:
    answer, page = LiveAnswer(make_task()), Recorder()
    answer.attach(page, 0)
    answer.add_text("one ")

    rendered = answer.take_rendered(answer.unrendered_text())
    answer.add_text("two")
    answer.publish_rendered(*rendered)

    reader = Reader()
    for frame in page.frames:
        reader.apply(frame.event)
    assert re.sub("<[^>]+>", "", reader.tail).split() == ["one", "two"]
    answer.render()
    assert "one two" in str(page.frames[-1].event.get("html"))


def test_the_journal_gets_text_only_when_there_is_more() -> None:
    answer = LiveAnswer(make_task())
    assert answer.journal_entry() is None

    answer.add_text("warm")
    entry = answer.journal_entry()

    assert entry is not None
    assert entry.content == "warm"
    assert answer.journal_entry() is None
    answer.forget_journal()
    assert answer.journal_entry() is not None
