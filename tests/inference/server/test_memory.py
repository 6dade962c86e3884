from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference.server import memory
from inference.server.memory import available_bytes, human_bytes


def test_a_container_s_limit_counts_when_it_is_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("max", "1000000"), ("current", "400000"), ("stat", "anon 1\ninactive_file 100000\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)

    assert available_bytes() == 700_000


def test_a_container_without_a_limit_has_the_machine_s_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("max", "max\n"), ("current", "1"), ("stat", "")):
        (tmp_path / f"memory.{name}").write_text(text)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)

    assert available_bytes() > 10**8


def test_what_living_runners_have_mapped_is_not_free() -> None:
    assert available_bytes([os.getpid()]) < available_bytes() + 10**9
    assert memory._mapped_bytes(os.getpid()) > 0
    assert memory._mapped_bytes(2**22 + 1) == 0


def test_bytes_are_told_in_words() -> None:
    assert (human_bytes(7_340_000_000), human_bytes(12_000_000)) == ("7.3 GB", "12 MB")
