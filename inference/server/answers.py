"""Run one question: wait for the model, ask its runner, yield the events of the answer, or Ollama's lines for them."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from inference.errors import InferenceError, InvalidRequest
from inference.library.models import LibraryModel
from inference.runner.image_files import check_images
from inference.runner.types import GenerateRequest, Queued, RunnerEvent, RunnerFinished, TextDelta
from inference.server.askers import Asker
from inference.server.bodies import AnswerBody
from inference.server.conf import ServerConfig
from inference.server.errors import NotSupported, code_of
from inference.server.kept import settings_body
from inference.server.loading import Loading
from inference.server.measures import Measures, estimated_flops, measures_body
from inference.server.options import parse_options
from inference.server.probabilities import logprobs
from inference.server.state import ServerState
from inference.server.wire import Kind, Timings, last_line, text_line, timings
from inference.types import ChatMessage, FinishReason, LoadSettings, Options, Progress

logger = logging.getLogger(__name__)

Line = dict[str, Any]

CHARACTERS_PER_TOKEN = 3
"""Fewer than in most texts, so that the guess is rather too large."""

TOKENS_PER_IMAGE = 1024
"""More than most projectors make of one."""

USUAL_ANSWER = 1024
"""Tokens kept for an answer whose length the request does not limit."""

RANDOM_SEED = -1

MAX_LOGGED = 20_000
"""Characters of one request that go into the log, when they may."""


def check_abilities(model: LibraryModel, body: AnswerBody, kind: Kind) -> None:
    """Raise NotSupported when the model cannot do what the request asks for."""
    if "completion" not in model.capabilities:
        raise NotSupported(f'"{body.model}" does not support {kind}')
    if body.think and "thinking" not in model.capabilities:
        raise NotSupported(f'"{body.model}" does not support thinking')
    if body.tools and "tools" not in model.capabilities:
        raise NotSupported(f'"{body.model}" does not support tools')
    if body.all_images and "vision" not in model.capabilities:
        raise NotSupported(f'"{body.model}" does not support image input')


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The last event of an answer.

    Attributes:
        counts: None when nothing was asked: the model was only loaded.
        load_s: From the arrival of the request until its model was there and had a slot.
        measures: None where `counts` is.
    """

    reason: FinishReason
    counts: RunnerFinished | None
    total_s: float
    load_s: float
    measures: Measures | None = None


AnswerEvent = Progress | TextDelta | Answered


async def answer_events(
    state: ServerState, body: AnswerBody, kind: Kind, asker: Asker, *, tells_progress: bool = False
) -> AsyncGenerator[AnswerEvent, None]:
    """Yield the events of an answer, the last of them Answered, and count it for the metrics.

    Closing the generator stops the decode.

    Args:
        tells_progress: Also yield why nothing comes yet.

    Raises:
        InferenceError: Before the first event, or after some.
    """
    began = time.perf_counter()
    model = await state.find_model(body.model)
    check_abilities(model, body, kind)
    check_images(body.all_images)
    name = model.name.short
    events = _model_events(state, model, body, asker, began, tells_progress=tells_progress)
    outcome = "left"
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Answered):
                    outcome = event.reason
                    if event.counts is not None and event.measures is not None:
                        state.metrics.measure(name, event.counts, event.measures, total_s=event.total_s)
                yield event
    except InferenceError as exc:
        outcome = code_of(exc)
        raise
    finally:
        state.metrics.count(name, outcome)


