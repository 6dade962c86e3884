"""`hearth serve` as a person starts and ends it at a terminal."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.doubles.terminal import CTRL_C, Terminal

pytestmark = pytest.mark.model

END_S = 5.0


def test_ctrl_c_ends_the_server_and_its_runners_in_good_order(tmp_path: Path, slow_gguf: Path) -> None:
    (tmp_path / "models").mkdir()
    shutil.copy(slow_gguf, tmp_path / "models" / "slow.gguf")
    with Terminal("serve", environ={"HEARTH_DATA": str(tmp_path), "OLLAMA_HOST": "127.0.0.1:0"}) as terminal:
        terminal.read_until("listening on ")
        url = terminal.read_until("\n").strip()
        assert httpx.get(url, trust_env=False).text == "Ollama is running"
        body = {"model": "slow", "messages": [{"role": "user", "content": "Count"}], "options": {"num_ctx": 2048}}
        with httpx.stream("POST", f"{url}/api/chat", json=body, timeout=60, trust_env=False) as response:
            lines = response.iter_lines()
            next(lines)
            children = psutil.Process(terminal.pid).children(recursive=True)
            began = time.monotonic()
            terminal.type(CTRL_C)

            assert terminal.end() == 0
            assert time.monotonic() - began < END_S
    assert children
    assert psutil.wait_procs(children, timeout=2)[1] == []
    assert "Traceback" not in terminal.output
