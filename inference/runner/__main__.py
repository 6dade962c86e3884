"""Entry point of a runner process: `python -m inference.runner FD [--without-tiles]`.

FD is a socket to its parent.
"""

from __future__ import annotations

import logging
import resource
import signal
import socket
import sys

from inference.runner.child import Child, load_worker
from inference.runner.processor import WITHOUT_TILES, deny_matrix_tiles


def main() -> None:
    # Ctrl-C reaches the whole process group; the parent decides what it means for its runners.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A core file would hold people's chats.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if WITHOUT_TILES in sys.argv:
        deny_matrix_tiles()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    Child(socket.socket(fileno=int(sys.argv[1]))).run(load_worker)


main()
