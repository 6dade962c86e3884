"""Real processes, real signals, and the kernel's real answer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference.errors import ModelLoadFailed
from inference.runner import handle as handle_module
from tests.doubles import gguf_files
from tests.inference.runner.test_handle import answer, ask, started

pytestmark = pytest.mark.model

ASK_FOR_TILES = """
import ctypes, sys
from inference.runner.processor import deny_matrix_tiles
libc = ctypes.CDLL(None, use_errno=True)
if "deny" in sys.argv:
    deny_matrix_tiles()
result = libc.syscall(158, ctypes.c_long(0x1023), ctypes.c_long(18))
print(ctypes.get_errno() if result else 0)
"""


def errno_of_asking_for_tiles(*arguments: str) -> int:
    asked = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", ASK_FOR_TILES, *arguments], capture_output=True, text=True, check=True
    )
    return int(asked.stdout)


def test_the_kernel_refuses_tiles_once_they_are_denied() -> None:
    eperm = 1

    assert errno_of_asking_for_tiles("deny") == eperm
    assert errno_of_asking_for_tiles() != eperm


async def test_a_quantised_model_answers_on_every_processor(tmp_path: Path) -> None:
    runner = await started(gguf_files.quantised(gguf_files.build_tiny(tmp_path / "tiny.gguf")))
    try:
        _, finished = await answer(runner, ask("Many words. " * 20, num_predict=5))
    finally:
        await runner.stop()

    assert 1 <= finished.answer_tokens <= 5


@pytest.fixture
def illegal_with_tiles(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Let every runner that may use tiles end as by an illegal instruction; return what was asked for, in order."""
    spawn, asked = handle_module._spawn, []

    def spawn_and_end(*, without_tiles: bool) -> object:
        asked.append(without_tiles)
        process, connection = spawn(without_tiles=without_tiles)
        if not without_tiles:
            os.kill(process.pid, signal.SIGILL)
        return process, connection

    monkeypatch.setattr(handle_module, "_spawn", spawn_and_end)
    monkeypatch.setattr(handle_module, "_without_tiles", False)
    return asked


async def test_a_model_that_dies_of_tiles_is_loaded_without_them(
    illegal_with_tiles: list[bool], monkeypatch: pytest.MonkeyPatch, scripted_gguf: Path
) -> None:
    monkeypatch.setattr(handle_module, "has_matrix_tiles", lambda: True)

    for runner in await asyncio.gather(started(scripted_gguf), started(scripted_gguf)):
        await runner.stop()
    await (await started(scripted_gguf)).stop()

    assert sorted(illegal_with_tiles) == [False, False, True, True, True]


async def test_another_illegal_instruction_is_told(
    illegal_with_tiles: list[bool], monkeypatch: pytest.MonkeyPatch, scripted_gguf: Path
) -> None:
    monkeypatch.setattr(handle_module, "has_matrix_tiles", lambda: False)

    with pytest.raises(ModelLoadFailed, match="SIGILL"):
        await started(scripted_gguf)

    assert illegal_with_tiles == [False]
