"""Real runner processes that fill a gap, or continue the tokens of an earlier answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inference.errors import InvalidRequest
from inference.runner.handle import GenerateRequest, RunnerHandle
from inference.types import Options
from tests.doubles import gguf_files
from tests.inference.runner.asking import answer, started

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

GAP = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def filler(gguf_folder: Path) -> AsyncIterator[RunnerHandle]:
    """A runner whose model knows the tokens around a gap."""
    handle = await started(gguf_files.build_noise(gguf_folder / "filler.gguf", gguf_files.TINY, script=GAP))
    yield handle
    await handle.stop()


def asked(prompt: str, **fields: Any) -> GenerateRequest:
    return GenerateRequest(prompt=prompt, options=Options(temperature=0, num_predict=5), wants_context=True, **fields)


async def test_a_gap_is_asked_for_with_the_model_s_own_tokens(filler: RunnerHandle) -> None:
    _, one = await answer(filler, asked("a", suffix="b"))
    _, other = await answer(filler, asked("<|fim_middle|>", suffix="b"))

    before, first, after, second, middle = one.context[:5]
    assert len({before, after, middle}) == 3
    assert min(before, after, middle) > max(first, second)
    assert (first + 1, one.prompt_tokens, one.answer_tokens) == (second, 5, 5)
    assert list(other.context).count(middle) == 1, "what a person writes is never such a token"


async def test_a_gap_is_asked_for_with_the_words_of_a_go_template(filler: RunnerHandle) -> None:
    template = "{{ if .Suffix }}{{ .Suffix }}<|fim_middle|>{{ .Prompt }}{{ else }}{{ .Prompt }}{{ end }}"

    _, own = await answer(filler, asked("a", suffix="b"))
    _, through = await answer(filler, asked("a", suffix="b", template=template))
    _, forged = await answer(filler, asked("<|fim_middle|>", suffix="b", template=template))

    _prefix, first, _suffix, second, middle = own.context[:5]
    assert list(through.context[: through.prompt_tokens]) == [second, middle, first]
    assert list(forged.context[: forged.prompt_tokens]).count(middle) == 1, "what a person writes is never such a token"


async def test_a_raw_gap_does_not_go_through_a_template(filler: RunnerHandle) -> None:
    _, own = await answer(filler, asked("a", suffix="b"))
    _, raw = await answer(filler, asked("a", suffix="b", raw=True, template="{{ .Suffix }}"))

    assert list(raw.context[:5]) == list(own.context[:5])


async def test_a_template_that_knows_no_gap_leaves_it_to_the_model_s_tokens(filler: RunnerHandle) -> None:
    _, own = await answer(filler, asked("a", suffix="b"))
    _, through = await answer(filler, asked("a", suffix="b", template="{{ .Prompt }}"))

    assert list(through.context[:5]) == list(own.context[:5])


async def test_a_model_without_such_tokens_does_not_support_it(tiny_gguf: Path) -> None:
    handle = await started(tiny_gguf)

    with pytest.raises(InvalidRequest, match='"tiny" does not support insert'):
        await answer(handle, asked("a", suffix="b"))
    # Any model can be asked in the words of a template.
    template = "<PRE>{{ .Prompt }}<SUF>{{ .Suffix }}<MID>"
    assert (await answer(handle, asked("a", suffix="b", template=template)))[1].prompt_tokens > 10
    with pytest.raises(InvalidRequest, match="chat template cannot be used"):
        await answer(handle, asked("a", suffix="b", template="{{ .Suffix.Nothing.Here }}"))
    await handle.stop()


async def test_an_answer_tells_its_tokens_and_the_same_question_tells_the_same(filler: RunnerHandle) -> None:
    _, first = await answer(filler, asked("Hello"))
    _, second = await answer(filler, asked("Hello"))
    _, silent = await answer(filler, replace(asked("Hello"), wants_context=False))

    assert first.context == second.context
    assert len(first.context) == first.prompt_tokens + first.answer_tokens
    assert list(silent.context) == []


async def test_a_prompt_continues_the_tokens_of_an_earlier_answer(filler: RunnerHandle) -> None:
    _, first = await answer(filler, asked("Hello"))
    _, alone = await answer(filler, asked("More"))

    _, second = await answer(filler, asked("More", context=first.context))

    assert second.prompt_tokens == len(first.context) + alone.prompt_tokens
    assert second.cached_tokens >= len(first.context) - 1
    assert list(second.context[: len(first.context)]) == list(first.context)


@pytest.mark.parametrize("token", [-1, 10**6])
async def test_tokens_of_another_model_are_refused(filler: RunnerHandle, token: int) -> None:
    with pytest.raises(InvalidRequest, match="tokens that this model does not have"):
        await answer(filler, asked("More", context=[1, token]))


async def test_a_context_that_is_too_long_is_refused_with_the_numbers(filler: RunnerHandle) -> None:
    with pytest.raises(InvalidRequest, match="the context window holds 512"):
        await answer(filler, asked("More", context=[1] * 600))
