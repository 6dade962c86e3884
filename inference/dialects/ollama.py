"""Ollama's wire shapes, and how they become our types. No I/O.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md and its api/types.go.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import NotRequired, TypedDict

from inference.dialects.deltas import DeltaGatherer
from inference.dialects.errors import MalformedStream
from inference.dialects.ndjson import JsonObject, NdjsonDecoder
from inference.dialects.tool_calls import tool_body, whole_calls
from inference.dialects.values import count, detail_of, items, mapping, moment, seconds, size, text
from inference.errors import InferenceError, UpstreamRefused
from inference.types import (
    Capability,
    ChatEvent,
    ChatMessage,
    ChatRequest,
    Finished,
    FinishReason,
    FoundStore,
    LoadedModel,
    ModelCard,
    Options,
    Progress,
    PullProgress,
    ResponseFormat,
    Think,
    ToolCall,
    UnusableFile,
    Usage,
)

CAPABILITIES: frozenset[Capability] = frozenset({"completion", "embedding", "reranking", "vision", "tools", "thinking"})
REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length", "load": "load", "unload": "unload"}
PROGRESS_KEY = "hearth"
"""The key under which our own server tells why no text comes yet; no other upstream is asked for it."""


N_ITEMS_SHOWN = 5

ERROR_STATUS = {"invalid_request": 400, "not_supported": 400, "queue_full": 503, "shutting_down": 503}
"""The status that our own server's error would have had, if the stream had not begun with 200 before it."""


class FunctionBody(TypedDict):
    name: str
    arguments: Mapping[str, object]


class ToolCallBody(TypedDict):
    id: NotRequired[str]
    function: FunctionBody


class MessageBody(TypedDict):
    """`images` are files in base64."""

    role: str
    content: str
    images: NotRequired[list[str]]
    thinking: NotRequired[str]
    tool_calls: NotRequired[list[ToolCallBody]]
    tool_name: NotRequired[str]
    tool_call_id: NotRequired[str]


class ChatBody(TypedDict):
    model: str
    messages: list[MessageBody]
    stream: bool
    options: Options
    keep_alive: NotRequired[str]
    think: NotRequired[Think]
    format: NotRequired[ResponseFormat]
    tools: NotRequired[list[dict[str, object]]]


class GenerateBody(TypedDict):
    model: str
    stream: bool
    keep_alive: NotRequired[str | int]
    options: NotRequired[Options]


class EmbedBody(TypedDict):
    model: str
    input: list[str]
    truncate: bool


class ModelDetails(TypedDict):
    """What one entry of `/api/tags` says about a model."""

    name: str
    digest: str | None
    size_bytes: int | None
    modified_at: object
    family: str | None
    parameter_size: str | None
    quantization: str | None


class ShownModel(TypedDict):
    """What `/api/show` adds to it."""

    capabilities: frozenset[Capability]
    context_length: int | None


def chat_body(request: ChatRequest, name: str, *, num_ctx: int | None) -> ChatBody:
    """Return the body of `/api/chat`.

    Args:
        num_ctx: The context window to ask for when the request names none. Ollama's own default is small
            and cuts longer prompts without a word.
    """
    options = Options(**request.options)
    if num_ctx is not None:
        options.setdefault("num_ctx", num_ctx)
    body = ChatBody(
        model=name,
        messages=[_message_body(message) for message in request.messages],
        stream=True,
        options=options,
    )
    if request.keep_alive_s is not None:
        body["keep_alive"] = _duration(request.keep_alive_s)
    if request.think is not None:
        body["think"] = request.think
    if request.format is not None:
        body["format"] = request.format
    if request.tools:
        body["tools"] = [tool_body(tool) for tool in request.tools]
    return body


def _message_body(message: ChatMessage) -> MessageBody:
    body = MessageBody(role=message.role, content=message.content)
    if message.images:
        body["images"] = [b64encode(image).decode() for image in message.images]
    if message.thinking:
        body["thinking"] = message.thinking
    if message.tool_calls:
        body["tool_calls"] = [_call_body(call) for call in message.tool_calls]
    if message.tool_name:
        body["tool_name"] = message.tool_name
    if message.tool_call_id:
        body["tool_call_id"] = message.tool_call_id
    return body


def _call_body(call: ToolCall) -> ToolCallBody:
    body = ToolCallBody(function=FunctionBody(name=call.name, arguments=call.arguments))
    if call.id:
        body["id"] = call.id
    return body


