"""How long exports of Open WebUI take to import, and how much memory, each into an empty data folder."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from bench.language import Language
from bench.processes import environment, run
from bench.rows import Row

N_TURNS = 10
N_TEXTS = 2000
_SMALL = 10
"""So many times smaller is the file that the memory is compared with."""
_MOST_TIMES_THE_MEMORY = 1.25
_MIN_PERCENTAGES = 20


def measure(folder: Path, megabytes: int) -> list[Row]:
    small, large = (_import(folder, size) for size in (max(1, megabytes // _SMALL), megabytes))
    name, seconds = f"import of {large['file_mb']:.0f} MB", large["seconds"]
    return [
        Row(what=name, value=seconds, unit="s"),
        Row(what=f"{name}, the file", value=large["file_mb"] / seconds, unit="MB/s"),
        Row(what=f"{name}, the file in CPU time", value=large["file_mb"] / large["cpu_s"], unit="MB/s"),
        Row(what=f"{name}, chats", value=large["n_chats"] / seconds, unit="/s"),
        Row(what=f"{name}, most memory of the process", value=large["peak_mb"], unit="MB"),
        Row(what=f"{name}, what it takes of that", value=large["peak_mb"] - large["before_mb"], unit="MB"),
        Row(
            what=f"most memory, beside a file of {small['file_mb']:.0f} MB",
            value=large["peak_mb"] / small["peak_mb"],
            unit="times",
            goal=_MOST_TIMES_THE_MEMORY,
        ),
        Row(
            what="percentages that the page showed meanwhile",
            value=large["n_percentages"],
            unit="",
            goal=_MIN_PERCENTAGES,
            is_more_better=True,
        ),
        Row(what="chats that were not imported (goal: none)", value=large["n_written"] - large["n_chats"], unit=""),
    ]


def _import(folder: Path, megabytes: int) -> dict[str, Any]:
    data, file = folder / f"import-{megabytes}", folder / f"export-{megabytes}.json"
    env = environment(data, HEARTH_INFERENCE_URL="http://127.0.0.1:9", HEARTH_MAX_IMPORT_MB=str(megabytes * 2))
    n_written = write_export(file, megabytes * 2**20)
    run(["manage.py", "prepare"], env=env)
    told = json.loads(run(["-m", "bench.importing", str(file)], env=env).splitlines()[-1])
    file_mb = file.stat().st_size / 2**20
    file.unlink()
    return told | {"n_written": n_written, "file_mb": file_mb}


def write_export(path: Path, n_bytes: int) -> int:
    """Write an export of at least that size; return how many chats are in it."""
    language, chance = Language(), random.Random(2)  # noqa: S311  (not for secrets)
    texts = [language.message() for _ in range(N_TEXTS)]
    n_chats = 0
    with path.open("w") as file:
        file.write("[")
        while file.tell() < n_bytes:
            file.write("," * bool(n_chats) + json.dumps(_chat(n_chats, texts, chance), ensure_ascii=False))
            n_chats += 1
        file.write("]")
    return n_chats


def _chat(number: int, texts: list[str], chance: random.Random) -> dict[str, Any]:
    """Return a chat of ten questions; to one of them two models have answered."""
    began = 1_714_000_000 + number * 600
    rows: dict[str, dict[str, Any]] = {}
    last = None
    for turn in range(N_TURNS):
        question, answer, other = (f"{number}-{turn}-{part}" for part in "qab")
        rows[question] = _message(question, last, "user", began + turn * 60, chance.choice(texts))
        for one in (answer, other)[: 2 if turn == N_TURNS // 2 else 1]:
            said = "\n\n".join(chance.choices(texts, k=3))
            rows[one] = _message(one, question, "assistant", began + turn * 60 + 20, said) | {"model": "llama3.2:3b"}
        last = answer
    rows[f"{number}-0-a"] |= {
        "annotation": {"rating": 1, "reason": "accurate_information"},
        "sources": [
            {"source": {"name": "notes.pdf"}, "document": [chance.choice(texts)], "metadata": [{"page": 1}]},
        ],
    }
    return {
        "id": f"chat {number}",
        "title": " ".join(chance.choice(texts).split()[:5])[:80],
        "chat": {"models": ["llama3.2:3b"], "history": {"messages": rows, "currentId": last}},
        "created_at": began,
        "updated_at": began + N_TURNS * 60,
        "meta": {"tags": [f"tag_{number % 20}"]},
        "pinned": False,
        "archived": False,
    }


def _message(identity: str, parent: str | None, role: str, moment: int, content: str) -> dict[str, Any]:
    return {
        "id": identity, "parentId": parent, "childrenIds": [], "role": role, "timestamp": moment, "content": content,
    }  # fmt: skip
