"""Load a GGUF file as what it is: a chat model, an embedding model or a reranker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import InvalidRequest, ModelLoadFailed
from inference.library.chat_templates import DEFAULT, chat_templates
from inference.library.gguf import read_header
from inference.library.projectors import check_projector
from inference.runner.answers import AnswerShape
from inference.runner.attention import attention
from inference.runner.constraint import Constraint, Constraints, free_start_of
from inference.runner.engine import Engine
from inference.runner.flat_schema import as_json
from inference.runner.forced_calls import call_grammar, call_key
from inference.runner.grammar import Grammar
from inference.runner.json_schema import format_grammar
from inference.runner.llama_embedding import EmbedderBesideChats, embedding_worker, ranking_worker
from inference.runner.llama_loading import LoadedModel, load_model
from inference.runner.native import ContextShape, Tokens
from inference.runner.options import GenerationOptions, checked_options
from inference.runner.protocol import Command, GenerateCommand, WireSpec
from inference.runner.questions import messages_of, tools_of
from inference.runner.rendering import TemplateProcess
from inference.runner.running import Request
from inference.runner.templates import ChatTemplate, Rendered
from inference.runner.trimming import trimmed
from inference.runner.types import CHAT_BATCH_ROWS, IDLE_PATIENCE_S, MOST_LOGPROBS
from inference.runner.worker import Start, Ticket, Worker, step_frames, unsupported
from inference.types import ChatMessage

if TYPE_CHECKING:
    from inference.runner.images import PlacedImage
    from inference.runner.vision import Vision


def load_llama(spec: WireSpec) -> Worker:
    """Load a GGUF file. Raises BadModelFile or ModelLoadFailed."""
    path = Path(spec["path"])
    header = read_header(path, check_vocabulary=True)
    if header.is_projector or header.is_adapter:
        raise ModelLoadFailed(spec["model"], "the file is a part that belongs to another model")
    if header.is_reranker:
        return ranking_worker(load_model(spec, header))
    if spec["embedding"]:
        return embedding_worker(load_model(spec, header))
    if header.is_embedding:
        raise ModelLoadFailed(spec["model"], "the file is an embedding model, which cannot chat")
    templates = TemplateProcess()
    templates.start()  # it gets ready while the weights are read
    return ChatWorker(load_model(spec, header), templates)


class ChatWorker:
    """A chat model at work."""

    def __init__(self, loaded: LoadedModel, templates: TemplateProcess) -> None:
        spec, model = loaded.spec, loaded.model
        if model.has_encoder:
            raise ModelLoadFailed(spec["model"], "models with an encoder and a decoder are not supported")
        n_ctx = min(spec["n_ctx"], model.n_ctx_train)
        n_slots = spec["n_slots"]
        self._vision = _vision(loaded)
        way = attention(
            spec["flash_attention"],
            spec["kv_type"],
            n_ctx,
            on_cards=loaded.is_on_cards,
            sees_whole=self._vision is not None and self._vision.projector.sees_whole,
        )
        shape = ContextShape(
            n_ctx=n_ctx * n_slots,
            n_sequences=n_slots,
            n_batch=max(min(spec["n_batch"] or CHAT_BATCH_ROWS, n_ctx * n_slots), n_slots),
            n_threads=loaded.n_threads,
            is_divided=True,
            kv_type=spec["kv_type"],
            attention=way,
        )
        self._model = model
        tokenizer = self._vision.tokenizer if self._vision is not None else model
        variants = chat_templates(loaded.header)
        self._template = ChatTemplate(
            tokenizer, variants.get(DEFAULT), templates, variants=variants, own=spec["template"]
        )
        model.show_marks(self._template.answer_marks)
        self._constraints = Constraints(model.vocabulary)
        self._embedding = EmbedderBesideChats(loaded)
        context = loaded.context(shape)
        context.warm_up()
        self.facts = loaded.facts(n_ctx=n_ctx, n_slots=n_slots)
        self._engine = Engine(
            model,
            context,
            n_slots=n_slots,
            n_ctx=n_ctx,
            max_queue=spec["max_queue"],
            reader=self._vision.reader(context) if self._vision is not None else None,
            parked=loaded.parked_prefixes(way),
        )
        templates.render("", {})  # the first question must not wait for that process to be up

    @property
    def has_work(self) -> bool:
        return self._engine.has_work or self._embedding.has_work

    def prepare(self, command: Command, ticket: Ticket) -> Start:
        if command["op"] == "embed":
            return self._embedding.prepare(command, ticket)
        if command["op"] != "generate":
            raise unsupported(command)
        options = checked_options(command["options"])
        messages = self._shown(messages_of(command, ticket.raw))
        rendered, n_dropped = self._fitting(command, messages, options)
        prompt = np.array(rendered.tokens, np.int32)
        images = self._placed(prompt, n_dropped)
        request = Request(
            ticket=ticket,
            prompt=prompt,
            images=images,
            options=options,
            stop=() if rendered.answer.is_raw else self._template.stop,
            constraint=self._constraint(command, rendered),
            answer=rendered.answer,
            shift=command["shift"] and not images,
            wants_context=command["wants_context"] and not images,
            dropped_messages=n_dropped,
            top_logprobs=_checked_top(command["top_logprobs"]),
            counts_as_person_at=time.perf_counter() + IDLE_PATIENCE_S if command["priority"] == "idle" else None,
        )
        ticket.on_cancel = partial(self._engine.interrupt, request)
        return partial(self._start, request)

    def step(self) -> list[bytes]:
        return [*step_frames(self._engine.step()), *self._embedding.step()]

    def park(self) -> None:
        self._engine.park()

    def _start(self, request: Request) -> list[bytes]:
        return step_frames(self._engine.submit(request))

    def _fitting(
        self, command: GenerateCommand, messages: Sequence[ChatMessage], options: GenerationOptions
    ) -> tuple[Rendered, int]:
        """Return the prompt, and how many of its messages were left out so that it fits. Raises InvalidRequest."""
        n_ctx = min(self._engine.n_ctx, options.num_ctx or self._engine.n_ctx)
        rendered = self._rendered(command, messages)
        n_tokens = len(rendered.tokens)
        if n_tokens == 0:
            raise InvalidRequest("the prompt is empty")
        if n_tokens < n_ctx:
            return rendered, 0
        if command["truncate"] and command["messages"] is not None:
            # A prompt that fills the window to its end would leave no room for an answer.
            room = n_ctx // 4 if options.num_predict <= 0 else min(options.num_predict, n_ctx // 4)
            for most_tokens in (n_ctx - room, n_ctx - 1):
                found = trimmed(messages, partial(self._rendered, command), partial(_has_at_most, n_tokens=most_tokens))
                if found is not None:
                    return found
        raise InvalidRequest(f"the prompt has {n_tokens:,} tokens, but the context window holds {n_ctx:,}")

    def _rendered(self, command: GenerateCommand, messages: Sequence[ChatMessage]) -> Rendered:
        if command["suffix"]:
            tokens = self._gap(command)
            return Rendered(tokens=tokens, answer=AnswerShape(is_raw=True))
        if command["messages"] is None and command["raw"]:
            tokens = self._template.raw_tokens(command["prompt"] or "")
            return Rendered(tokens=tokens, answer=AnswerShape(is_raw=True))
        rendered = self._template.tokens(
            messages, think=command["think"], tools=tools_of(command), own=command["template"]
        )
        return replace(rendered, tokens=self._continued(command["context"], rendered.tokens))

    def _gap(self, command: GenerateCommand) -> list[int]:
        """Return the prompt that asks for what stands between two texts.

        The template's own words come first, as in Ollama, then the tokens that the model has for it.

        Raises InvalidRequest.
        """
        before, after = command["prompt"] or "", command["suffix"]
        if not command["raw"]:
            tokens = self._template.gap_tokens(before, after, own=command["template"])
            if tokens is not None:
                return tokens
        prefix, suffix, middle = self._model.fill_in
        if min(self._model.fill_in) < 0:
            raise InvalidRequest(f'"{self._model.name}" does not support insert')
        texts = [self._model.tokenize(text, parse_special=False) for text in (before, after)]
        start = [self._model.bos] if self._model.adds_bos else []
        return [*start, prefix, *texts[0], suffix, *texts[1], middle]

    def _continued(self, context: Sequence[int], tokens: list[int]) -> list[int]:
        """Put the tokens of an earlier answer before a prompt. Raises InvalidRequest when they are not the model's."""
        if not context:
            return tokens
        if not all(0 <= token < self._model.n_vocab for token in context):
            raise InvalidRequest("the context holds tokens that this model does not have")
        return [*context, *(tokens[1:] if tokens[:1] == [self._model.bos] else tokens)]

    def _shown(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        if self._vision is not None:
            return self._vision.show(messages)
        if any(message.images for message in messages):
            raise InvalidRequest("this model does not support image input")
        return messages

    def _placed(self, prompt: Tokens, n_dropped: int) -> Sequence[PlacedImage]:
        return self._vision.placed(prompt, n_dropped=n_dropped) if self._vision is not None else ()

    def _constraint(self, command: GenerateCommand, rendered: Rendered) -> Constraint | None:
        text, wanted = command["grammar"], command["format"]
        if command["must_call_tool"] + bool(text) + (wanted is not None) > 1:
            raise InvalidRequest("an answer follows either a format or a grammar, or is the call of a tool")
        if command["must_call_tool"]:
            return self._call_constraint(command, rendered.answer)
        if not text and wanted is None:
            return None
        return self._constraints.following(
            text or as_json(wanted),
            lambda: Grammar(text) if wanted is None else format_grammar(wanted),
            free_start_of(rendered.answer, may_think=command["think"] is not False),
        )

    def _call_constraint(self, command: GenerateCommand, answer: AnswerShape) -> Constraint:
        free = None if answer.has_channels else free_start_of(answer, may_think=command["think"] is not False)
        return self._constraints.following(call_key(answer), partial(call_grammar, answer), free)


def _has_at_most(prompt: Rendered, *, n_tokens: int) -> bool:
    return len(prompt.tokens) <= n_tokens


def _checked_top(top_logprobs: int | None) -> int | None:
    if top_logprobs is not None and not 0 <= top_logprobs <= MOST_LOGPROBS:
        raise InvalidRequest(f"top_logprobs must be between 0 and {MOST_LOGPROBS}")
    return top_logprobs


def _vision(loaded: LoadedModel) -> Vision | None:
    if loaded.spec["projector"] is None:
        return None
    check_projector(loaded.spec["model"], Path(loaded.spec["projector"]))
    from inference.runner.vision import Vision  # brings a native library of its own

    return Vision(loaded, Path(loaded.spec["projector"]))
