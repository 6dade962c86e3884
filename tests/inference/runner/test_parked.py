from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest

from inference.runner.parked import LONGEST_LIFE_S, ParkedPrefixes, Tokens

BUDGET = 10_000
MEGABYTE = 1_000_000


def tokens(n: int, first: int = 0) -> Tokens:
    return np.arange(first, first + n, dtype=np.int32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "prefixes" / "model"


@pytest.fixture
def parked(folder: Path) -> ParkedPrefixes:
    return ParkedPrefixes(folder, BUDGET)


def put(parked: ParkedPrefixes, tokens: Tokens, state: bytes) -> None:
    parked.write(tokens, state)
    parked.flush()


def files(folder: Path) -> list[Path]:
    return sorted(folder.parent.rglob("*.prefix"))


def test_a_state_outlives_its_process(parked: ParkedPrefixes, folder: Path) -> None:
    put(parked, tokens(300), b"state")

    again = ParkedPrefixes(folder, BUDGET)
    found, length = again.best(np.concatenate([tokens(200), tokens(50, first=9000)]))

    assert found is not None
    assert (length, again.read(found)) == (200, b"state")
    assert again.holds(tokens(300))


def test_a_state_is_found_from_the_moment_it_is_given(parked: ParkedPrefixes) -> None:
    parked.write(tokens(300), b"state" * 1000)
    assert parked.holds(tokens(300))

    found, length = parked.best(tokens(400))

    assert found is not None
    assert (length, parked.read(found)) == (300, b"state" * 1000)


def test_files_are_for_their_owner_alone(parked: ParkedPrefixes, folder: Path) -> None:
    put(parked, tokens(300), b"state")

    assert [path.stat().st_mode & 0o777 for path in (folder, *files(folder))] == [0o700, 0o600]


def test_a_longer_history_takes_the_place_of_its_beginning(parked: ParkedPrefixes, folder: Path) -> None:
    for n_tokens in (200, 300):
        put(parked, tokens(n_tokens), b"%d" % n_tokens)

    assert len(files(folder)) == 1
    assert parked.best(tokens(400))[1] == 300


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign", "gone"])
def test_damaged_files_are_forgotten(parked: ParkedPrefixes, folder: Path, damage: str) -> None:
    put(parked, tokens(300), b"state" * 100)
    path = files(folder)[0]
    data = path.read_bytes()
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    match damage:
        case "gone":
            path.unlink()
        case _:
            path.write_bytes({"cut": data[:-10], "flipped": flipped, "empty": b"", "foreign": b"x" * len(data)}[damage])
    found, _ = parked.best(tokens(300))
    assert found is not None

    assert parked.read(found) is None

    assert parked.best(tokens(300)) == (None, 0)
    assert ParkedPrefixes(folder, BUDGET).best(tokens(300)) == (None, 0)


def test_the_budget_counts_for_all_models_and_the_oldest_goes_first(folder: Path) -> None:
    parked, other = ParkedPrefixes(folder, BUDGET), ParkedPrefixes(folder.parent / "other", BUDGET)
    put(other, tokens(100, first=5000), b"o" * 3000)
    put(parked, tokens(100, first=1000), b"a" * 3000)
    for path, age_s in zip(files(folder.parent / "other") + files(folder), (300, 200, 100), strict=False):
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    put(parked, tokens(100, first=2000), b"b" * 3000)

    assert sum(path.stat().st_size for path in files(folder)) <= BUDGET
    assert parked.holds(tokens(100, first=2000))
    assert len(files(folder)) == 2


def test_more_than_the_budget_is_not_kept(parked: ParkedPrefixes, folder: Path) -> None:
    put(parked, tokens(100), b"x" * BUDGET)

    assert not files(folder)


def test_after_a_day_files_go(parked: ParkedPrefixes, folder: Path) -> None:
    put(parked, tokens(300), b"state")
    long_ago = time.time() - LONGEST_LIFE_S - 60
    os.utime(files(folder)[0], (long_ago, long_ago))

    ParkedPrefixes(folder.parent / "another model", BUDGET)

    assert not files(folder)


def test_a_disk_that_takes_nothing_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    in_the_way = tmp_path / "prefixes"
    in_the_way.write_text("a file where the folder should be")

    ParkedPrefixes(in_the_way / "model", BUDGET).write(tokens(300), b"state")

    assert "not kept on disk" in caplog.text


def test_a_disk_that_fills_up_meanwhile_costs_no_answer(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    parked = ParkedPrefixes(folder, 10 * MEGABYTE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, hard))
    try:
        put(parked, tokens(300), bytes(2 * MEGABYTE))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert "not kept on disk" in caplog.text
    assert not parked.holds(tokens(300))
    assert not list(folder.iterdir())
