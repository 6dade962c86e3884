"""How long lists, searches and a long chat take among many chats, each number of them in a data folder that is kept."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from bench.processes import environment, run
from bench.rows import Row, percentile

SIZES = (1_000, 10_000, 100_000)
# The goals that are set for 10,000 chats.
_LIST_MS, _SEARCH_MS, _LONG_MS = 10, 50, 300
_TITLES = {
    "list": ("the list of chats", _LIST_MS),
    "rare": ("a search for a rare word", _SEARCH_MS),
    "common": ("a search for a common word", _SEARCH_MS),
    "two words": ("a search for two words", _SEARCH_MS),
    "no hit": ("a search that finds nothing", _SEARCH_MS),
    "one Chinese character": ("a search for one Chinese character", _SEARCH_MS),
    "two Chinese characters": ("a search for two Chinese characters", _SEARCH_MS),
    "page": ("the page of a search for a common word", _SEARCH_MS),
    "long": ("opening a chat of 1,000 messages", _LONG_MS),
}
_ROOT = Path(__file__).resolve().parent.parent
# What a database that was built with other ones cannot be used with.
_BUILT_BY = (
    "bench/histories.py",
    "bench/language.py",
    "webui/chats/search/grams.py",
    "webui/chats/search/index.py",
    "*/migrations/0*.py",
    "webui/*/migrations/0*.py",
)


def measure(kept: Path, n_chats: int) -> list[Row]:
    built_by = "".join(file.read_text() for name in _BUILT_BY for file in sorted(_ROOT.glob(name)))
    data = kept / f"chats-{n_chats}-{hashlib.sha256(built_by.encode()).hexdigest()[:8]}"
    for outdated in set(kept.glob(f"chats-{n_chats}-*")) - {data}:
        shutil.rmtree(outdated)
    # No model answers here, and none is waited for.
    env = environment(data, HEARTH_INFERENCE_URL="http://127.0.0.1:9")
    run(["manage.py", "prepare"], env=env)
    times = json.loads(run(["-m", "bench.histories", str(n_chats)], env=env).splitlines()[-1])
    return [
        Row(what=f"{title}, {n_chats:,} chats, p95", value=percentile(times[kind], 95), unit="ms", goal=goal)
        for kind, (title, goal) in _TITLES.items()
    ]
