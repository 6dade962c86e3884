"""Measure a server, side by side with others when their addresses are given."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from inference.conf import ConnectionSpec
from inference.terminal.benching import measurements
from inference.terminal.benching.measurements import Figure, Texts
from inference.terminal.benching.table import comparison, scaling
from inference.terminal.benching.targets import Target, opened

SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured.

    Attributes:
        users: How many ask at once, in one measurement each.
        n_rounds: How often all of it; the servers take turns, and medians are printed.
    """

    model: str
    users: Sequence[int] = (1, 4, 8)
    n_ctx: int = 4096
    n_rounds: int = 1
    only_users: bool = False


async def bench(spec: ConnectionSpec, plan: Plan, peers: Sequence[str]) -> None:
    """Print the table. Raises InferenceError when a server fails."""
    async with opened(spec, plan.model, plan.n_ctx, peers) as targets:
        runs: list[defaultdict[str, list[Figure]]] = [defaultdict(list) for _ in targets]
        for number in range(plan.n_rounds):
            seed = SEED + 1000 * number
            texts = await measurements.calibrated(targets[0], seed)
            for target, figures in zip(targets, runs, strict=True):
                sys.stderr.write(f"measuring {target.name}, round {number + 1} of {plan.n_rounds}\n")
                for figure in await _one_round(target, texts, plan, seed):
                    figures[figure.name].append(figure)
        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
        console.print(comparison([target.name for target in targets], runs))
        if told := scaling(runs[0]):
            console.print(told)


async def _one_round(target: Target, texts: Texts, plan: Plan, seed: int) -> list[Figure]:
    await measurements.calibrated(target, seed + 1)  # loads its model too, and warms it up
    figures: list[Figure] = []
    for n_users in plan.users:
        figures += await measurements.users(target, texts, n_users)
    if not plan.only_users:
        figures += await measurements.second_turn(target, texts)
        figures += await measurements.long_prompt(target, texts)
    return figures
