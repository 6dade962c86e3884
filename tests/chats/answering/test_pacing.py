from __future__ import annotations

import asyncio

import pytest
from pytest import MonkeyPatch

from tests.chats.answering.test_live import Recorder, make_task
from webui.chats.answering import pacing
from webui.chats.answering.live import LiveAnswer
from webui.chats.answering.pacing import render_answer, render_answers


def answers_with(texts: list[str]) -> dict[str, LiveAnswer]:
    answers = {}
    for number, text in enumerate(texts):
        answer = answers[str(number)] = LiveAnswer(make_task())
        answer.add_text(text)
    return answers


async def until_rendered(answers: dict[str, LiveAnswer]) -> None:
    loop_task = asyncio.ensure_future(render_answers(answers))
    async with asyncio.timeout(10):
        while any(answer.needs_rendering for answer in answers.values()):
            await asyncio.sleep(0.005)
    answers.clear()
    await loop_task


async def test_every_answer_gets_its_turn() -> None:
    answers = answers_with([f"answer *{n}*" for n in range(40)])
    everyone = list(answers.values())

    await until_rendered(answers)

    assert all("<em>" in str(answer.frames_since(1)[-1].event.get("html")) for answer in everyone)


async def test_the_loop_ends_with_the_last_answer() -> None:
    async with asyncio.timeout(1):
        await render_answers({})


async def test_those_that_waited_go_before_those_that_were_just_served(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "SLICE_S", 0)
    answers = answers_with(["a", "b", "c"])
    served: list[str] = []

    async def serve(answer: LiveAnswer) -> None:
        key = next(key for key, other in answers.items() if other is answer)
        served.append(key)
        answer.render()
        answer.add_text("more")
        if len(served) == 6:
            answers.clear()

    monkeypatch.setattr(pacing, "render_answer", serve)
    await asyncio.wait_for(render_answers(answers), 5)

    assert served == ["0", "1", "2", "0", "1", "2"]


async def test_rendering_keeps_under_a_fifth_of_a_core(monkeypatch: MonkeyPatch) -> None:
    pauses: list[float] = []
    answers = answers_with(["a"])
    now = 0.0

    async def note_pause(seconds: float) -> None:
        pauses.append(seconds)
        answers.clear()

    async def slow(answer: LiveAnswer) -> None:
        nonlocal now
        now += 0.5
        answer.render()

    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    monkeypatch.setattr(pacing.asyncio, "sleep", note_pause)
    monkeypatch.setattr(pacing, "render_answer", slow)
    await render_answers(answers)

    assert pauses == [2.0]


async def test_rendering_waits_longest_when_the_process_is_late(monkeypatch: MonkeyPatch) -> None:
    pauses: list[float] = []
    answers = answers_with(["a"])
    now = 0.0

    async def wake_up_late(seconds: float) -> None:
        nonlocal now
        pauses.append(seconds)
        now += seconds + 0.02
        if len(pauses) == 2:
            answers.clear()

    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    monkeypatch.setattr(pacing.asyncio, "sleep", wake_up_late)
    await render_answers(answers)

    assert pauses == pytest.approx([pacing.TICK_S, 0.02 * pacing.REST_PER_LATENESS])


async def test_long_text_is_rendered_beside_the_loop() -> None:
    answer, page = LiveAnswer(make_task()), Recorder()
    answer.add_text("word " * 2000)
    answer.attach(page, 1)

    await render_answer(answer)

    assert [frame.event["type"] for frame in page.frames] == ["tail.changed"]


async def test_what_ends_while_a_thread_renders_is_not_changed_afterwards() -> None:
    answer, page = LiveAnswer(make_task()), Recorder()
    answer.add_text("word " * 2000)
    answer.attach(page, 1)

    rendering = asyncio.ensure_future(render_answer(answer))
    await asyncio.sleep(0)
    answer.publish_end("stopped", "<p>whole</p>")
    await rendering

    assert [frame.event["type"] for frame in page.frames] == ["generation.ended"]
