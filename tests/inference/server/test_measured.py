from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.runner.types import RunnerSpec
from inference.server.measured import MAX_KEPT, MeasuredMemory

SPEC = RunnerSpec(kind="llama", model="tiny", path=Path("/models/tiny.gguf"), n_ctx=4096, n_slots=2)
DIGEST = "d" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "measured-memory.json"


def test_forecast_and_measurement_outlive_the_server(path: Path) -> None:
    MeasuredMemory(path).record(DIGEST, SPEC, 1000, 950)

    (measured,) = MeasuredMemory(path).of(DIGEST)

    assert (measured["n_ctx"], measured["n_slots"], measured["kv_type"]) == (4096, 2, "f16")
    assert (measured["forecast_bytes"], measured["measured_bytes"]) == (1000, 950)


def test_the_largest_figure_counts(path: Path) -> None:
    memory = MeasuredMemory(path)
    for n_bytes in (900, 950, 940, 955):
        memory.record(DIGEST, SPEC, 1000, n_bytes)

    assert [measured["measured_bytes"] for measured in memory.of(DIGEST)] == [950]


def test_settings_and_models_are_kept_apart(path: Path) -> None:
    memory = MeasuredMemory(path)
    memory.record(DIGEST, SPEC, 1000, 950)
    memory.record(DIGEST, replace(SPEC, n_ctx=8192), 2000, 1900)
    memory.record("e" * 64, SPEC, 3000, 2900)

    assert {measured["n_ctx"] for measured in memory.of(DIGEST)} == {4096, 8192}
    assert [measured["measured_bytes"] for measured in memory.of("e" * 64)] == [2900]
    assert memory.of("f" * 64) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 1}', '{"x": {"n_ctx": 1}}'])
def test_what_cannot_be_read_is_begun_anew(path: Path, text: str) -> None:
    path.write_text(text)
    memory = MeasuredMemory(path)

    memory.record(DIGEST, SPEC, 1000, 950)

    assert len(MeasuredMemory(path).of(DIGEST)) == 1


def test_what_is_kept_is_bounded() -> None:
    memory = MeasuredMemory(None)
    for n_ctx in range(MAX_KEPT + 10):
        memory.record(DIGEST, replace(SPEC, n_ctx=n_ctx), 1000, 950)

    assert len(memory.of(DIGEST)) == MAX_KEPT


def test_a_folder_that_cannot_be_written_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in the way").write_text("a file where the folder should be")
    memory = MeasuredMemory(tmp_path / "in the way" / "measured.json")

    memory.record(DIGEST, SPEC, 1000, 950)

    assert "not written down" in caplog.text
    assert len(memory.of(DIGEST)) == 1
