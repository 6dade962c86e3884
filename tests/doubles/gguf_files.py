"""Write small GGUF files that real llama.cpp loads, in well under a second each.

The weights are random or hand-placed, nothing is downloaded. A *scripted* model answers every prompt with one fixed
text: attention and feed-forward add nothing, each piece of the text is a token of its own, and the output row of a
piece is the embedding of the piece before it. So it stays right in any batch and at any temperature.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp

Array = npt.NDArray[np.float32]

CONTROLS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
THINKING_TAGS = ("<think>", "</think>")
MERGES = ("t h", "i n", "e r", "a n", "o n", "r e", "Ġ t", "Ġ a", "th e", "Ġt h", "Ġth e", "l l", "o u", "h e")
SCRIPT_MERGES = ("q z",)
"""One, because llama.cpp wants some; no English word has it, so it stays clear of scripts."""

CHATML = (
    "{%- for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)

COUNTING = " ".join(str(number) for number in range(1, 301))
"""An answer of 300 tokens in a scripted model: `1 2 3 … 300`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    layers: int = 1
    hidden: int = 256
    heads: int = 4
    heads_kv: int = 1
    feed_forward: int = 32
    context: int = 4096

    @property
    def head(self) -> int:
        return self.hidden // self.heads


TINY = Shape(layers=2, hidden=64, heads_kv=2, feed_forward=128)
ENDLESS = Shape(context=131072)
ROOMY = Shape(context=131072, heads_kv=4)
SLOW = Shape(layers=64, hidden=128, context=32768)


def build_tiny(
    path: Path,
    *,
    seed: int = 1,
    chat_template: str | None = CHATML,
    pooling: gguf.PoolingType | None = None,
    architecture: str = "qwen2",
) -> Path:
    """Write a chat model that answers with noise; with `pooling` it is an embedding model of the same family.

    Args:
        architecture: `qwen2vl` has the same tensors, and positions in three directions.
    """
    rng = np.random.default_rng(seed)
    writer = _writer(path, "tiny", TINY, chat_template, architecture)
    if architecture == "qwen2vl":
        writer.add_rope_dimension_sections([2, 3, 3, 0])
    if pooling is not None:
        writer.add_pooling_type(pooling)
    words = _add_vocabulary(writer, ())
    writer.add_tensor("token_embd.weight", _noise(rng, len(words), TINY.hidden))
    _add_layers(writer, rng, TINY, silent=False)
    return _finish(writer, path)


def build_noise(path: Path, shape: Shape, *, script: Iterable[str] = ()) -> Path:
    """Write a chat model of any shape that answers with noise; the pieces of the script widen its vocabulary."""
    rng = np.random.default_rng(1)
    writer = _writer(path, "noise", shape, CHATML)
    words = _add_vocabulary(writer, script)
    writer.add_tensor("token_embd.weight", _noise(rng, len(words), shape.hidden))
    _add_layers(writer, rng, shape, silent=False)
    return _finish(writer, path)


def quantised(path: Path) -> Path:
    """Turn a model's weights into Q4_0, by llama.cpp's own quantiser."""
    target = path.with_suffix(".q4_0.gguf")
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
    if llama_cpp.llama_model_quantize(str(path).encode(), str(target).encode(), ctypes.byref(params)):
        raise RuntimeError("the file could not be quantised")
    return target


def build_scripted(
    path: Path,
    answer: str = "Hello! I am a scripted test model; my answer is always this one.",
    *,
    pieces: Sequence[bytes] | None = None,
    chat_template: str | None = CHATML,
    controls: Sequence[str] = (),
    endless: bool = False,
    shape: Shape | None = None,
    learnt: Sequence[str] = (),
) -> Path:
    """Write a model that answers everything with `answer`.

    Args:
        pieces: The answer's tokens, to cut it at chosen bytes; all different and longer than one byte.
        controls: Which of the pieces are control tokens.
        endless: Start over after the last piece; only num_predict or the context window ends the answer.
        learnt: Words, with their leading space, that are one token each; a model knows bytes only otherwise.
    """
    shape = shape or (ENDLESS if endless else Shape())
    script = tuple(pieces) if pieces is not None else unique_pieces(answer)
    rng = np.random.default_rng(7)
    writer = _writer(path, "scripted", shape, chat_template)
    words = _add_vocabulary(writer, [_byte_level(piece) for piece in script], controls, learnt)

    embeddings = _noise(rng, len(words), shape.hidden)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    chain = [words[_byte_level(piece)] for piece in script]
    # Whatever a prompt ends with, the answer starts: every other token looks the same.
    embeddings[[i for i in words.values() if i not in set(chain)]] = embeddings[0]
    outputs = np.zeros_like(embeddings)
    outputs[chain[0]] += embeddings[0]
    for here, there in zip(chain, [*chain[1:], chain[0] if endless else words["<|im_end|>"]], strict=True):
        outputs[there] += embeddings[here]

    writer.add_tensor("token_embd.weight", embeddings)
    writer.add_tensor("output.weight", outputs * np.float32(4))
    _add_layers(writer, rng, shape, silent=True)
    return _finish(writer, path)