def _duration(seconds: float) -> str:
    """Return seconds as Go reads them, which knows no exponent; what is negative stands for ever."""
    return f"{f'{seconds:.3f}'.rstrip('0').rstrip('.')}s" if isfinite(seconds) else "-1s"


def load_body(name: str, num_ctx: int | None = None) -> GenerateBody:
    if num_ctx is None:
        return GenerateBody(model=name, stream=False)
    return GenerateBody(model=name, stream=False, options=Options(num_ctx=num_ctx))


def unload_body(name: str) -> GenerateBody:
    return GenerateBody(model=name, stream=False, keep_alive=0)


def embed_body(name: str, texts: Sequence[str]) -> EmbedBody:
    return EmbedBody(model=name, input=list(texts), truncate=True)


class OllamaChatDecoder:
    """Turns the bytes of one `/api/chat` stream into events.

    `error` is set when the stream told of one or stopped making sense; the events before it still count.
    Nothing that follows it, or the end, is read.
    """

    def __init__(self, *, tells_progress: bool = False) -> None:
        self.error: InferenceError | MalformedStream | None = None
        self.is_finished = False
        self._tells_progress = tells_progress
        self._lines = NdjsonDecoder()
        self._deltas = DeltaGatherer()

    def feed(self, data: bytes) -> list[ChatEvent]:
        """Return the events that `data` completes; all its text is one delta."""
        return self._decode(self._lines.feed(data))

    def finish(self) -> list[ChatEvent]:
        return self._decode(self._lines.finish())

    def _decode(self, lines: Iterable[JsonObject]) -> list[ChatEvent]:
        events: list[ChatEvent] = []
        try:
            for line in lines:
                if self.is_finished or self.error:
                    break
                events += self._take_line(line)
        except MalformedStream as exc:
            self.error = self.error or exc
        if not self.is_finished:
            events += self._deltas.take()
        return events

    def _take_line(self, line: JsonObject) -> list[ChatEvent]:
        if "error" in line:
            self.error = UpstreamRefused(ERROR_STATUS.get(text(line.get("code")), 200), detail_of(line["error"]))
            return []
        message = mapping(line.get("message"))
        self._deltas.add(text(message.get("content")), text(message.get("thinking")))
        self._deltas.add_calls(whole_calls(message.get("tool_calls")))
        if line.get("done") is True:
            self._deltas.finish()
            self.is_finished = True
            return [*self._deltas.take(), finished(line, has_calls=self._deltas.has_calls)]
        if self._tells_progress and PROGRESS_KEY in line:
            return [*self._deltas.take(), *progress(mapping(line[PROGRESS_KEY]))]
        return []


def finished(line: JsonObject, *, has_calls: bool = False) -> Finished:
    """Return how an answer ended. Ollama says `stop` also where the model waits for the results of calls."""
    measures = mapping(line.get(PROGRESS_KEY))
    load_s = _seconds_or_none(measures.get("load_s"))
    usage = Usage(
        prompt_tokens=count(line.get("prompt_eval_count")),
        answer_tokens=count(line.get("eval_count")),
        cached_tokens=count(measures.get("cached_tokens")),
        total_s=seconds(line.get("total_duration")),
        load_s=seconds(line.get("load_duration")) if load_s is None else load_s,
        prompt_s=seconds(line.get("prompt_eval_duration")),
        answer_s=seconds(line.get("eval_duration")),
        queue_s=_seconds_or_none(measures.get("queue_s")),
        token_p50_s=_seconds_or_none(measures.get("token_s_p50")),
        token_p95_s=_seconds_or_none(measures.get("token_s_p95")),
    )
    reason = REASONS.get(text(line.get("done_reason")), "stop")
    return Finished(reason="tool_calls" if has_calls and reason == "stop" else reason, usage=usage)


def progress(values: JsonObject) -> list[Progress]:
    waited_s = _seconds_or_none(values.get("waited_s")) or 0.0
    expected_s = _seconds_or_none(values.get("expected_s"))
    match values.get("state"):
        case "queued":
            position = count(values.get("queue_position"))
            return [Progress(state="queued", queue_position=position, waited_s=waited_s, expected_s=expected_s)]
        case "loading":
            return [Progress(state="loading", waited_s=waited_s, expected_s=expected_s)]
    return []


