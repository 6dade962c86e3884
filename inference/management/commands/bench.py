from __future__ import annotations

import asyncio
import os
from typing import Any

from django.core.management.base import CommandParser

from inference.server.process import read_env_file
from inference.terminal import server
from inference.terminal.benching.bench import Plan, bench
from inference.terminal.command import ModelCommand

MOST_USERS = 256


class Command(ModelCommand):
    help = "Measure how fast a model answers one person, and several at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model")
        parser.add_argument("--users", default="1,4,8", metavar="N,N,...", help="How many ask at once.")
        parser.add_argument("--rounds", type=int, default=1, metavar="N", help="How often; medians are printed.")
        parser.add_argument("--num-ctx", type=int, default=4096, metavar="N", help="The context window to ask for.")
        parser.add_argument("--only-users", action="store_true", help="Leave out the second turn and the long prompt.")
        parser.add_argument(
            "--peer", action="append", default=[], metavar="URL", help="A llama-server to measure beside; repeatable."
        )

    def handle(self, *, model: str, peer: list[str], **options: Any) -> None:
        with server.told_failures():
            plan = Plan(
                model=model,
                users=_numbers(options["users"]),
                n_ctx=options["num_ctx"],
                n_rounds=max(1, options["rounds"]),
                only_users=options["only_users"],
            )
            read_env_file(os.environ)
            spec = server.connection_spec(os.environ)
            asyncio.run(bench(spec, plan, [address.rstrip("/") for address in peer]))


def _numbers(text: str) -> list[int]:
    numbers = [int(word) for word in text.split(",") if word.strip().isdecimal()]
    if not numbers or len(numbers) != len(text.split(",")) or not all(0 < number <= MOST_USERS for number in numbers):
        raise server.CommandFailed(f"--users takes numbers from 1 to {MOST_USERS} with commas between, not {text!r}.")
    return numbers
