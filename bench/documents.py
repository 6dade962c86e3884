"""Measure documents: how well passages are found, how fast, and how long a file takes until it can be asked."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench import corpus, stores
from bench.processes import ROOT, environment, free_port, run, running, wait_until_ok
from bench.rows import Row, percentile

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
_FIRST_MEASURED |= {(*key[:2], "first design"): value for key, value in _FIRST_MEASURED.items() if key[2] == "fused"}
_KINDS = {"held out": "natural"}
# What an index for `search` depends on.
_BUILT_BY = ("rag/chunking.py", "rag/lexical/words.py", "rag/migrations/0001_initial.py", "bench/mixtures.py")
_SETTLE_TIMEOUT_S = 60.0
_OUTCOMES = ("first", "later", "wrong", "near", "near wrong", "refused")
_STEPS = {"lexical_s": "words", "embed_s": "embedding of the question", "vector_s": "vectors"}


@contextmanager
def model_server(data: Path, **settings: str) -> Iterator[dict[str, str]]:
    """Run the built-in model server on a new data folder; yield the environment of a process that uses both."""
    port, log = free_port(), data.with_suffix(".log")
    env = environment(data, HEARTH_INFERENCE_URL=f"http://127.0.0.1:{port}", **settings)
    run(["manage.py", "prepare"], env=env)
    with running(["manage.py", "serve"], env=env | {"OLLAMA_HOST": f"127.0.0.1:{port}"}, log=log) as server:
        url = f"http://127.0.0.1:{port}"
        wait_until_ok(f"{url}/api/version", server, log)
        # The first text waits for the model to be built and loaded.
        with httpx.Client(trust_env=False, timeout=_SETTLE_TIMEOUT_S) as http:
            http.post(f"{url}/api/embed", json={"model": "all-minilm", "input": "ready"}).raise_for_status()
        yield env


def measure_retrieval(folder: Path, kept: Path, reranker: str) -> None:
    """Index the corpus, ask all questions, and print a table. A reranker is a file in GGUF."""
    corpus.fetch(kept)
    data = folder / "retrieval"
    if reranker:
        (data / "models").mkdir(parents=True)
        (data / "models" / "reranker.gguf").symlink_to(Path(reranker).resolve())
    with model_server(data) as env:
        env |= {"HEARTH_RERANKER": "reranker"} if reranker else {}
        figures = json.loads(run(["-m", "bench.retrieval", str(kept)], env=env))
    print("\n".join(retrieval_lines(figures)))


def measure_quotes(folder: Path, kept: Path) -> list[Row]:
    """Index the corpus, let Quotes answer, and print a table; return how long it took."""
    corpus.fetch(kept)
    with model_server(folder / "quotes") as env:
        figures = json.loads(run(["-m", "bench.quoting", str(kept)], env=env))
    print("\n".join(quotes_lines(figures)))
    times_ms = sorted(1000 * time_s for found in figures for time_s in found["times_s"])
    return [
        Row(what="an answer of Quotes, without the search, p50", value=percentile(times_ms, 50), unit="ms"),
        Row(what="the same, p95", value=percentile(times_ms, 95), unit="ms", goal=300),
    ]


def measure_search(kept: Path, n_chunks: int, goal_ms: float) -> list[Row]:
    """Time searches among so many chunks, which are built once in a data folder of their own."""
    corpus.fetch(kept)
    built_by = "".join((ROOT / name).read_text() for name in _BUILT_BY)
    digest = hashlib.sha256(built_by.encode()).hexdigest()[:8]
    data = kept / f"search-{n_chunks}-{digest}"
    for outdated in set(kept.glob(f"search-{n_chunks}-*")) - {data}:
        # A folder, or the log beside one.
        shutil.rmtree(outdated) if outdated.is_dir() else outdated.unlink()
    with model_server(data) as env:
        figures = json.loads(run(["-m", "bench.search", str(kept), str(n_chunks)], env=env))
    return _search_rows(figures, f"a search among {n_chunks:,} chunks", goal_ms)


def measure_stores(folder: Path, kept: Path, n_chunks: int) -> list[Row]:
    """Time the same searches with the vectors on a server, for each whose server can be started here."""
    corpus.fetch(kept)
    rows: list[Row] = []
    for store, start in stores.startable().items():
        own = folder / store.replace(" ", "-")
        own.mkdir()
        with start(own) as settings, model_server(own / "data", **settings) as env:
            figures = json.loads(run(["-m", "bench.search", str(kept), str(n_chunks)], env=env))
        rows += _search_rows(figures, f"the same, {n_chunks:,} chunks {store}", None)
    return rows


def _search_rows(figures: dict[str, Any], title: str, goal_ms: float | None) -> list[Row]:
    rows = []
    for language, name in (("en", "English"), ("zh", "Chinese")):
        what, own = f"{title}, {name}", figures["times"][language]
        rows += [
            Row(what=f"{what}, p50", value=percentile(own["total_s"], 50), unit="ms", goal=goal_ms),
            Row(what=f"{what}, p95", value=percentile(own["total_s"], 95), unit="ms"),
        ]
        for step, step_title in _STEPS.items():
            rows.append(Row(what=f"  {step_title}, p50", value=percentile(own[step], 50), unit="ms"))
    for scope, share in figures["recall"].items():
        what = f"  of the 40 nearest vectors, found in {scope} documents"
        rows.append(Row(what=what, value=share, unit="", goal=0.99, is_more_better=True))
    return rows


def quotes_lines(figures: Sequence[dict[str, Any]]) -> Iterator[str]:
    names = ["retrieved", *_OUTCOMES]
    yield f"| {'questions':<30} | {'n':>3} | " + " | ".join(names) + " |"
    yield f"| {'-' * 30} | {'-' * 3} | " + " | ".join("-" * len(name) for name in names) + " |"
    for found in figures:
        kind = "" if found["is_answerable"] else ", not answered"
        counts = [found["n_retrieved"], *(found["outcomes"].get(outcome, 0) for outcome in _OUTCOMES)]
        cells = " | ".join(f"{count:>{len(name)}}" for name, count in zip(names, counts, strict=True))
        yield f"| {found['language'] + ' ' + found['set'] + kind:<30} | {found['n']:>3} | {cells} |"


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
