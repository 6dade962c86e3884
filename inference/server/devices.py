"""What models can run on, and why no graphics card is among it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from inference.runner.devices import Device, FoundDevices, has_cards, parse
from inference.runner.environment import child_environment
from inference.translatable import gettext_noop as _

logger = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 30.0
# Variables that can hide all graphics cards, and how that is said.
MASKS = {
    "CUDA_VISIBLE_DEVICES": _("CUDA_VISIBLE_DEVICES hides all graphics cards"),
    "HIP_VISIBLE_DEVICES": _("HIP_VISIBLE_DEVICES hides all graphics cards"),
    "ROCR_VISIBLE_DEVICES": _("ROCR_VISIBLE_DEVICES hides all graphics cards"),
    "GGML_VK_VISIBLE_DEVICES": _("GGML_VK_VISIBLE_DEVICES hides all graphics cards"),
}
# Where the kernel modules of NVIDIA and AMD show themselves.
DRIVERS = (Path("/proc/driver/nvidia/version"), Path("/dev/kfd"))


class DevicesBody(TypedDict):
    """`no_gpu_reason` is empty when a graphics card is used, and else in English: pages translate it."""

    devices: list[Device]
    no_gpu_reason: str


class DeviceProbe:
    """Asks llama.cpp once, in a process of its own, and remembers the answer."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = asyncio.Lock()
        self._found: DevicesBody | None = None

    async def devices(self) -> DevicesBody:
        async with self._lock:
            if self._found is None:
                self._found = self._told(await asyncio.to_thread(_probe))
            return self._found

    async def cards(self) -> tuple[int, ...]:
        """Return the free memory of each graphics card when it was asked; nothing without one."""
        found = (await self.devices())["devices"]
        return tuple(device["free_bytes"] for device in found if device["type"] == "gpu")

    def _told(self, found: FoundDevices | None) -> DevicesBody:
        if found is None:
            return {"devices": [], "no_gpu_reason": _("llama.cpp could not be asked for its devices")}
        has_gpu = has_cards(found["devices"])
        return {
            "devices": found["devices"],
            "no_gpu_reason": "" if has_gpu else no_gpu_reason(self._environ, can_offload=found["can_offload"]),
        }


def no_gpu_reason(environ: Mapping[str, str], *, can_offload: bool, drivers: tuple[Path, ...] = DRIVERS) -> str:
    if not can_offload:
        return _("the installed llama.cpp was built without support for graphics cards")
    for name, reason in MASKS.items():
        if name in environ and environ[name].strip() in ("", "-1"):
            return reason
    if sys.platform == "linux" and not any(path.exists() for path in drivers):
        return _("no driver of a graphics card is loaded")
    return _("llama.cpp finds no graphics card that it can use")


def _probe() -> FoundDevices | None:
    command = [sys.executable, "-P", "-m", "inference.runner.devices"]
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter and module
            command, env=child_environment(), capture_output=True, timeout=PROBE_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as exc:
        logger.warning("llama.cpp could not be asked for its devices: %s", type(exc).__name__)
        return None
    return parse(ended.stdout)
