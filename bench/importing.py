"""`python -m bench.importing FILE`: import chats as the web process does; print what it took as JSON.

How far it is stands on standard error, for whoever waits.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.config.settings")
django.setup()

import io  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from django.core.files.base import File  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from webui.accounts.models import Role, User  # noqa: E402
from webui.chats.models import Chat, ChatImport  # noqa: E402
from webui.chats.transfer.taking import Worker, begin_import  # noqa: E402

ASK_S = 1.0
_FEW = b'[{"title": "One", "chat": {"history": {"messages": {"q": {"role": "user", "content": "Is this one?"}}}}}]'


def main() -> None:
    logging.disable(logging.WARNING)
    owner = User.objects.create(email="imports@bench.example", role=Role.USER)
    client = Client(HTTP_HOST="localhost", headers={"accept": "application/json"})
    client.force_login(owner)
    # What is loaded with the first chat is not what the others take.
    _take(client, begin_import(owner, File(io.BytesIO(_FEW), name="few.json")))
    before_mb = peak_mb()
    began, worked = time.monotonic(), time.process_time()
    with Path(sys.argv[1]).open("rb") as file:
        begun = begin_import(owner, File(file, name="export.json"))
    percentages, asking_s = _take(client, begun)
    seconds, cpu_s = time.monotonic() - began, time.process_time() - worked - asking_s
    begun.refresh_from_db()
    told = {
        "seconds": seconds,
        "cpu_s": cpu_s,
        "before_mb": before_mb,
        "peak_mb": peak_mb(),
        "n_percentages": len(percentages),
        "n_chats": Chat.objects.filter(owner=owner).count() - 1,
    }
    if begun.state != ChatImport.State.DONE:
        raise SystemExit(f"the import is {begun.state}: {begun.error}")
    print(json.dumps(told))


def _take(client: Client, begun: ChatImport) -> tuple[set[int], float]:
    """Take a file in to its end; return the percentages that its page has shown, and the CPU seconds of asking it."""
    worker, shown, asking_s = Worker(), set[int](), 0.0
    url, asked_at = reverse("chats:import_report", args=[begun.uuid]), 0.0
    while worker.go_on():
        if time.monotonic() > asked_at + ASK_S:
            asked_at, worked = time.monotonic(), time.process_time()
            shown.add(client.get(url).json()["percent"])
            asking_s += time.process_time() - worked
            sys.stderr.write(f"\r{max(shown)} %, {peak_mb():.0f} MB")
    sys.stderr.write("\n")
    return shown, asking_s


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
