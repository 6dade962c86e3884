from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_files(data_folder: Path) -> Path:
    """Every test of this package has its own files, page images and vectors."""
    return data_folder
