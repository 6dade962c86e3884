from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings


@pytest.fixture
def shelf(tmp_path: Path, settings: Settings) -> Path:
    """A folder of the server that may be connected, beside the site's data and beside a secret."""
    folder = tmp_path / "srv" / "handbook"
    folder.mkdir(parents=True)
    settings.HEARTH_DATA = tmp_path / "data"
    settings.MEDIA_ROOT = tmp_path / "data" / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "data" / "cache" / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True)
    settings.HEARTH_FOLDERS = (folder,)
    (tmp_path / "srv" / "secret").mkdir()
    (tmp_path / "srv" / "secret" / "salaries.txt").write_text("secret salaries")
    return folder
