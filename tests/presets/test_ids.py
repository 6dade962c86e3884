from __future__ import annotations

from uuid import uuid4

import pytest

from webui.presets.ids import is_preset_id, preset_id, preset_uuid

# Each process of the suite must find tests of the same names.
SOME = "6dbb2ce6-6f7b-4f0a-9f63-6cf7d1f2a0d4"


def test_an_id_names_its_preset() -> None:
    uuid = uuid4()

    assert preset_uuid(preset_id(uuid)) == uuid
    assert is_preset_id(preset_id(uuid))


@pytest.mark.parametrize("model", ["preset:latest", "preset", "work/preset", "quotes", "", f"work/preset://{SOME}"])
def test_a_models_id_names_none(model: str) -> None:
    assert not is_preset_id(model)
    assert preset_uuid(model) is None


@pytest.mark.parametrize("rest", ["", "7", "latest", f"{SOME}/x"])
def test_nonsense_behind_the_prefix_is_no_model_either(rest: str) -> None:
    assert is_preset_id(f"preset://{rest}")
    assert preset_uuid(f"preset://{rest}") is None
