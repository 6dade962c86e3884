"""The bounded child as a process from nothing; see `jobs`. Usually it is forked: see `nursery`."""

from __future__ import annotations

import sys

from rag.extraction.jobs import main

main(sys.argv[1:])
