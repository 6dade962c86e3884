"""Biases of tokens in a real runner process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
import pytest_asyncio

from inference.errors import InvalidRequest
from inference.runner.handle import RunnerHandle
from inference.runner.options import checked_options
from tests.inference.runner.asking import answer, question, started

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def noise(tiny_gguf: Path) -> AsyncIterator[RunnerHandle]:
    handle = await started(tiny_gguf, n_slots=2)
    yield handle
    await handle.stop()


@pytest.fixture(scope="module")
def tokens(tiny_gguf: Path) -> dict[str, str]:
    """The numbers of the model's tokens, as OpenAI's clients write them."""
    words = gguf.GGUFReader(tiny_gguf).fields["tokenizer.ggml.tokens"].contents()
    return {word: str(number) for number, word in enumerate(words)}


async def test_a_token_with_a_high_bias_always_comes(noise: RunnerHandle, tokens: dict[str, str]) -> None:
    for temperature in (0.0, 1.0):
        asked = question(num_predict=5, temperature=temperature, logit_bias={tokens["x"]: 100, tokens["y"]: 50})

        assert (await answer(noise, asked))[0] == "xxxxx"


async def test_a_bias_of_minus_100_forbids_a_token_at_any_temperature(
    noise: RunnerHandle, tokens: dict[str, str]
) -> None:
    others = {number: -100.0 for word, number in tokens.items() if word not in ("x", "y")}
    assert len(others) < 1024

    text, _ = await answer(noise, question(num_predict=40, temperature=100.0, logit_bias=others))

    assert set(text) == {"x", "y"}


async def test_a_bias_chooses_among_what_a_grammar_allows(noise: RunnerHandle, tokens: dict[str, str]) -> None:
    grammar = 'root ::= [abc] [abc] [abc] "."'

    for favourite in "ab":
        asked = replace(question(logit_bias={tokens[favourite]: 60, tokens["x"]: 100}), grammar=grammar)

        assert (await answer(noise, asked))[0] == f"{3 * favourite}."


async def test_a_forbidden_token_stays_forbidden_under_a_grammar(noise: RunnerHandle, tokens: dict[str, str]) -> None:
    asked = replace(question(logit_bias={tokens["a"]: -100, tokens["b"]: -100}), grammar='root ::= [abc] [abc] "."')

    assert (await answer(noise, asked))[0] == "cc."


async def test_an_answer_that_is_forbidden_altogether_is_refused(noise: RunnerHandle, tokens: dict[str, str]) -> None:
    asked = replace(question(logit_bias={tokens["a"]: -100}), grammar='root ::= "a"')

    with pytest.raises(InvalidRequest, match="forbidden by logit_bias"):
        await answer(noise, asked)
    assert (await answer(noise, question(num_predict=1)))[1].answer_tokens == 1


@pytest.mark.parametrize(
    "biases",
    [[], {"x": 1}, {"-1": 1}, {"1": "2"}, {"1": True}, {"1": 101}, {"1": float("nan")}, {"9" * 20: 1}, {"²": 1},
     {str(number): 1 for number in range(1025)}],
)  # fmt: skip
async def test_biases_that_are_none_are_refused(biases: object) -> None:
    with pytest.raises(InvalidRequest, match="logit_bias"):
        checked_options({"logit_bias": biases})
