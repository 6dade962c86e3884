"""Turn texts into vectors, and pairs of texts into scores, with llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.errors import ModelLoadFailed
from inference.library.gguf import read_tensors
from inference.library.names import all_parts
from inference.runner.attention import Attention
from inference.runner.embedding import EmbeddingWorker, EmbedJob, Vectors
from inference.runner.llama_loading import LoadedModel
from inference.runner.native import POOLING, Context, ContextShape
from inference.runner.protocol import WireError, WireEvent
from inference.runner.ranking import PairTokenizer, RankingWorker
from inference.runner.worker import step_frames

BATCH_ROWS = 512
MAX_TEXT_TOKENS = 8192

BESIDE_CHATS_ROWS = 64
"""Running answers wait for a step that embeds, so such a step is short."""

BESIDE_CHATS_TOKENS = 4096
"""Longest text that a chat model embeds; its cache for that comes on top of the slots."""


class LlamaEmbedder:
    """Embeds with llama.cpp, pooled by the model's own rule.

    Each text is decoded alone: beside others it would be rounded otherwise, and a document's chunks shall get the same
    vectors whatever they are sent with. On processors that costs little: their decode is bound by arithmetic.

    Models that say nothing about pooling give the last token's state when each token sees only those before it, as
    chat models do, and else the mean.
    """

    def __init__(self, loaded: LoadedModel, *, max_tokens: int = MAX_TEXT_TOKENS, rows: int = BATCH_ROWS) -> None:
        header, model = loaded.header, loaded.model
        self._loaded = loaded
        self._model = model
        named = header.pooling_type if header.pooling_type in POOLING else None
        self._pooling = named or ("last" if header.is_causal else "mean")
        self.max_tokens = min(loaded.spec["n_ctx"], model.n_ctx_train, max_tokens)
        self._rows_per_step = min(rows, self.max_tokens)
        # The state of the last token is right however the text was cut; a mean is one only of what is decoded at once.
        self._cuts = self._pooling == "last" and header.is_causal
        self._context: Context | None = None
        self._begun: Sequence[int] | None = None
        self._n_decoded = 0
        self.n_dims = model.n_scores if self._pooling == "rank" else model.n_dims

    def open(self) -> Context:
        """Return the context, made at the first call. Raises ModelLoadFailed when there is no memory for it."""
        if self._context is None:
            shape = ContextShape(
                n_ctx=self.max_tokens,
                n_sequences=1,
                n_batch=self._rows_per_step if self._cuts else self.max_tokens,
                n_threads=self._loaded.n_threads,
                pooling=self._pooling,
                attention=Attention(flash=self._loaded.spec["flash_attention"]),
            )
            self._context = self._loaded.context(shape)
            self._context.warm_up()
        return self._context

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._tokens(text) for text in texts]

    def shortened(self, tokens: list[int]) -> list[int]:
        return tokens[: self.max_tokens - 1] + tokens[-1:]

    def fitting(self, texts: Sequence[Sequence[int]]) -> int:
        return min(1, len(texts))

    def embed(self, texts: Sequence[Sequence[int]]) -> Vectors | None:
        (tokens,) = texts
        context = self.open()
        if self._begun is not tokens:
            self._begun, self._n_decoded = tokens, 0
            context.forget_all()
        n_rows = self._rows_per_step if self._cuts else len(tokens)
        part = np.array(tokens[self._n_decoded : self._n_decoded + n_rows], np.int32)
        context.batch.clear()
        context.batch.add(0, self._n_decoded, part, output_last=True)
        context.decode()
        self._n_decoded += len(part)
        if self._n_decoded < len(tokens):
            return None
        self._begun = None
        return context.pooled(0, self.n_dims)[np.newaxis]

    def _tokens(self, text: str) -> list[int]:
        tokens = self._model.tokenize(text, parse_special=False, add_special=True)
        return tokens or [max(self._model.eos, self._model.bos, 0)]


class EmbedderBesideChats(EmbeddingWorker):
    """Embeds with a chat model while it chats. Its context is made when it is first needed."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._opener = LlamaEmbedder(loaded, max_tokens=BESIDE_CHATS_TOKENS, rows=BESIDE_CHATS_ROWS)
        super().__init__(self._opener, loaded.facts(n_ctx=self._opener.max_tokens, n_slots=1))

    def _start(self, job: EmbedJob) -> Sequence[bytes]:
        try:
            self._opener.open()
        except ModelLoadFailed as exc:
            error = WireError(kind="invalid_request", detail=f"this model cannot embed texts here: {exc.detail}")
            return step_frames([WireEvent(id=job.ticket.id, error=error)])
        return super()._start(job)


def embedding_worker(loaded: LoadedModel) -> EmbeddingWorker:
    """Raises ModelLoadFailed when there is no memory for the context."""
    embedder = LlamaEmbedder(loaded)
    embedder.open()
    facts = loaded.facts(n_ctx=embedder.max_tokens, n_slots=1)
    return EmbeddingWorker(embedder, facts | {"is_embedding": True, "max_text_tokens": embedder.max_tokens})


def ranking_worker(loaded: LoadedModel) -> RankingWorker:
    """Raises ModelLoadFailed when the file lacks what gives scores, or there is no memory for the context."""
    spec = loaded.spec
    if not any(name.startswith("cls.") for part in all_parts(Path(spec["path"])) for name in read_tensors(part)):
        raise ModelLoadFailed(spec["model"], "the reranker has no classification head")
    embedder = LlamaEmbedder(loaded)
    embedder.open()
    template = loaded.header.metadata.get("tokenizer.chat_template.rerank")
    pairs = PairTokenizer(loaded.model, template if isinstance(template, str) else None, embedder.max_tokens)
    facts = loaded.facts(n_ctx=embedder.max_tokens, n_slots=1)
    return RankingWorker(
        embedder,
        pairs,
        facts | {"max_text_tokens": embedder.max_tokens},
        gives_probabilities=loaded.header.architecture in SOFTMAX_ARCHITECTURES,
    )


SOFTMAX_ARCHITECTURES = frozenset({"qwen3", "qwen3vl"})
"""Their graph ends with a softmax over yes and no. Source: llama-graph.cpp, `build_pooling`."""
