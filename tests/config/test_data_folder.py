from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest

from webui.config.data_folder import prepare_data_folder, read_or_create_secret_key


def test_the_folder_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"

    prepare_data_folder(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_key_is_generated_once_and_hidden(tmp_path: Path) -> None:
    first = read_or_create_secret_key(tmp_path)
    second = read_or_create_secret_key(tmp_path)

    assert first == second
    assert len(first) >= 64
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        keys = pool.map(read_or_create_secret_key, [tmp_path] * 32)

    assert len(set(keys)) == 1


def test_a_path_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        prepare_data_folder(tmp_path / "file")
