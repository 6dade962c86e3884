"""What the Dockerfile says about the image that runs: its environment, port, user and command."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Lines that go on are one instruction, and comments none.
INSTRUCTIONS = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", "")
LAST_STAGE = INSTRUCTIONS.rsplit("\nFROM ", 1)[1]


def instruction(name: str) -> str:
    """Return what the one instruction of that name says in the last stage."""
    (found,) = re.findall(rf"^{name}\s+(.*)$", LAST_STAGE, re.MULTILINE)
    return str(found)


def environment() -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(instruction("ENV")))


def uid() -> int:
    """Return the number of the user that the image names with USER."""
    found = re.search(rf"useradd --uid (\d+) .*\b{instruction('USER')}\b", LAST_STAGE)
    assert found is not None
    return int(found[1])


def entrypoint() -> list[str]:
    words: list[str] = json.loads(instruction("ENTRYPOINT"))
    return words


def command() -> list[str]:
    words: list[str] = json.loads(instruction("CMD"))
    return words


def health_check() -> list[str]:
    words: list[str] = json.loads(instruction("HEALTHCHECK").partition(" CMD ")[2])
    return words
