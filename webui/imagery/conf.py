"""The settings of this app, with their limits."""

from __future__ import annotations

from typing import Final

from webui.accounts.conf import site_setting

LIST_TIMEOUT_S: Final = 10.0
"""What asking a server for its models, samplers or progress may cost."""
DRAW_TIMEOUT_S: Final = 900.0
"""A large model on a slow card takes minutes, and loads for some before."""
POLL_S: Final = 1.0
STOP_TIMEOUT_S: Final = 5.0
"""How long the end of a stopped picture waits for the server to hear of it."""
MAX_PICTURE_BYTES: Final = 32 * 1024 * 1024
MAX_PICTURES: Final = 4
"""At once."""
MAX_WAITING: Final = 20
"""So many pictures wait for one connection; further ones are refused."""
AT_ONCE: Final = {"openai": 8, "automatic1111": 1, "comfyui": 8}
"""Requests to one connection. AUTOMATIC1111 tells progress of whatever it draws, so that it is given one at a time."""
PROMPT_MAX_CHARS: Final = 8000
MIN_SIDE_PX: Final = 64
MAX_SIDE_PX: Final = 2048
MAX_SEED: Final = 2**32 - 1
WORKFLOW_MAX_BYTES: Final = 512 * 1024


def may_be_created() -> bool:
    """Whether an administrator lets people have pictures made at all."""
    return site_setting("pictures") == "on"
