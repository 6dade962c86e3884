"""Run one question: wait for the model, ask its runner, yield the lines of the answer."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

from inference.library.models import LibraryModel
from inference.runner.types import GenerateRequest, Queued, RunnerEvent, RunnerFinished, TextDelta
from inference.server.bodies import AnswerBody
from inference.server.errors import NotSupported
from inference.server.options import parse_options
from inference.server.scheduler import Scheduler
from inference.server.wire import Kind, last_line, text_line, timings
from inference.types import ChatMessage, Options, Progress

Line = dict[str, Any]

CHARACTERS_PER_TOKEN = 3
"""Fewer than in most texts, so that the guess is rather too large."""

USUAL_ANSWER = 1024
"""Tokens kept for an answer whose length the request does not limit."""

_REFUSALS = {
    "images": "image input",
    "tools": "tools",
    "format": "structured output",
    "suffix": "insert",
    "context": "the context of an earlier answer",
    "template": "another template than its own",
}


def check_abilities(model: LibraryModel, body: AnswerBody, kind: Kind) -> None:
    """Raise NotSupported when the model cannot do what the request asks for."""
    if "completion" not in model.capabilities:
        raise NotSupported(f'"{body.model}" does not support {kind}')
    if body.think and "thinking" not in model.capabilities:
        raise NotSupported(f'"{body.model}" does not support thinking')
    for field, what in _REFUSALS.items():
        if field in body.unsupported:
            raise NotSupported(f'"{body.model}" does not support {what}')


async def answer_lines(
    scheduler: Scheduler, model: LibraryModel, body: AnswerBody, kind: Kind, *, tells_progress: bool
) -> AsyncGenerator[Line, None]:
    """Yield the lines of an answer. Closing the generator stops the decode and gives the slot back.

    Args:
        tells_progress: Also yield lines that say why nothing comes yet.

    Raises:
        InferenceError: Before the first line, or after some.
    """
    began = time.perf_counter()
    options = parse_options(body.options, baked=model.baked.options)
    ticket = scheduler.take_ticket(
        model, n_ctx=options.get("num_ctx"), wished_ctx=_wished_context(body, options), keep_alive_s=body.keep_alive_s
    )
    try:
        if tells_progress:
            async with aclosing(ticket.progress()) as waits:
                async for progress in waits:
                    yield _progress_line(kind, body.model, progress)
        runner = await ticket.runner()
        load_s = time.perf_counter() - began
        if body.is_empty:
            yield last_line(kind, body.model, "load")
            return
        async with aclosing(runner.generate(_runner_request(model, body, options))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    yield text_line(kind, body.model, event.content, event.thinking)
                elif isinstance(event, RunnerFinished):
                    total_s = time.perf_counter() - began
                    spent = timings(event, total_s=total_s, load_s=load_s)
                    yield last_line(kind, body.model, event.reason, spent)
                elif tells_progress:
                    waited_s = time.perf_counter() - began
                    yield _progress_line(kind, body.model, _queued(event, waited_s))
    finally:
        ticket.close()


def whole_answer(lines: Iterable[Line], kind: Kind) -> Line:
    """Return the one object that stands for all lines: the last one, with the whole text."""
    collected = list(lines)
    last = collected[-1]
    if kind == "generate":
        thinking = "".join(line.get("thinking", "") for line in collected)
        text = "".join(line["response"] for line in collected)
        return last | {"response": text} | ({"thinking": thinking} if thinking else {})
    messages = [line["message"] for line in collected]
    thinking = "".join(message.get("thinking", "") for message in messages)
    message = {"role": "assistant", "content": "".join(message["content"] for message in messages)}
    return last | {"message": message | ({"thinking": thinking} if thinking else {})}


def _wished_context(body: AnswerBody, options: Options) -> int:
    """Return a window in which the question and its answer surely fit, guessed from the length of the text."""
    n_characters = sum(len(message.content) for message in body.messages or ()) + len(body.prompt) + len(body.system)
    answer = options.get("num_predict", -1)
    return n_characters // CHARACTERS_PER_TOKEN + (answer if answer > 0 else USUAL_ANSWER)


def _runner_request(model: LibraryModel, body: AnswerBody, options: Options) -> GenerateRequest:
    if body.raw:
        return GenerateRequest(prompt=body.prompt, raw=True, options=options, think=body.think)
    asked = body.messages if body.messages is not None else _as_messages(body)
    messages = [*model.baked.messages, *asked]
    if model.baked.system and (not asked or asked[0].role != "system"):
        messages.insert(0, ChatMessage(role="system", content=model.baked.system))
    return GenerateRequest(messages=messages, options=options, think=body.think)


def _as_messages(body: AnswerBody) -> list[ChatMessage]:
    question = ChatMessage(role="user", content=body.prompt)
    return [ChatMessage(role="system", content=body.system), question] if body.system else [question]


def _queued(event: RunnerEvent, waited_s: float) -> Progress:
    position = event.position if isinstance(event, Queued) else None
    return Progress(state="queued", queue_position=position, waited_s=waited_s)


def _progress_line(kind: Kind, model: str, progress: Progress) -> Line:
    """Return a line that any client of Ollama reads as an empty piece of text, with our key beside it."""
    told: Line = {"state": progress.state, "waited_s": round(progress.waited_s, 3)}
    if progress.queue_position is not None:
        told["queue_position"] = progress.queue_position
    return text_line(kind, model, "", "") | {"hearth": told}
