"""Rendering of all running answers in turn, within a share of one core.

Text reaches the pages at once and unrendered; this loop replaces it by its rendered form. With a few
streams each tail is rendered every 60 ms, with 200 about every 400 ms, because the loop takes those that
have waited longest and rests four times as long as it has worked. When the process has more to do than it can,
as in a burst of questions, rendering waits longest: nobody misses a word by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from webui.chats.answering.live import LiveAnswer

TICK_S = 0.06
SLICE_S = 0.02
"""Work of one tick: then the loop rests, so that text of other streams is not held up."""
REST_PER_WORK = 4.0
"""A rest of four times the work keeps rendering under a fifth of a core."""
REST_PER_LATENESS = 10.0
"""Waking up late means that others wait too. In a quiet process it is a millisecond or two."""
MAX_REST_S = 0.5
MAX_CHARS_ON_LOOP = 1500
"""What is longer takes some milliseconds and is rendered in a thread."""


async def render_answers(answers: Mapping[str, LiveAnswer]) -> None:
    """Render until no answer is left."""
    loop = asyncio.get_running_loop()
    turn: list[str] = []
    late_s = 0.0
    while answers:
        turn = _next_turn(turn, answers)
        started = loop.time()
        while turn:
            answer = answers.get(turn.pop(0))
            if answer is not None and answer.needs_rendering:
                await render_answer(answer)
            if loop.time() - started >= SLICE_S:
                break
        spent = loop.time() - started
        rest = max(TICK_S - spent, REST_PER_WORK * spent, min(REST_PER_LATENESS * late_s, MAX_REST_S))
        due = loop.time() + rest
        await asyncio.sleep(rest)
        late_s = loop.time() - due


def _next_turn(left: list[str], answers: Mapping[str, LiveAnswer]) -> list[str]:
    """Return who is to be rendered next: first those left over, then the others that have new text."""
    waiting = set(left)
    return left + [key for key, answer in answers.items() if answer.needs_rendering and key not in waiting]


async def render_answer(answer: LiveAnswer) -> None:
    if answer.n_open_chars <= MAX_CHARS_ON_LOOP:
        answer.render()
        return
    text = answer.unrendered_text()
    answer.is_rendering = True
    try:
        blocks, tail = await asyncio.to_thread(answer.take_rendered, text)
    finally:
        answer.is_rendering = False
    if not answer.has_ended:
        answer.publish_rendered(blocks, tail)
