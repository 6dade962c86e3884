"""The frames between a model server and its runner process: JSON with an optional block of raw bytes. No I/O.

A frame is the length of the rest (u32), the length of the JSON (u32), the JSON, and the raw bytes, which carry
embeddings or images. Both ends are our own code of the same version, so unknown frames are programming mistakes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

import orjson

from inference.runner.types import KvType, TokenProbability
from inference.types import Options, Priority, ResponseFormat, Role, Think

HEAD = struct.Struct("<II")
MAX_FRAME_BYTES = 256 * 1024 * 1024


class WireSpec(TypedDict):
    kind: Literal["llama", "onnx"]
    model: str
    path: str
    n_ctx: int
    n_slots: int
    n_threads: int | None
    embedding: bool
    max_queue: int
    projector: str | None
    adapters: list[str]
    n_batch: int | None
    n_gpu_layers: int | None
    main_gpu: int | None
    maps_file: bool
    kv_type: KvType
    flash_attention: bool | None
    parked_folder: str | None
    parked_bytes: int
    template: str


class LoadCommand(TypedDict):
    """The first frame that a process gets."""

    op: Literal["load"]
    spec: WireSpec


class WireTool(TypedDict):
    name: str
    description: str
    parameters: Mapping[str, object]


class WireToolCall(TypedDict):
    name: str
    arguments: Mapping[str, object]
    id: str


class WireMessage(TypedDict):
    """`image_bytes` are the lengths of the message's images, which lie one after the other in the frame's raw bytes."""

    role: Role
    content: str
    thinking: str
    image_bytes: list[int]
    tool_calls: list[WireToolCall]
    tool_name: str
    tool_call_id: str


class GenerateCommand(TypedDict):
    """The fields of `GenerateRequest`; the frame's raw bytes are the images of all messages."""

    op: Literal["generate"]
    id: int
    messages: list[WireMessage] | None
    prompt: str | None
    raw: bool
    suffix: str
    context: list[int]
    wants_context: bool
    options: Options
    think: Think | None
    tools: list[WireTool]
    template: str
    must_call_tool: bool
    format: ResponseFormat | None
    grammar: str
    top_logprobs: int | None
    truncate: bool
    shift: bool
    asked_by: str
    priority: Priority


class EmbedCommand(TypedDict):
    op: Literal["embed"]
    id: int
    texts: list[str]
    truncate: bool


class RankCommand(TypedDict):
    op: Literal["rank"]
    id: int
    query: str
    documents: list[str]
    truncate: bool


class CancelCommand(TypedDict):
    """Nobody waits for this request any more. Also sent after its end, so that the process can forget it."""

    op: Literal["cancel"]
    id: int


class PauseCommand(TypedDict):
    """Whoever asked does not keep up: write no more of this answer until it is resumed or cancelled."""

    op: Literal["pause"]
    id: int


class ResumeCommand(TypedDict):
    op: Literal["resume"]
    id: int


class StopCommand(TypedDict):
    """End by yourself, after keeping what is worth it."""

    op: Literal["stop"]


Command = (
    LoadCommand
    | GenerateCommand
    | EmbedCommand
    | RankCommand
    | CancelCommand
    | PauseCommand
    | ResumeCommand
    | StopCommand
)


class WireFacts(TypedDict):
    architecture: str
    n_ctx: int
    n_ctx_train: int
    n_slots: int
    n_params: int
    size_bytes: int
    n_vocab: int
    n_dims: int
    has_chat_template: bool
    is_embedding: bool
    max_text_tokens: int
    card_bytes: int


class ReadyReply(TypedDict):
    type: Literal["ready"]
    facts: WireFacts


LoadFailure = Literal["file", "memory", "other"]


class LoadFailedReply(TypedDict):
    type: Literal["load_failed"]
    cause: LoadFailure
    detail: str


class WireFinish(TypedDict):
    reason: Literal["stop", "length"]
    prompt_tokens: int
    answer_tokens: int
    prompt_s: float
    answer_s: float
    cached_tokens: int
    dropped_messages: int
    shifted_tokens: int
    context: list[int]
    queued_s: float
    token_s_p50: float
    token_s_p95: float


class WireError(TypedDict):
    kind: Literal["invalid_request", "queue_full"]
    detail: str


class WireProbability(TypedDict):
    """A `TokenProbability`; the bytes of its piece are the code points of a text."""

    piece: str
    logprob: float
    top: list[WireProbability]


class WireEvent(TypedDict):
    """What one step means for one request; only the keys that apply are there."""

    id: int
    position: NotRequired[int]
    expected_s: NotRequired[float]
    content: NotRequired[str]
    thinking: NotRequired[str]
    logprobs: NotRequired[list[WireProbability]]
    tool_calls: NotRequired[list[WireToolCall]]
    finish: NotRequired[WireFinish]
    error: NotRequired[WireError]


class StepReply(TypedDict):
    type: Literal["step"]
    events: list[WireEvent]


class EmbeddedReply(TypedDict):
    """The frame's raw bytes are the vectors, float32, row after row."""

    type: Literal["embedded"]
    id: int
    n_dims: int
    n_tokens: int


class RankedReply(TypedDict):
    """The frame's raw bytes are the scores, float32."""

    type: Literal["ranked"]
    id: int
    n_tokens: int
    n_shortened: int


Reply = ReadyReply | LoadFailedReply | StepReply | EmbeddedReply | RankedReply


class BadFrame(RuntimeError):
    """The other side does not speak this protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    json: bytes
    raw: bytes

    def command(self) -> Command:
        command: Command = orjson.loads(self.json)
        return command

    def reply(self) -> Reply:
        reply: Reply = orjson.loads(self.json)
        return reply


def wire_probability(probability: TokenProbability) -> WireProbability:
    return WireProbability(
        piece=probability.piece.decode("latin-1"),
        logprob=probability.logprob,
        top=[wire_probability(other) for other in probability.top],
    )


def token_probability(wire: WireProbability) -> TokenProbability:
    return TokenProbability(
        piece=wire["piece"].encode("latin-1"),
        logprob=wire["logprob"],
        top=[token_probability(other) for other in wire["top"]],
    )


def encode_frame(value: Mapping[str, object], raw: bytes = b"") -> bytes:
    # Text from outside may hold lone surrogates, which JSON cannot carry.
    try:
        body = orjson.dumps(value)
    except (TypeError, ValueError):
        body = orjson.dumps(_without_surrogates(value))
    return HEAD.pack(HEAD.size - 4 + len(body) + len(raw), len(body)) + body + raw


class FrameDecoder:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that these bytes complete."""
        self._buffer += data
        frames: list[Frame] = []
        start = 0
        while (end := self._frame_end(start)) is not None:
            n_json = HEAD.unpack_from(self._buffer, start)[1]
            body = start + HEAD.size
            frames.append(Frame(bytes(self._buffer[body : body + n_json]), bytes(self._buffer[body + n_json : end])))
            start = end
        del self._buffer[:start]
        return frames

    def _frame_end(self, start: int) -> int | None:
        if len(self._buffer) - start < HEAD.size:
            return None
        n_rest, n_json = HEAD.unpack_from(self._buffer, start)
        if not 4 + n_json <= n_rest <= MAX_FRAME_BYTES:
            raise BadFrame(f"a frame of {n_rest} bytes with {n_json} bytes of JSON")
        end = start + 4 + int(n_rest)
        return end if end <= len(self._buffer) else None


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {key: _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value
