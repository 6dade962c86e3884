"""Runs the program as its image does: its environment and user, and nothing that can be written but a volume."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.config import image
from tests.management.commands import ROOT

STOP_TIMEOUT_S = 30
# As root of a name space of its own, and then as nobody special in one below it: no container program is needed.
READ_ONLY = """
set -e
mount --bind "$VOLUME" "$VOLUME"
mount --bind "$TMPDIR" "$TMPDIR"
mount -o remount,bind,ro /
exec unshare --user --map-user="$RUN_AS" --map-group="$RUN_AS" "$@"
"""


@contextmanager
def container(
    volume: Path, log: Path, *, command: list[str] | None = None, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the image's command, or another, over a volume in place of /data; end it if it has not ended."""
    volume.mkdir(exist_ok=True)
    with TemporaryDirectory() as drafts, log.open("wb") as output:
        # PATH leads to the image's own Python, and /data is the volume.
        given = {name: text.replace("/data", str(volume)) for name, text in image.environment().items()}
        given |= {"PATH": os.environ["PATH"], "TMPDIR": drafts, "VOLUME": str(volume), "RUN_AS": str(image.uid())}
        process = subprocess.Popen(  # noqa: S603  (our own command)
            ["/usr/bin/unshare", "--user", "--map-root-user", "--mount", "sh", "-c", READ_ONLY, "sh",
             *(command or [sys.executable, "manage.py", *image.command()])],
            env=given | environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
