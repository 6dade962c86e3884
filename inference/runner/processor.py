"""Keep native code from processor features that do not work on this machine.

llama.cpp picks its arithmetic by what the processor names. A virtual machine, or a compiler with a mistake, may leave
it with instructions that end the process. Seen with GCC 12.2 (Debian 12): it drops the tile configuration of AMX, so
that the first batch of a quantised model is an illegal instruction.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from pathlib import Path

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _FAIL_WITH_EPERM = 0x7FFF0000, 0x00050001
_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM = 158, 0x1023
_NUMBER_AT, _FIRST_ARGUMENT_AT = 0, 16
"""Where a filter finds the system call's number and its first argument. Source: linux/seccomp.h, `seccomp_data`."""


WITHOUT_TILES = "--without-tiles"
"""The argument of a runner process that shall not use AMX."""


def has_matrix_tiles() -> bool:
    """Return whether this processor names AMX, which `deny_matrix_tiles` can take away."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    try:
        return "amx_tile" in Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return False


def deny_matrix_tiles() -> None:
    """Make the kernel refuse AMX to this process and its children; llama.cpp then computes as without it.

    Call it on x86-64 Linux before native libraries are loaded. Raises OSError when the kernel takes no filter.

    Source: ggml asks with arch_prctl and goes on without tiles when that fails (ggml-cpu/amx/amx.cpp).
    """
    steps = [
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_IF_EQUAL, 0, 3, _ARCH_PRCTL),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_JUMP_IF_EQUAL, 0, 1, _ARCH_REQ_XCOMP_PERM),
        (_RETURN, 0, 0, _FAIL_WITH_EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


def _prctl(option: int, second: int, third: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(second), ctypes.c_ulong(third), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), "the kernel takes no system call filter")