def build_endless(path: Path) -> Path:
    """Write a model that counts `1 2 3 … 300 1 2 3 …` until it is stopped."""
    return build_scripted(path, COUNTING + " ", endless=True)


def build_roomy(path: Path) -> Path:
    """Write a model that counts like `build_endless`, with 134 MB of keys and values in its whole context window."""
    return build_scripted(path, COUNTING + " ", endless=True, shape=ROOMY)


def build_vast(path: Path) -> Path:
    """Write a chat model whose whole context window fits into no machine: a terabyte of keys and values.

    No process gets to load it: its tensors do not match its header.
    """
    writer = _writer(path, "vast", Shape(layers=64, hidden=64, context=1_048_576), CHATML)
    writer.add_key_length(4096)
    writer.add_value_length(4096)
    words = _add_vocabulary(writer, ())
    writer.add_tensor("token_embd.weight", _noise(np.random.default_rng(1), len(words), 64))
    return _finish(writer, path)


def build_slow(path: Path) -> Path:
    """Write a model that counts like `build_endless`, at some hundred tokens a second instead of thousands."""
    return build_scripted(path, COUNTING + " ", endless=True, shape=SLOW)


def build_reranker(path: Path, *, labels: Sequence[str] = (), template: str | None = None) -> Path:
    """Write a model that gives pairs of texts random scores: one, or one per label."""
    return build_embedding(path, pooling=gguf.PoolingType.RANK, labels=labels, rerank_template=template)


def build_embedding(
    path: Path,
    *,
    n_dims: int = 64,
    pooling: gguf.PoolingType = gguf.PoolingType.MEAN,
    labels: Sequence[str] = (),
    rerank_template: str | None = None,
    has_head: bool = True,
) -> Path:
    """Write a BERT-like embedding model with random weights and a word-piece vocabulary of single letters.

    Args:
        labels, rerank_template, has_head: For rerankers; without a head the file is incomplete.
    """
    rng = np.random.default_rng(11)
    context, feed_forward, layers = 512, 128, 2
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("tiny-bert")
    writer.add_context_length(context)
    writer.add_embedding_length(n_dims)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    if labels:
        writer.add_classifier_output_labels(list(labels))
    if rerank_template is not None:
        writer.add_string("tokenizer.chat_template.rerank", rerank_template)
    letters = [chr(code) for code in range(33, 127)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *("▁" + letter for letter in letters), *letters]
    writer.add_tokenizer_model("bert")
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.CONTROL] * 5 + [gguf.TokenType.NORMAL] * (len(words) - 5))
    writer.add_token_type_count(2)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(3)
    writer.add_sep_token_id(3)
    writer.add_mask_token_id(4)

    writer.add_tensor("token_embd.weight", _noise(rng, len(words), n_dims))
    writer.add_tensor("token_types.weight", _noise(rng, 2, n_dims))
    writer.add_tensor("position_embd.weight", _noise(rng, context, n_dims))
    _add_norm(writer, "token_embd_norm", n_dims)
    if pooling == gguf.PoolingType.RANK and has_head:
        writer.add_tensor("cls.output.weight", _noise(rng, max(1, len(labels)), n_dims))
    for layer in range(layers):
        block = f"blk.{layer}."
        for name, n_in, n_out in (
            ("attn_q", n_dims, n_dims),
            ("attn_k", n_dims, n_dims),
            ("attn_v", n_dims, n_dims),
            ("attn_output", n_dims, n_dims),
            ("ffn_up", n_dims, feed_forward),
            ("ffn_down", feed_forward, n_dims),
        ):
            writer.add_tensor(f"{block}{name}.weight", _noise(rng, n_out, n_in))
            writer.add_tensor(f"{block}{name}.bias", np.zeros(n_out, np.float32))
        _add_norm(writer, block + "attn_output_norm", n_dims)
        _add_norm(writer, block + "layer_output_norm", n_dims)
    return _finish(writer, path)


def split_gguf(path: Path, folder: Path, *, tensors_per_part: int = 4) -> list[Path]:
    """Write a model's file once more as the parts of a split one; return them in order."""
    reader = gguf.GGUFReader(path)
    folder.mkdir(parents=True, exist_ok=True)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(folder / f"{path.stem}-F32.gguf", architecture, split_max_tensors=tensors_per_part)
    for key, field in reader.fields.items():
        if key != "general.architecture" and not key.startswith("GGUF."):
            is_list = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(key, field.contents(), field.types[0], field.types[-1] if is_list else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data)
    _finish(writer, path)
    return sorted(folder.glob("*-of-*.gguf"))


