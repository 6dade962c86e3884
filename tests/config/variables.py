"""Every variable that the program reads, by the way the sources read them."""

from __future__ import annotations

import re
from pathlib import Path

from inference.server.variables import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
READS = re.compile(
    r"(?:env\.\w+|_duration|_count)\(\s*(?:environ, )?\"([A-Z][A-Z_]+)\"|environ\.get\(\"([A-Z][A-Z_]+)\""
)


def variables_read() -> set[str]:
    """Of our two processes and of the command line."""
    sources = [
        ROOT / "webui" / "config" / "settings.py",
        ROOT / "inference" / "server" / "conf.py",
        ROOT / "inference" / "management" / "commands" / "run.py",
    ]
    read = {name for path in sources for pair in READS.findall(path.read_text()) for name in pair if name}
    return read | {variable.name for variable in VARIABLES}
