"""Measure documents: how well passages are found, how fast, and how long a file takes until it can be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench import corpus
from bench.processes import environment, free_port, run, running, wait_until_ok

# R@1, R@5, R@10 and MRR that were measured before the document side was designed, on a corpus of the same kind.
# Questions of ours that are held back are of the natural kind.
_FIRST_MEASURED = {
    ("heading", "en", "lexical"): (0.36, 0.64, 0.72, 0.46),
    ("heading", "zh", "lexical"): (0.31, 0.57, 0.68, 0.42),
    ("natural", "en", "lexical"): (0.12, 0.29, 0.46, 0.20),
    ("natural", "zh", "lexical"): (0.10, 0.29, 0.39, 0.19),
    ("heading", "en", "dense"): (0.36, 0.61, 0.73, 0.47),
    ("heading", "zh", "dense"): (0.05, 0.11, 0.13, 0.07),
    ("natural", "en", "dense"): (0.42, 0.63, 0.85, 0.52),
    ("natural", "zh", "dense"): (0.0, 0.02, 0.02, 0.01),
    ("heading", "en", "fused"): (0.40, 0.71, 0.80, 0.52),
    ("heading", "zh", "fused"): (0.33, 0.57, 0.68, 0.43),
    ("natural", "en", "fused"): (0.37, 0.73, 0.85, 0.51),
    ("natural", "zh", "fused"): (0.10, 0.29, 0.39, 0.19),
}
_KINDS = {"held out": "natural"}
_SETTLE_TIMEOUT_S = 60.0


@contextmanager
def model_server(data: Path) -> Iterator[dict[str, str]]:
    """Run the built-in model server on a new data folder; yield the environment of a process that uses both."""
    port, log = free_port(), data.with_suffix(".log")
    env = environment(data, HEARTH_INFERENCE_URL=f"http://127.0.0.1:{port}")
    run(["manage.py", "prepare"], env=env)
    with running(["manage.py", "serve"], env=env | {"OLLAMA_HOST": f"127.0.0.1:{port}"}, log=log) as server:
        url = f"http://127.0.0.1:{port}"
        wait_until_ok(f"{url}/api/version", server, log)
        # The first text waits for the model to be built and loaded.
        with httpx.Client(trust_env=False, timeout=_SETTLE_TIMEOUT_S) as http:
            http.post(f"{url}/api/embed", json={"model": "all-minilm", "input": "ready"}).raise_for_status()
        yield env


def measure_retrieval(folder: Path, kept: Path, reranker: str) -> None:
    """Index the corpus, ask all questions, and print a table."""
    corpus.fetch(kept)
    with model_server(folder / "retrieval") as env:
        env |= {"HEARTH_RERANKER": reranker} if reranker else {}
        figures = json.loads(run(["-m", "bench.retrieval", str(kept)], env=env))
    print("\n".join(retrieval_lines(figures)))


def retrieval_lines(figures: Sequence[dict[str, Any]]) -> Iterator[str]:
    names = ["R@1", "R@5", "R@10", "MRR"]
    yield f"| {'questions':<12} | {'n':>3} | {'method':<12} | " + " | ".join(f"{name:<11}" for name in names) + " |"
    yield f"| {'-' * 12} | {'-' * 3} | {'-' * 12} | " + " | ".join(["-" * 11] * 4) + " |"
    for found in figures:
        if len(found["recall"]) == 1:
            continue
        first = _FIRST_MEASURED.get((_KINDS.get(found["group"], found["group"]), found["language"], found["method"]))
        values = [*found["recall"], found["mrr"]]
        cells = [_cell(value, first[n] if first else None) for n, value in enumerate(values)]
        name = f"{found['group']} {found['language']}"
        yield f"| {name:<12} | {found['n']:>3} | {found['method']:<12} | " + " | ".join(cells) + " |"
    for found in figures:
        if len(found["recall"]) == 1:
            yield f"Without an answer here, {found['language']}: {found['recall'][0]:.0%} of {found['n']} got passages."


def _cell(value: float, first: float | None) -> str:
    """A value, and its ratio to what was measured first: 1.00 and above is as good or better."""
    ratio = f"({value / first:.2f})" if first else ""
    return f"{value:.2f} {ratio:<6}"
