"""The catalogues of messages, compiled into the data folder: they are kept and shipped as text alone."""

from __future__ import annotations

import os
from pathlib import Path


def compiled_catalogues(source: Path, target: Path) -> Path:
    """Compile the catalogues of `source` that are new or have changed; return `target`, the folder of all of them.

    Two processes may start at once: each writes a file of its own, and the last takes the place. Raises OSError when
    the folder cannot be written.
    """
    for catalogue in source.glob("*/LC_MESSAGES/django.po"):
        compiled = (target / catalogue.relative_to(source)).with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime_ns != catalogue.stat().st_mtime_ns:
            _compile(catalogue, compiled)
    return target


def _compile(catalogue: Path, compiled: Path) -> None:
    # Only here: it is rarely needed, and slow to import.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled.parent.mkdir(parents=True, exist_ok=True)
    draft = compiled.with_name(f".{compiled.name}.{os.getpid()}")
    with catalogue.open("rb") as source, draft.open("wb") as file:
        write_mo(file, read_po(source, locale=catalogue.parts[-3]))
    changed = catalogue.stat().st_mtime_ns
    os.utime(draft, ns=(changed, changed))
    draft.replace(compiled)