def _seconds_or_none(value: object) -> float | None:
    return max(0.0, float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def listed_models(body: JsonObject) -> list[ModelDetails]:
    """Return the entries of `/api/tags`. Raises MalformedStream when the body holds no such list."""
    if not isinstance(body.get("models"), list):
        raise MalformedStream("no list of models")
    models = []
    for entry in map(mapping, body["models"]):
        details = mapping(entry.get("details"))
        models.append(
            ModelDetails(
                name=text(entry.get("model")) or text(entry.get("name")),
                digest=text(entry.get("digest")) or None,
                size_bytes=size(entry.get("size")),
                modified_at=moment(entry.get("modified_at")),
                family=text(details.get("family")) or None,
                parameter_size=text(details.get("parameter_size")) or None,
                quantization=text(details.get("quantization_level")) or None,
            )
        )
    return [model for model in models if model["name"]]


def shown_model(body: JsonObject) -> ShownModel:
    """Return what `/api/show` says. Old servers name no capabilities: then a model with a pooling layer embeds."""
    info = mapping(body.get("model_info"))
    architecture = text(info.get("general.architecture"))
    capabilities = frozenset(c for c in CAPABILITIES if c in items(body.get("capabilities")))
    guessed: Capability = "embedding" if f"{architecture}.pooling_type" in info else "completion"
    return ShownModel(
        capabilities=capabilities or frozenset({guessed}),
        context_length=count(info.get(f"{architecture}.context_length")) or None,
    )


def model_card(body: JsonObject) -> ModelCard:
    """Return what `/api/show` says, for people."""
    info, details = mapping(body.get("model_info")), mapping(body.get("details"))
    architecture = text(info.get("general.architecture")) or text(details.get("family"))
    return ModelCard(
        architecture=architecture,
        parameter_size=text(details.get("parameter_size")),
        quantization=text(details.get("quantization_level")),
        context_length=count(info.get(f"{architecture}.context_length")) or None,
        embedding_length=count(info.get(f"{architecture}.embedding_length")) or None,
        capabilities=tuple(filter(None, map(text, items(body.get("capabilities"))))),
        parameters=text(body.get("parameters")),
        system=text(body.get("system")),
        template=text(body.get("template")),
        license=text(body.get("license")),
        modelfile=text(body.get("modelfile")),
        metadata={key: _shortened(value) for key, value in sorted(info.items())},
        tensors=tuple(
            (text(tensor.get("name")), text(tensor.get("type")), _shortened(tensor.get("shape")))
            for tensor in map(mapping, items(body.get("tensors")))
        ),
    )


def _shortened(value: object) -> str:
    """Write a value of a header: the first of its items where there are many."""
    if not isinstance(value, list):
        return f"{value:g}" if isinstance(value, float) else str(value)
    more = f", ...+{len(value) - N_ITEMS_SHOWN} more" if len(value) > N_ITEMS_SHOWN else ""
    return f"[{', '.join(map(str, value[:N_ITEMS_SHOWN]))}{more}]"


def loaded_models(body: JsonObject) -> list[LoadedModel]:
    return [
        LoadedModel(
            name=text(entry.get("model")) or text(entry.get("name")),
            size_bytes=size(entry.get("size")) or 0,
            context_length=count(entry.get("context_length")) or None,
            expires_at=moment(entry.get("expires_at")),
            gpu_bytes=size(entry.get("size_vram")) or 0,
            digest=text(entry.get("digest")) or None,
        )
        for entry in map(mapping, items(body.get("models")))
    ]


def pull_progress(line: JsonObject) -> PullProgress:
    """Return one line of `/api/pull`; raises UpstreamRefused when it tells an error."""
    if "error" in line:
        raise UpstreamRefused(200, detail_of(line["error"]))
    return PullProgress(
        status=detail_of(line.get("status")),
        total_bytes=size(line.get("total")),
        completed_bytes=size(line.get("completed")),
    )


def unusable_files(body: JsonObject) -> list[UnusableFile]:
    """Return the `broken` ones of our own server's `/hearth/status`."""
    return [
        UnusableFile(path=text(entry.get("path")), problem=text(entry.get("error")))
        for entry in map(mapping, items(body.get("broken")))
        if entry.get("path")
    ]


def found_stores(body: JsonObject) -> list[FoundStore]:
    """Return the answer of our own server's `/hearth/stores`."""
    return [
        FoundStore(
            kind=entry["kind"],
            path=text(entry.get("path")),
            n_models=count(entry.get("n_models")) or 0,
            size_bytes=size(entry.get("size_bytes")) or 0,
        )
        for entry in map(mapping, items(body.get("stores")))
        if entry.get("kind") in ("ollama", "huggingface", "lmstudio") and entry.get("path")
    ]
