"""How long clients may take, and how many there may be."""

from __future__ import annotations

IDLE_S = 60.0
"""Without a byte: before a request, in the middle of one, or after an answer on a connection that is kept."""

STALL_S = 60.0
"""Without reading anything of an answer that is ready; then it is stopped, because its slot is for others."""

MAX_CONNECTIONS = 4096
"""At the same time. A new one takes the place of the one that has been idle for the longest."""

SPARE_FILES = 256
"""Open files kept for models, runners and downloads."""
