"""An import of a large file in a process of its own; prints how much memory that took. For `test_hostile`."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

LIMIT_MB = 15
"""What an import may take beside the process itself; with a file of 500 MB it is the same."""
_FILE_MB = 34


def main(folder: Path) -> None:
    os.environ["HEARTH_DATA"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

    import django

    django.setup()

    from django.core.files.base import File

    from tests.database import put_own_database
    from tests.factories import make_user
    from webui.chats.transfer.taking import Worker, begin_import

    put_own_database()
    alice = make_user()
    path = folder / "large.json"
    _write(path)
    worker = Worker()
    # What is loaded with the first chat is not what the others take.
    with (folder / "small.json").open("w+b") as small:
        small.write(b'[{"chat": {"history": {"messages": {"q": {"role": "user", "content": "x"}}}}}]')
        begin_import(alice, File(small))
    while worker.go_on():
        pass
    before = _peak_mb()
    with path.open("rb") as large:
        begun = begin_import(alice, File(large))
    while worker.go_on():
        pass
    begun.refresh_from_db()
    told = {"state": begun.state, "before_mb": before, "peak_mb": _peak_mb(), "file_mb": path.stat().st_size / 2**20}
    sys.stdout.write(json.dumps(told) + "\n")


def _write(path: Path) -> None:
    words = 'Hemp swells when it is wet, and \\"tar\\" keeps it dry. ' * 180
    with path.open("w") as file:
        file.write("[")
        for number in range(_FILE_MB * 2**20 // (len(words) * 20)):
            rows = ",".join(
                f'"m{n}":{{"role":"user","parentId":"m{n - 1}","content":"{words}"}}'
                if n
                else '"m0":{"role":"user","content":"?"}'
                for n in range(20)
            )
            file.write(f'{"," * bool(number)}{{"id":"chat {number}","chat":{{"history":{{"messages":{{{rows}}}}}}}}}')
        file.write("]")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
