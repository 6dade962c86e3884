from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from inference.server import memory
from inference.server.memory import available_bytes, forecast, human_bytes
from tests.inference.server.fakes import GIGABYTE, make_header, make_model


def test_the_cache_grows_with_window_and_slots() -> None:
    one = forecast(make_model(), n_ctx=1024, n_slots=1)
    many = forecast(make_model(), n_ctx=4096, n_slots=4)

    assert one.cache == 32 * 1024 * 1024
    assert many.cache == 16 * one.cache
    assert one.weights == many.weights == GIGABYTE
    assert one.total > one.weights + one.cache


def test_the_header_s_own_head_sizes_count() -> None:
    header = make_header()
    sizes = {"qwen2.attention.key_length": 128, "qwen2.attention.value_length": 128}
    wide = replace(make_model(), header=replace(header, metadata=sizes))

    assert forecast(wide, n_ctx=1024, n_slots=1).cache == 2 * forecast(make_model(), n_ctx=1024, n_slots=1).cache


@pytest.mark.parametrize("heads", [(), (0,), (0,) * 32])
def test_a_header_with_odd_head_counts_breaks_nothing(heads: tuple[int, ...]) -> None:
    odd = replace(make_model(), header=replace(make_header(), head_counts=heads, head_counts_kv=heads))

    assert forecast(odd, n_ctx=1024, n_slots=1).cache == 0


def test_an_embedding_model_has_no_cache() -> None:
    assert forecast(make_model(capabilities=frozenset({"embedding"})), n_ctx=1024, n_slots=4).cache == 0


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