def unique_pieces(answer: str) -> tuple[bytes, ...]:
    """Cut a text into words with their leading space, joining words until every piece is a different one."""
    pieces: list[str] = []
    open_piece = ""
    for word in _words(answer):
        open_piece += word
        if len(open_piece.encode()) > 1 and open_piece not in pieces:
            pieces.append(open_piece)
            open_piece = ""
    while open_piece and (len(open_piece.encode()) < 2 or open_piece in pieces):
        if not pieces:
            raise ValueError("the answer needs at least two bytes")
        open_piece = pieces.pop() + open_piece
    if open_piece:
        pieces.append(open_piece)
    return tuple(piece.encode() for piece in pieces)


def _words(text: str) -> Iterable[str]:
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or text[index] in " \n":
            yield text[start:index]
            start = index


def _byte_level(data: bytes) -> str:
    """Spell bytes in GPT-2's alphabet: printable Latin-1 stands for itself, the rest moves up to U+0100."""
    return "".join(BYTE_ALPHABET[byte] for byte in data)


def _byte_alphabet() -> tuple[str, ...]:
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    moved = iter(range(256, 512))
    return tuple(chr(byte if byte in printable else next(moved)) for byte in range(256))


BYTE_ALPHABET = _byte_alphabet()


def _writer(
    path: Path, name: str, shape: Shape, chat_template: str | None, architecture: str = "qwen2"
) -> gguf.GGUFWriter:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(name)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads_kv)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    return writer


def _add_vocabulary(
    writer: gguf.GGUFWriter, script: Iterable[str], controls: Sequence[str] = (), learnt: Sequence[str] = ()
) -> dict[str, int]:
    """Add the 256 bytes, the merged pairs, the script (out of reach for the tokenizer) and the control tokens."""
    script = list(script)
    merges = [*(SCRIPT_MERGES if script else MERGES), *_merges_of(learnt)]
    plain = list(dict.fromkeys([*BYTE_ALPHABET, *(merge.replace(" ", "") for merge in merges)]))
    clashes = set(script) & set(plain) or len(set(script)) < len(script)
    if clashes:
        raise ValueError(f"pieces must be new and different: {clashes}")
    # A script that thinks brings the tags as its own pieces.
    tags = [tag for tag in THINKING_TAGS if tag not in script]
    n_normal = len(plain) + len(script)
    words = [*plain, *script, *CONTROLS, *tags]
    types = [gguf.TokenType.CONTROL if word in controls else gguf.TokenType.NORMAL for word in words[:n_normal]]
    types += [gguf.TokenType.CONTROL] * len(CONTROLS) + [gguf.TokenType.USER_DEFINED] * len(tags)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(n_normal)
    writer.add_eos_token_id(n_normal + 2)
    writer.add_pad_token_id(n_normal)
    writer.add_add_bos_token(False)
    return {word: index for index, word in enumerate(words)}


def _merges_of(words: Sequence[str]) -> list[str]:
    """Return the merges that make one token of each word, a byte more with each."""
    spelt = [_byte_level(word.encode()) for word in words]
    return list(dict.fromkeys(f"{word[:end]} {word[end]}" for word in spelt for end in range(1, len(word))))


def _add_layers(writer: gguf.GGUFWriter, rng: np.random.Generator, shape: Shape, *, silent: bool) -> None:
    hidden, feed_forward, kv = shape.hidden, shape.feed_forward, shape.heads_kv * shape.head
    writer.add_tensor("output_norm.weight", np.ones(hidden, np.float32))
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        for name, rows, columns in (
            ("attn_q", hidden, hidden),
            ("attn_k", kv, hidden),
            ("attn_v", kv, hidden),
            ("attn_output", hidden, hidden),
            ("ffn_gate", feed_forward, hidden),
            ("ffn_up", feed_forward, hidden),
            ("ffn_down", hidden, feed_forward),
        ):
            adds_nothing = silent and name in ("attn_output", "ffn_down")
            matrix = np.zeros((rows, columns), np.float32) if adds_nothing else _noise(rng, rows, columns)
            writer.add_tensor(f"{block}{name}.weight", matrix)
        for name, size in (("attn_q", hidden), ("attn_k", kv), ("attn_v", kv)):
            writer.add_tensor(f"{block}{name}.bias", np.zeros(size, np.float32))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}{name}.weight", np.ones(hidden, np.float32))


def _add_norm(writer: gguf.GGUFWriter, name: str, size: int) -> None:
    writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))
    writer.add_tensor(f"{name}.bias", np.zeros(size, np.float32))


def _noise(rng: np.random.Generator, rows: int, columns: int) -> Array:
    return rng.standard_normal((rows, columns), dtype=np.float32) / np.float32(columns**0.5)


def _finish(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
