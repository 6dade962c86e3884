"""What is measured of one server: throughput, first token, second turn, and what a long prompt does to the others."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from inference.terminal.benching.targets import Target, Timed

PROMPT_TOKENS = 128
ANSWER_TOKENS = 128
FIRST_TURN_TOKENS = 1024
LONG_PROMPT_TOKENS = 2048
N_STREAMS = 4
STREAM_TOKENS = 160
STREAM_HEAD_START_S = 1.5
N_CALIBRATION_WORDS = 200
SYLLABLES = ("ka", "lo", "mi", "ne", "ru", "sa", "ti", "vo", "pe", "du", "fen", "gor", "hal", "jun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of one server. `name` is its row in the table."""

    name: str
    value: float
    unit: str
    is_more_better: bool


class Texts:
    """Writes prompts of about so many tokens, never the same twice, so that no cache helps unless it is meant to."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - texts, no secrets
        self._tokens_per_word = 1.5

    def calibrate(self, n_words: int, n_tokens: int) -> None:
        if n_words and n_tokens:
            self._tokens_per_word = n_tokens / n_words

    def words(self, n_words: int) -> str:
        return " ".join("".join(self._random.choices(SYLLABLES, k=2)) for _ in range(max(1, n_words)))

    def tokens(self, n_tokens: int) -> str:
        return self.words(round(n_tokens / self._tokens_per_word))


async def calibrated(target: Target, seed: int) -> Texts:
    """Return a writer of prompts whose length is right for the model; also loads the model."""
    texts = Texts(seed)
    answer = await _asked(target, texts.words(N_CALIBRATION_WORDS), 8)
    texts.calibrate(N_CALIBRATION_WORDS, answer.n_prompt)
    return texts


async def users(target: Target, texts: Texts, n_users: int) -> list[Figure]:
    """Let so many people ask at once."""
    prompts = [texts.tokens(PROMPT_TOKENS) for _ in range(n_users)]
    began = time.perf_counter()
    answers = await asyncio.gather(*(_asked(target, prompt, ANSWER_TOKENS) for prompt in prompts))
    took_s = time.perf_counter() - began
    gaps_ms = sorted(1000 * gap for answer in answers for gap in answer.gaps_s)
    who = f"{n_users} user{'s' if n_users > 1 else ''}"
    first_ms = 1000 * statistics.mean(answer.first_token_s for answer in answers)
    rate = sum(answer.n_answer for answer in answers) / took_s
    return [
        Figure(name=f"{who}: tokens a second", value=rate, unit="/s", is_more_better=True),
        Figure(name=f"{who}: first token, mean", value=first_ms, unit="ms", is_more_better=False),
        Figure(name=f"{who}: between tokens, p95", value=_percentile(gaps_ms, 95), unit="ms", is_more_better=False),
    ]


async def second_turn(target: Target, texts: Texts) -> list[Figure]:
    """Ask, and ask again with the first question and its answer before the second one."""
    question = texts.tokens(FIRST_TURN_TOKENS)
    first = await _asked(target, question, 64)
    second = await _asked(target, f"{question}{first.text} {texts.tokens(32)}", 16)
    return [
        Figure(name="first turn: first token", value=1000 * first.first_token_s, unit="ms", is_more_better=False),
        Figure(name="second turn: first token", value=1000 * second.first_token_s, unit="ms", is_more_better=False),
    ]


async def long_prompt(target: Target, texts: Texts) -> list[Figure]:
    """Let a long prompt arrive while others read their answers."""
    running = [Timed(time.perf_counter()) for _ in range(N_STREAMS)]
    tasks = [asyncio.create_task(target.ask(texts.tokens(64), STREAM_TOKENS, answer)) for answer in running]
    await asyncio.sleep(STREAM_HEAD_START_S)
    arrived = time.perf_counter()
    long = await _asked(target, texts.tokens(LONG_PROMPT_TOKENS), 8)
    await asyncio.gather(*tasks)
    longest_s = max((_longest_gap_s(answer, arrived, long.ended_at) for answer in running), default=0.0)
    return [
        Figure(name="a long prompt: the others' longest gap", value=1000 * longest_s, unit="ms", is_more_better=False),
        Figure(name="a long prompt: first token", value=1000 * long.first_token_s, unit="ms", is_more_better=False),
    ]


def _longest_gap_s(answer: Timed, began: float, ended: float) -> float:
    """Return the longest time without text that overlaps with a span."""
    pairs = zip(answer.pieces_at, answer.pieces_at[1:], strict=False)
    return max((later - earlier for earlier, later in pairs if later > began and earlier < ended), default=0.0)


async def _asked(target: Target, prompt: str, n_predict: int) -> Timed:
    answer = Timed(time.perf_counter())
    await target.ask(prompt, n_predict, answer)
    return answer


def _percentile(values: Sequence[float], percent: float) -> float:
    return values[min(len(values) - 1, int(len(values) * percent / 100))] if values else 0.0
