"""What one extraction may use. The child sets its own limits before it looks at the file."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

CPU_S = 60
WALL_S = 120
MEMORY_BYTES = 1_500_000_000
OPEN_FILES = 64

MAX_PAGES = 10_000
MAX_CHARACTERS = 20_000_000
# UTF-8 of the most characters, and the header.
MAX_OUTPUT_BYTES = 4 * MAX_CHARACTERS + 1_000_000
MAX_PAGE_PIXELS = 16_000_000
# Of a picture that is a document, before it is made smaller: three bytes each, and one more in grey.
MAX_PICTURE_PIXELS = 100_000_000

# One page read by tesseract, which takes 3 to 7 s for a full one in two languages.
OCR_DPI = 300
OCR_CPU_S = 60
OCR_WALL_S = 90
OCR_MEMORY_BYTES = 1_000_000_000

PR_SET_PDEATHSIG = 1


def bound_this_process() -> None:
    """Lower this process's limits for good: time, memory, no file writing, few descriptors, low priority."""
    # The soft limit's SIGXCPU tells the parent "time"; the hard one is for code that ignores it.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A parent killed with -9 takes its children along.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.nice(5)
