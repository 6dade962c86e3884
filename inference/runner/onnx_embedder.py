"""The embedded embedder: all-MiniLM-L6-v2 on onnxruntime, in a runner process like every other model."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from inference.errors import ModelLoadFailed
from inference.runner import minilm
from inference.runner.embedding import EmbeddingWorker, Vectors, fitting_lanes
from inference.runner.environment import child_environment
from inference.runner.protocol import WireFacts, WireSpec

logger = logging.getLogger(__name__)

TOKENS_PER_LANE = minilm.MAX_TOKENS
"""Of one step: what each lane gets through before a question's turn comes."""

MAX_LANES = 8
"""Hardly more texts come at once, and each lane takes some megabytes."""

LANE_NICENESS = 5
"""Where many texts come together, nobody waits for them as for a question or for the next word of an answer."""

BUILD_TIMEOUT_S = 300.0


def load_onnx(spec: WireSpec) -> EmbeddingWorker:
    """Load the embedder from its folder; build it there first when it is missing. Raises ModelLoadFailed."""
    folder = Path(spec["path"])
    if not minilm.is_built(folder):
        _build(spec["model"], folder)
    try:
        embedder = OnnxEmbedder(folder, spec["n_threads"])
    except Exception:  # noqa: BLE001 - onnxruntime raises many kinds for a damaged file; a fresh build decides
        logger.exception("The embedder in %s is damaged and is built again", folder)
        _build(spec["model"], folder)
        embedder = OnnxEmbedder(folder, spec["n_threads"])
    return EmbeddingWorker(embedder, _facts(folder))


class OnnxEmbedder:
    """A loaded session and its tokenizer.

    Each text runs alone, on one thread, and several of them side by side: its steps are too short to be shared between
    threads, which spend a quarter of their time on waking each other. Beside others a text would also be rounded
    otherwise, and a document's chunks shall get the same vectors whatever they are sent with.
    """

    n_dims = minilm.N_DIMS
    max_tokens = minilm.MAX_TOKENS

    def __init__(self, folder: Path, n_threads: int | None) -> None:
        self._n_lanes = min(n_threads or len(os.sched_getaffinity(0)), MAX_LANES)
        self._lanes = ThreadPoolExecutor(self._n_lanes, "lane", _give_way)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / minilm.GRAPH_NAME),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=list(minilm.SLOW_FUSIONS),
        )
        self._tokenizer = Tokenizer.from_file(str(folder / minilm.TOKENIZER_NAME))
        # The file asks for 128 tokens exactly, cut and padded.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def shortened(self, tokens: list[int]) -> list[int]:
        return tokens[: self.max_tokens - 1] + tokens[-1:]

    def fitting(self, texts: Sequence[Sequence[int]]) -> int:
        return fitting_lanes(texts, self._n_lanes, TOKENS_PER_LANE)

    def embed(self, texts: Sequence[Sequence[int]]) -> Vectors:
        if len(texts) == 1:
            return self._embed_one(texts[0])
        return np.concatenate(list(self._lanes.map(self._embed_one, texts)))

    def _embed_one(self, tokens: Sequence[int]) -> Vectors:
        vectors: Vectors = self._session.run(None, {"input_ids": np.array([tokens], np.int32)})[0]
        return vectors


def _give_way() -> None:
    """Lower the priority of this thread."""
    # Elsewhere it would be that of the whole process.
    if sys.platform == "linux":
        os.nice(LANE_NICENESS)


def _build(model: str, folder: Path) -> None:
    """Build in a process of its own: the quantizer's memory would stay with this one."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", "inference.runner.minilm", str(folder)],
            stdout=subprocess.PIPE,
            env=child_environment(),
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise ModelLoadFailed(model, "building the embedded embedder took too long") from exc
    if done.returncode:
        detail = done.stdout.decode("utf-8", "replace").strip()
        raise ModelLoadFailed(model, detail or f"building the embedded embedder failed (code {done.returncode})")


def _facts(folder: Path) -> WireFacts:
    return WireFacts(
        architecture="bert",
        n_ctx=minilm.MAX_TOKENS,
        n_ctx_train=minilm.MAX_POSITIONS,
        n_slots=1,
        n_params=minilm.N_PARAMETERS,
        size_bytes=(folder / minilm.GRAPH_NAME).stat().st_size,
        n_vocab=minilm.N_VOCAB,
        n_dims=minilm.N_DIMS,
        has_chat_template=False,
        is_embedding=True,
        max_text_tokens=minilm.MAX_TOKENS,
        card_bytes=0,
    )
