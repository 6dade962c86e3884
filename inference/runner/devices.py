"""`python -m inference.runner.devices`: the devices that llama.cpp sees, as JSON, in a process of its own.

A driver that crashes while it is asked ends this process and no other.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict, cast

import orjson

DeviceType = Literal["cpu", "gpu", "integrated", "accelerator", "other"]

# Source: ggml-backend.h, `enum ggml_backend_dev_type`.
_TYPES: tuple[DeviceType, ...] = ("cpu", "gpu", "integrated", "accelerator")
_LIBRARIES = {"darwin": "libggml.dylib", "win32": "ggml.dll"}


class Device(TypedDict):
    """Memory is 0 where a device does not tell."""

    name: str
    description: str
    type: DeviceType
    memory_bytes: int
    free_bytes: int


class FoundDevices(TypedDict):
    devices: list[Device]
    can_offload: bool


def find() -> FoundDevices:
    """Load llama.cpp with all its back-ends and ask it."""
    from llama_cpp import llama_cpp as native

    return {"devices": found_devices(), "can_offload": bool(native.llama_supports_gpu_offload())}


def free_card_bytes(devices: Sequence[Device]) -> int:
    """Return the free memory of all graphics cards together; what shares the machine's memory is none."""
    return sum(device["free_bytes"] for device in devices if device["type"] == "gpu")


def has_cards(devices: Sequence[Device]) -> bool:
    return any(device["type"] in ("gpu", "integrated") for device in devices)


def found_devices() -> list[Device]:
    """Ask llama.cpp, in this process."""
    import llama_cpp

    name = _LIBRARIES.get(sys.platform, "libggml.so")
    ggml = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / name))
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    for function in (ggml.ggml_backend_dev_name, ggml.ggml_backend_dev_description):
        function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    ggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    ggml.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, *[ctypes.POINTER(ctypes.c_size_t)] * 2]
    return [_device(ggml, ggml.ggml_backend_dev_get(index)) for index in range(ggml.ggml_backend_dev_count())]


def _device(ggml: ctypes.CDLL, handle: int) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ggml.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    kind = ggml.ggml_backend_dev_type(handle)
    return {
        "name": _text(ggml.ggml_backend_dev_name(handle)),
        "description": _text(ggml.ggml_backend_dev_description(handle)),
        "type": _TYPES[kind] if kind < len(_TYPES) else "other",
        "memory_bytes": total.value,
        "free_bytes": free.value,
    }


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace").strip()


def parse(output: bytes) -> FoundDevices:
    """Return what another process has written."""
    return cast(FoundDevices, orjson.loads(output))


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(find()))