async def _model_events(
    state: ServerState, model: LibraryModel, body: AnswerBody, asker: Asker, began: float, *, tells_progress: bool
) -> AsyncGenerator[AnswerEvent, None]:
    options = _options(model, body, state.kept.of(model.name))
    _tell_log(state.config, model, body, options)
    ticket = state.scheduler.take_ticket(
        model,
        n_ctx=options.get("num_ctx"),
        wished_ctx=_wished_context(model, body, options),
        loading=Loading.of(options),
        keep_alive_s=body.keep_alive_s,
        asked_by=asker.key,
        priority=asker.priority,
    )
    try:
        if tells_progress:
            async with aclosing(ticket.progress()) as waits:
                async for progress in waits:
                    yield progress
        runner = await ticket.runner()
        load_s = time.perf_counter() - began
        if body.is_empty:
            yield Answered(reason="load", counts=None, total_s=load_s, load_s=load_s)
            return
        _check_bias(options, runner.facts.n_vocab)
        first_s = 0.0
        request = _runner_request(model, body, options, asker)
        async with aclosing(runner.generate(request, on_pause=ticket.pause)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    first_s = first_s or time.perf_counter() - began
                    yield event
                elif isinstance(event, RunnerFinished):
                    ticket.answered()
                    _tell_losses(model, event)
                    total_s = time.perf_counter() - began
                    measures = Measures(
                        queue_s=ticket.queue_s + event.queued_s,
                        load_s=ticket.load_s,
                        first_token_s=first_s or total_s,
                        estimated_flops=estimated_flops(event, runner.facts.n_params),
                    )
                    yield Answered(reason=event.reason, counts=event, total_s=total_s, load_s=load_s, measures=measures)
                elif tells_progress:
                    yield _queued(event, time.perf_counter() - began)
    finally:
        ticket.close()


def _options(model: LibraryModel, body: AnswerBody, kept: LoadSettings) -> Options:
    """Return the options that hold. What is kept for loading the model takes the place of its own parameters."""
    decided = settings_body(kept)
    baked = {name: value for name, value in model.baked.options.items() if name not in decided}
    options = parse_options(body.options, baked=baked)
    if body.seed_offset and options.get("seed", RANDOM_SEED) != RANDOM_SEED:
        options["seed"] = (options["seed"] + body.seed_offset) & 0xFFFFFFFF
    if body.logit_bias:
        options["logit_bias"] = body.logit_bias
    return options


def _check_bias(options: Options, n_vocab: int) -> None:
    for token in options.get("logit_bias", ()):
        if int(token) >= n_vocab:
            raise InvalidRequest(f"logit_bias names token {token}; this model has the tokens 0 to {n_vocab - 1}")


def _tell_log(config: ServerConfig, model: LibraryModel, body: AnswerBody, options: Options) -> None:
    """Tell the options that hold; what people ask only when that was switched on as well."""
    if not config.is_debug:
        return
    told = {**options, "stop": len(options["stop"])} if "stop" in options else options
    logger.debug("%s is asked with the options %s", model.name.short, told)
    if config.logs_requests:
        asked = [body.prompt] if body.messages is None else [message.content for message in body.messages]
        logger.debug("%s is asked %s", model.name.short, repr(asked)[:MAX_LOGGED])


def _tell_losses(model: LibraryModel, counts: RunnerFinished) -> None:
    if counts.dropped_messages:
        logger.debug("%s did not see the %d oldest messages", model.name.short, counts.dropped_messages)
    if counts.shifted_tokens:
        logger.debug("%s forgot the %d oldest tokens", model.name.short, counts.shifted_tokens)


async def answer_lines(
    state: ServerState, body: AnswerBody, kind: Kind, asker: Asker, *, tells_progress: bool
) -> AsyncGenerator[Line, None]:
    """Yield the events of an answer as Ollama writes them."""
    async with aclosing(answer_events(state, body, kind, asker, tells_progress=tells_progress)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                line = text_line(kind, body.model, event.content, event.thinking, event.tool_calls)
                yield line | ({"logprobs": logprobs(event.logprobs)} if event.logprobs else {})
            elif isinstance(event, Progress):
                yield _progress_line(kind, body.model, event)
            else:
                line = last_line(kind, body.model, event.reason, _timings(event))
                if event.counts is not None and event.counts.context:
                    line["context"] = event.counts.context
                if event.counts is not None and event.measures is not None:
                    # Nobody may miss that the model did not see everything.
                    losses = _losses(event.counts)
                    told = measures_body(event.measures, event.counts) if tells_progress else losses
                    line |= {"hearth": told} if told else {}
                yield line


def _timings(answered: Answered) -> Timings | None:
    if answered.counts is None:
        return None
    return timings(answered.counts, total_s=answered.total_s, load_s=answered.load_s)


def _losses(counts: RunnerFinished) -> Line:
    losses = {"dropped_messages": counts.dropped_messages, "shifted_tokens": counts.shifted_tokens}
    return {name: count for name, count in losses.items() if count}


def whole_answer(lines: Iterable[Line], kind: Kind) -> Line:
    """Return the one object that stands for all lines: the last one, with the whole text."""
    collected = list(lines)
    probabilities = [token for line in collected for token in line.get("logprobs", ())]
    last = collected[-1] | ({"logprobs": probabilities} if probabilities else {})
    if kind == "generate":
        thinking = "".join(line.get("thinking", "") for line in collected)
        text = "".join(line["response"] for line in collected)
        return last | {"response": text} | ({"thinking": thinking} if thinking else {})
    messages = [line["message"] for line in collected]
    thinking = "".join(message.get("thinking", "") for message in messages)
    message = {"role": "assistant", "content": "".join(message["content"] for message in messages)}
    calls = [call for message in messages for call in message.get("tool_calls", ())]
    extras = ({"thinking": thinking} if thinking else {}) | ({"tool_calls": calls} if calls else {})
    return last | {"message": message | extras}


def _wished_context(model: LibraryModel, body: AnswerBody, options: Options) -> int:
    """Return a window in which the question and its answer surely fit, guessed from the length of the text."""
    texts = [message.content for message in (*model.baked.messages, *(body.messages or ()))]
    n_characters = sum(map(len, (*texts, body.prompt, body.system or model.baked.system)))
    n_characters += len(body.all_images) * TOKENS_PER_IMAGE * CHARACTERS_PER_TOKEN
    answer = options.get("num_predict", -1)
    return n_characters // CHARACTERS_PER_TOKEN + (answer if answer > 0 else USUAL_ANSWER)


def _runner_request(model: LibraryModel, body: AnswerBody, options: Options, asker: Asker) -> GenerateRequest:
    request = GenerateRequest(
        options=options,
        suffix=body.suffix,
        context=body.context,
        wants_context=body.messages is None and not body.raw,
        think=body.think,
        tools=body.tools,
        template=body.template,
        must_call_tool=body.must_call_tool,
        format=body.format,
        top_logprobs=body.top_logprobs,
        truncate=body.truncate,
        shift=body.shift,
        asked_by=asker.key,
        priority=asker.priority,
    )
    if body.raw or body.suffix:
        return replace(request, prompt=body.prompt, raw=body.raw)
    question = ChatMessage(role="user", content=body.prompt, images=body.images)
    asked = body.messages if body.messages is not None else [question]
    has_own_system = bool(asked) and asked[0].role == "system"
    # The tokens of an earlier answer hold the model's own beginning already.
    baked_system = "" if has_own_system or body.context else model.baked.system
    system = body.system or baked_system
    first = [ChatMessage(role="system", content=system)] if system else []
    examples = () if body.context else model.baked.messages
    return replace(request, messages=[*first, *examples, *asked])


def _queued(event: RunnerEvent, waited_s: float) -> Progress:
    position = event.position if isinstance(event, Queued) else None
    expected_s = event.expected_s if isinstance(event, Queued) else None
    return Progress(state="queued", queue_position=position, waited_s=waited_s, expected_s=expected_s)


def _progress_line(kind: Kind, model: str, progress: Progress) -> Line:
    """Return a line that any client of Ollama reads as an empty piece of text, with our key beside it."""
    told: Line = {"state": progress.state, "waited_s": round(progress.waited_s, 3)}
    if progress.queue_position is not None:
        told["queue_position"] = progress.queue_position
    if progress.expected_s is not None:
        told["expected_s"] = round(progress.expected_s, 1)
    return text_line(kind, model, "", "") | {"hearth": told}
