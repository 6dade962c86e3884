from __future__ import annotations

from inference.runner.devices import Device, DeviceType, found_devices, free_card_bytes


def device(kind: DeviceType, free_bytes: int) -> Device:
    return {"name": "", "description": "", "type": kind, "memory_bytes": 9, "free_bytes": free_bytes}


def test_only_cards_with_a_memory_of_their_own_count() -> None:
    devices = [device("cpu", 1), device("gpu", 20), device("integrated", 300), device("gpu", 4000)]

    assert free_card_bytes(devices) == 4020


def test_a_build_without_cards_has_none() -> None:
    assert [found["type"] for found in found_devices()] == ["cpu"]
    assert free_card_bytes(found_devices()) == 0
