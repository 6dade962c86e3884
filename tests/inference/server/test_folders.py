from __future__ import annotations

from pathlib import Path

import pytest

from inference.server.conf import ServerConfig, WrongSetting
from inference.server.process import CannotStart, prepare_folders
from tests.doubles.accounts import open_folder, without_privileges


@pytest.mark.parametrize("makes_models_folder", [True, False])
def test_a_folder_that_cannot_be_written_is_named_before_the_start(makes_models_folder: bool) -> None:
    with open_folder() as data:
        if makes_models_folder:
            (data / "models").mkdir(0o555)
        data.chmod(0o555)

        with without_privileges(), pytest.raises(CannotStart) as error:
            prepare_folders(ServerConfig(data=data))
        data.chmod(0o755)

    assert f"The models folder {data / 'models'} cannot be" in str(error.value)


def test_a_file_in_the_place_of_the_models_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("no folder")

    with pytest.raises(CannotStart, match="cannot be made"):
        prepare_folders(ServerConfig(data=tmp_path))


def test_a_store_of_an_ollama_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(WrongSetting, match="is not a folder"):
        ServerConfig.from_environ({"OLLAMA_MODELS": str(tmp_path / "file")})
