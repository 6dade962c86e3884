"""OpenAI's wire shapes, and how they become our types. No I/O.

Source: https://platform.openai.com/docs/api-reference/chat/streaming, and what compatible servers make of it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict

import orjson

from inference.dialects.deltas import DeltaGatherer
from inference.dialects.errors import MalformedStream
from inference.dialects.ndjson import JsonObject, parse_object
from inference.dialects.sse import SseDecoder, SseEvent
from inference.dialects.tool_calls import ToolCallAssembler, tool_body, with_ids
from inference.dialects.values import count, detail_of, items, mapping, text
from inference.errors import InferenceError, UpstreamRefused
from inference.types import (
    ChatEvent,
    ChatMessage,
    ChatRequest,
    Finished,
    FinishReason,
    Options,
    ResponseFormat,
    ToolCall,
    Usage,
)

END = b"[DONE]"
IMAGE_KINDS = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"GIF8", "image/gif"))
EMBEDDING_WORDS = ("embed", "bge-", "minilm", "e5-")


class FunctionBody(TypedDict):
    """`arguments` are JSON in a string."""

    name: str
    arguments: str


class ToolCallBody(TypedDict):
    id: str
    type: str
    function: FunctionBody


class MessageBody(TypedDict):
    """`content` is text, or a list of texts and images."""

    role: str
    content: str | list[dict[str, object]]
    tool_calls: NotRequired[list[ToolCallBody]]
    tool_call_id: NotRequired[str]


class StreamOptions(TypedDict):
    include_usage: bool


class ChatBody(TypedDict):
    model: str
    messages: list[MessageBody]
    stream: bool
    stream_options: NotRequired[StreamOptions]
    temperature: NotRequired[float]
    top_p: NotRequired[float]
    presence_penalty: NotRequired[float]
    frequency_penalty: NotRequired[float]
    seed: NotRequired[int]
    stop: NotRequired[list[str]]
    max_tokens: NotRequired[int]
    tools: NotRequired[list[dict[str, object]]]
    response_format: NotRequired[dict[str, object]]
    reasoning_effort: NotRequired[str]


class EmbedBody(TypedDict):
    model: str
    input: list[str]
    encoding_format: str


class ListedModel(TypedDict):
    name: str
    is_embedding: bool
    context_length: int | None


def chat_body(request: ChatRequest, name: str, *, wants_usage: bool = True) -> ChatBody:
    """Return the body of `/chat/completions`; options that only Ollama knows are left out."""
    body = ChatBody(
        model=name,
        messages=[_message_body(message) for message in with_ids(request.messages)],
        stream=True,
    )
    if wants_usage:
        body["stream_options"] = StreamOptions(include_usage=True)
    _add_options(body, request.options)
    if request.tools:
        body["tools"] = [tool_body(tool) for tool in request.tools]
    if request.format is not None:
        body["response_format"] = _response_format(request.format)
    # Only models that reason take this, and they have no word for a plain yes or no.
    if isinstance(request.think, str):
        body["reasoning_effort"] = request.think
    return body


def _message_body(message: ChatMessage) -> MessageBody:
    body = MessageBody(role=message.role, content=message.content)
    if message.images:
        text_parts: list[dict[str, object]] = [{"type": "text", "text": message.content}] if message.content else []
        body["content"] = text_parts + [_image_part(image) for image in message.images]
    if message.tool_calls:
        body["tool_calls"] = [_call_body(call) for call in message.tool_calls]
    if message.role == "tool":
        body["tool_call_id"] = message.tool_call_id
    return body


def _image_part(image: bytes) -> dict[str, object]:
    kind = next((kind for start, kind in IMAGE_KINDS if image.startswith(start)), "image/webp")
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{b64encode(image).decode()}"}}


def _call_body(call: ToolCall) -> ToolCallBody:
    arguments = orjson.dumps(dict(call.arguments)).decode()
    return ToolCallBody(id=call.id, type="function", function=FunctionBody(name=call.name, arguments=arguments))


def _response_format(wished: ResponseFormat) -> dict[str, object]:
    if wished == "json":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wished}}


def _add_options(body: ChatBody, options: Options) -> None:
    for key in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
        if key in options:
            body[key] = options[key]
    if "seed" in options:
        body["seed"] = options["seed"]
    if options.get("stop"):
        body["stop"] = options["stop"]
    # Below zero means "until the model stops", which is what a missing limit says.
    if options.get("num_predict", -1) > 0:
        body["max_tokens"] = options["num_predict"]


def embed_body(name: str, texts: Sequence[str]) -> EmbedBody:
    return EmbedBody(model=name, input=list(texts), encoding_format="float")


def embeddings(body: JsonObject) -> list[object]:
    """Return the rows of an answer in the order of the texts: that of the list is not promised, the index is."""
    rows = sorted(map(mapping, items(body.get("data"))), key=lambda row: count(row.get("index")) or 0)
    return [row.get("embedding") for row in rows]


class OpenAIChatDecoder:
    """Turns the bytes of one chat stream into events.

    `error` is set when the stream told of one or stopped making sense; the events before it still count.
    The end comes with `[DONE]`, or with the end of the bytes when a reason to finish was given before.
    """

    def __init__(self) -> None:
        self.error: InferenceError | MalformedStream | None = None
        self.is_finished = False
        self._sse = SseDecoder()
        self._deltas = DeltaGatherer()
        self._calls = ToolCallAssembler()
        self._reason: FinishReason | None = None
        self._usage = Usage()

    def feed(self, data: bytes) -> list[ChatEvent]:
        """Return the events that `data` completes; all its text is one delta."""
        return self._decode(self._sse.feed(data))

    def finish(self) -> list[ChatEvent]:
        events = self._decode(self._sse.finish())
        if not self.is_finished and not self.error and self._reason:
            events += self._end()
        return events

    def _decode(self, sse_events: Iterable[SseEvent]) -> list[ChatEvent]:
        events: list[ChatEvent] = []
        try:
            for event in sse_events:
                if self.is_finished or self.error:
                    break
                events += self._take(event)
        except MalformedStream as exc:
            self.error = self.error or exc
        if not self.is_finished:
            events += self._deltas.take()
        return events

    def _take(self, event: SseEvent) -> list[ChatEvent]:
        if event.data.strip() == END:
            return self._end()
        # Other names are control events of some other product; empty data keeps the connection alive.
        if event.name not in ("message", "error") or not event.data.strip():
            return []
        values = parse_object(event.data)
        if event.name == "error" or values.get("error"):
            self.error = UpstreamRefused(200, detail_of(values.get("error")) or detail_of(values))
            return []
        if values.get("usage"):
            self._usage = usage(mapping(values["usage"]))
        for choice in map(mapping, items(values.get("choices"))[:1]):
            self._take_choice(choice)
        return []

    def _take_choice(self, choice: JsonObject) -> None:
        delta = mapping(choice.get("delta"))
        thinking = text(delta.get("reasoning_content")) or text(delta.get("reasoning"))
        self._deltas.add(text(delta.get("content")), thinking)
        self._calls.feed(delta.get("tool_calls"))
        if choice.get("finish_reason"):
            self._reason = "length" if choice["finish_reason"] == "length" else "stop"
            self._deltas.add_calls(self._calls.finish(is_cut=self._reason == "length"))

    def _end(self) -> list[ChatEvent]:
        self._deltas.add_calls(self._calls.finish(is_cut=True))
        self._deltas.finish()
        self.is_finished = True
        reason = self._reason or "stop"
        if self._deltas.has_calls and reason == "stop":
            reason = "tool_calls"
        return [*self._deltas.take(), Finished(reason=reason, usage=self._usage)]


def usage(values: JsonObject) -> Usage:
    return Usage(prompt_tokens=count(values.get("prompt_tokens")), answer_tokens=count(values.get("completion_tokens")))


def listed_models(body: JsonObject) -> list[ListedModel]:
    """Return the entries of `/models`. Raises MalformedStream when the body holds no such list."""
    if not isinstance(body.get("data"), list):
        raise MalformedStream("no list of models")
    models = []
    for entry in map(mapping, body["data"]):
        name = text(entry.get("id"))
        models.append(
            ListedModel(
                name=name,
                # The protocol does not say what a model is for; its name usually does.
                is_embedding=any(word in name.lower() for word in EMBEDDING_WORDS),
                # vLLM says the first, OpenRouter the second.
                context_length=count(entry.get("max_model_len")) or count(entry.get("context_length")) or None,
            )
        )
    return [model for model in models if model["name"]]
