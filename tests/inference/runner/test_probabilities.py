from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from inference.errors import InvalidRequest
from inference.runner.handle import GenerateRequest, RunnerHandle, TextDelta
from inference.runner.probabilities import HeldProbabilities, token_probability
from inference.runner.text import TextAssembler
from inference.runner.types import TokenProbability
from tests.inference.runner.asking import question, started


def spelled(token: int) -> bytes:
    return f"t{token}".encode()


def test_probabilities_are_those_of_a_softmax_over_all_tokens() -> None:
    scores = np.array([1.0, 3.0, 2.0, -np.inf], np.float32)

    told = token_probability(scores, 2, 3, spelled)

    total = sum(math.exp(score) for score in (1, 3, 2))
    assert told.piece == b"t2"
    assert told.logprob == pytest.approx(2 - math.log(total))
    assert [other.piece for other in told.top] == [b"t1", b"t2", b"t0"]
    assert token_probability(scores, 3, 0, spelled) == TokenProbability(piece=b"t3", logprob=-9999.0)


def feed(pieces: Sequence[bytes], stop: Sequence[str]) -> list[tuple[str, list[bytes]]]:
    """Return the texts that come out, each with the pieces that are told with it."""
    assembler = TextAssembler(stop)
    held = HeldProbabilities(assembler)
    out = []
    for piece in pieces:
        text = assembler.feed(piece)
        held.add(TokenProbability(piece=piece, logprob=0.0))
        out.append((text, [told.piece for told in held.released(is_last=assembler.is_stopped)]))
        if assembler.is_stopped:
            return out
    text = assembler.finish()
    return [*out, (text, [told.piece for told in held.released(is_last=True)])]


def test_a_token_is_told_with_its_text() -> None:
    assert feed([b"ab", b"cd"], []) == [("ab", [b"ab"]), ("cd", [b"cd"]), ("", [])]


def test_what_may_become_a_stop_string_is_held_back_with_its_text() -> None:
    assert feed([b"x ST", b"O", b"R"], ["STOP"]) == [("x ", []), ("", []), ("STOR", [b"x ST", b"O", b"R"]), ("", [])]


def test_tokens_of_a_stop_string_are_not_told_but_one_that_it_cuts_is() -> None:
    assert feed([b"x ST", b"O", b"P."], ["STOP"]) == [("x ", []), ("", []), ("", [b"x ST"])]


def test_parts_of_a_character_are_told_when_it_is_whole() -> None:
    assert feed([b"\xe2", b"\x82", b"\xac!"], []) == [
        ("", []),
        ("", []),
        ("\u20ac!", [b"\xe2", b"\x82", b"\xac!"]),
        ("", []),
    ]


in_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def noise(tiny_gguf: Path) -> AsyncIterator[RunnerHandle]:
    handle = await started(tiny_gguf, n_slots=2)
    yield handle
    await handle.stop()


async def told(handle: RunnerHandle, request: GenerateRequest) -> tuple[str, list[TokenProbability]]:
    text, probabilities = "", []
    async for event in handle.generate(request):
        if isinstance(event, TextDelta):
            text += event.content
            probabilities += event.logprobs
    return text, probabilities


@pytest.mark.model
@in_loop
async def test_a_runner_tells_every_token_of_the_answer(noise: RunnerHandle) -> None:
    text, probabilities = await told(noise, replace(question(num_predict=12), top_logprobs=5))

    assert b"".join(token.piece for token in probabilities).decode("utf-8", "replace") == text
    for token in probabilities:
        assert len(token.top) == 5
        assert token.logprob == token.top[0].logprob  # The likeliest one was picked.
        assert [other.logprob for other in token.top] == sorted((other.logprob for other in token.top), reverse=True)
        assert sum(math.exp(other.logprob) for other in token.top) <= 1.0001


@pytest.mark.model
@in_loop
async def test_sampling_options_do_not_change_what_is_told(noise: RunnerHandle) -> None:
    plain = replace(question(num_predict=1), top_logprobs=20)
    options = {"temperature": 2.0, "top_k": 3, "repeat_penalty": 1.5, "num_predict": 1, "seed": 1}

    _, [first] = await told(noise, plain)
    _, [second] = await told(noise, replace(question(**options), top_logprobs=20))

    assert [other.piece for other in first.top] == [other.piece for other in second.top]
    assert [other.logprob for other in first.top] == pytest.approx([other.logprob for other in second.top], abs=1e-3)


@pytest.mark.model
@in_loop
async def test_an_answer_in_a_form_is_told_as_likely_as_it_was_without(noise: RunnerHandle) -> None:
    request = replace(question(num_predict=-1), grammar="root ::= [0-9]{3}", top_logprobs=0)

    text, probabilities = await told(noise, request)

    assert b"".join(token.piece for token in probabilities).decode() == text
    assert all(token.logprob < -0.1 and not token.top for token in probabilities)


@pytest.mark.model
@in_loop
async def test_nothing_is_told_to_those_who_do_not_ask(noise: RunnerHandle) -> None:
    assert (await told(noise, question(num_predict=3)))[1] == []


@pytest.mark.model
@in_loop
async def test_too_many_likeliest_tokens_are_refused(noise: RunnerHandle) -> None:
    with pytest.raises(InvalidRequest, match="between 0 and 20"):
        await told(noise, replace(question(), top_logprobs=21))
