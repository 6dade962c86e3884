"""The environment that child processes get: what programs need to run, and no secret."""

from __future__ import annotations

import os
from pathlib import Path

import inference

ALLOWED = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})
ALLOWED_PREFIXES = ("OMP_", "GOMP_", "GGML_", "CUDA_", "HIP_", "ROCR_", "VK_")


def child_environment() -> dict[str, str]:
    """Return a fresh environment; whatever else the parent was given stays there."""
    inherited = {
        name: value for name, value in os.environ.items() if name in ALLOWED or name.startswith(ALLOWED_PREFIXES)
    }
    root = Path(next(iter(inference.__path__))).resolve().parent
    return {
        # Threads wait for each other some hundred times for each token. libgomp lets them turn on their cores for 15 ms
        # before they sleep, which costs whatever else runs there, the server first of all, and then the answer itself
        # several times over. This is 15 us: alone it costs nothing, because the others are usually there by then.
        "GOMP_SPINCOUNT": "300",
        **inherited,
        "PYTHONPATH": str(root),
        # A crash prints a back trace through gdb otherwise, which takes minutes and much memory.
        "GGML_NO_BACKTRACE": "1",
        # Weights in large pages of memory: a token is some 5 % faster, because all of them are read for it.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }
