"""Load a GGUF file as a chat model or as an embedding model."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from inference.errors import InvalidRequest, ModelLoadFailed
from inference.library.adapters import check_adapter
from inference.library.gguf import GgufHeader, read_header
from inference.runner.constraint import Constraint, Constraints
from inference.runner.embedding import EmbeddingWorker, Vectors
from inference.runner.engine import Engine, Request
from inference.runner.native import Adapters, Context, ContextShape, Model, NativeLog
from inference.runner.options import checked_options
from inference.runner.protocol import Command, GenerateCommand, WireFacts, WireSpec
from inference.runner.templates import ChatTemplate, Rendered, TemplateProcess
from inference.runner.types import IDLE_PATIENCE_S
from inference.runner.worker import Start, Ticket, Worker, step_frames, unsupported
from inference.types import ChatMessage

CHAT_BATCH_ROWS = 512
EMBED_BATCH_ROWS = 512
EMBED_SEQUENCES = 16
MAX_TEXT_TOKENS = 8192
POOLING = {"mean": 1, "cls": 2, "last": 3}
"""Source: llama.h, `llama_pooling_type`. Models that name none of their own get the mean."""

ROLES = ("system", "user", "assistant", "tool")


def load_llama(spec: WireSpec) -> Worker:
    """Load a GGUF file. Raises BadModelFile or ModelLoadFailed."""
    path = Path(spec["path"])
    header = read_header(path, check_vocabulary=True)
    if header.is_projector or header.is_adapter:
        raise ModelLoadFailed(spec["model"], "the file is a part that belongs to another model")
    if header.pooling_type == "rank":
        raise ModelLoadFailed(spec["model"], "the file is a reranker, which neither chats nor embeds")
    if header.is_embedding and not spec["embedding"]:
        raise ModelLoadFailed(spec["model"], "the file is an embedding model, which cannot chat")
    for adapter in spec["adapters"]:
        check_adapter(spec["model"], Path(adapter), path)
    log = NativeLog()
    if spec["embedding"]:
        return _embedding_worker(spec, header, log)
    templates = TemplateProcess()
    templates.start()  # it gets ready while the weights are read
    return ChatWorker(spec, header, templates, log)


def _embedding_worker(spec: WireSpec, header: GgufHeader, log: NativeLog) -> EmbeddingWorker:
    model = _model(spec, log)
    embedder = LlamaEmbedder(model, spec, header, log)
    facts = _facts(spec, header, model, n_ctx=embedder.max_tokens, n_slots=1)
    return EmbeddingWorker(embedder, facts | {"is_embedding": True, "max_text_tokens": embedder.max_tokens})


class ChatWorker:
    """A chat model at work."""

    def __init__(self, spec: WireSpec, header: GgufHeader, templates: TemplateProcess, log: NativeLog) -> None:
        model = _model(spec, log)
        if model.has_encoder:
            raise ModelLoadFailed(spec["model"], "models with an encoder and a decoder are not supported")
        n_ctx = min(spec["n_ctx"], model.n_ctx_train)
        n_slots = spec["n_slots"]
        shape = ContextShape(
            n_ctx=n_ctx * n_slots,
            n_sequences=n_slots,
            n_batch=max(min(CHAT_BATCH_ROWS, n_ctx * n_slots), n_slots),
            n_threads=_n_threads(spec),
            kv_type=spec["kv_type"],
            flash_attention=spec["flash_attention"],
        )
        self.facts = _facts(spec, header, model, n_ctx=n_ctx, n_slots=n_slots)
        self._model = model
        self._template = ChatTemplate(model, header.chat_template, templates)
        self._constraints = Constraints(model.vocabulary)
        context = Context(model, shape, log, adapters=_adapters(spec, model, log))
        context.warm_up()
        self._engine = Engine(model, context, n_slots=n_slots, n_ctx=n_ctx, max_queue=spec["max_queue"])
        templates.render("", {})  # the first question must not wait for that process to be up

    @property
    def has_work(self) -> bool:
        return self._engine.has_work

    def prepare(self, command: Command, ticket: Ticket) -> Start:
        if command["op"] != "generate":
            raise unsupported(command)
        options = checked_options(command["options"])
        is_chat = command["messages"] is not None or not command["raw"]
        rendered = self._rendered(command)
        self._check_length(len(rendered.tokens), options.num_ctx)
        request = Request(
            ticket=ticket,
            prompt=np.array(rendered.tokens, np.int32),
            options=options,
            stop=self._template.stop if is_chat else (),
            constraint=self._constraint(command, rendered) if command["grammar"] else None,
            splits_thinking=is_chat,
            starts_thinking=rendered.starts_thinking,
            counts_as_person_at=time.perf_counter() + IDLE_PATIENCE_S if command["priority"] == "idle" else None,
        )
        ticket.on_cancel = partial(self._engine.interrupt, request)
        return partial(self._start, request)

    def step(self) -> list[bytes]:
        return step_frames(self._engine.step())

    def _start(self, request: Request) -> list[bytes]:
        return step_frames(self._engine.submit(request))

    def _rendered(self, command: GenerateCommand) -> Rendered:
        prompt = command["prompt"] or ""
        if command["messages"] is None and command["raw"]:
            return Rendered(tokens=self._template.raw_tokens(prompt), starts_thinking=False)
        messages = [ChatMessage(role="user", content=prompt)]
        if command["messages"] is not None:
            messages = [
                ChatMessage(role=message["role"], content=message["content"]) for message in command["messages"]
            ]
        if not messages:
            raise InvalidRequest("there are no messages")
        if any(message.role not in ROLES for message in messages):
            raise InvalidRequest(f"the role of a message is one of {', '.join(ROLES)}")
        return self._template.tokens(messages, think=None if command["think"] is None else bool(command["think"]))

    def _constraint(self, command: GenerateCommand, rendered: Rendered) -> Constraint:
        is_chat = command["messages"] is not None or not command["raw"]
        return self._constraints.constraint(
            command["grammar"],
            starts_thinking=is_chat and rendered.starts_thinking,
            may_think=is_chat and command["think"] is not False,
        )

    def _check_length(self, n_tokens: int, num_ctx: int | None) -> None:
        n_ctx = min(self._engine.n_ctx, num_ctx or self._engine.n_ctx)
        if n_tokens == 0:
            raise InvalidRequest("the prompt is empty")
        if n_tokens >= n_ctx:
            raise InvalidRequest(f"the prompt has {n_tokens:,} tokens, but the context window holds {n_ctx:,}")


class LlamaEmbedder:
    """Embeds with llama.cpp: each text is one sequence of a batch, pooled by the model's own rule."""

    def __init__(self, model: Model, spec: WireSpec, header: GgufHeader, log: NativeLog) -> None:
        self.n_dims = model.n_dims
        self.max_tokens = min(spec["n_ctx"], model.n_ctx_train, MAX_TEXT_TOKENS)
        self._model = model
        rows = max(self.max_tokens, min(EMBED_BATCH_ROWS, model.n_ctx_train))
        shape = ContextShape(
            n_ctx=rows,
            n_sequences=EMBED_SEQUENCES,
            n_batch=rows,
            n_threads=_n_threads(spec),
            pooling=POOLING.get(header.pooling_type or "", POOLING["mean"]),
            flash_attention=spec["flash_attention"],
        )
        self._context = Context(model, shape, log, adapters=_adapters(spec, model, log))
        self._context.warm_up()
        self._rows_per_step = min(rows, EMBED_BATCH_ROWS)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._tokens(text) for text in texts]

    def shortened(self, tokens: list[int]) -> list[int]:
        return tokens[: self.max_tokens - 1] + tokens[-1:]

    def fitting(self, texts: Sequence[Sequence[int]]) -> int:
        n_rows = 0
        for index, tokens in enumerate(texts[:EMBED_SEQUENCES]):
            n_rows += len(tokens)
            if index and n_rows > self._rows_per_step:
                return index
        return min(len(texts), EMBED_SEQUENCES)

    def embed(self, texts: Sequence[Sequence[int]]) -> Vectors:
        batch = self._context.batch
        batch.clear()
        self._context.forget_all()
        for sequence, tokens in enumerate(texts):
            batch.add(sequence, 0, np.array(tokens, np.int32), output_last=True)
        self._context.decode()
        return np.stack([self._context.pooled_embedding(sequence) for sequence in range(len(texts))])

    def _tokens(self, text: str) -> list[int]:
        tokens = self._model.tokenize(text, parse_special=False, add_special=True)
        return tokens or [max(self._model.eos, self._model.bos, 0)]


def _model(spec: WireSpec, log: NativeLog) -> Model:
    return Model(spec["model"], Path(spec["path"]), log, n_gpu_layers=spec["n_gpu_layers"])


def _adapters(spec: WireSpec, model: Model, log: NativeLog) -> Adapters | None:
    return Adapters(model, [Path(path) for path in spec["adapters"]], log) if spec["adapters"] else None


def _facts(spec: WireSpec, header: GgufHeader, model: Model, *, n_ctx: int, n_slots: int) -> WireFacts:
    return WireFacts(
        architecture=header.architecture,
        n_ctx=n_ctx,
        n_ctx_train=model.n_ctx_train,
        n_slots=n_slots,
        n_params=model.n_params,
        size_bytes=model.size_bytes,
        n_vocab=model.n_vocab,
        n_dims=model.n_dims,
        has_chat_template=header.chat_template is not None,
        is_embedding=False,
        max_text_tokens=0,
    )


def _n_threads(spec: WireSpec) -> int:
    return spec["n_threads"] or len(os.sched_getaffinity(0))
