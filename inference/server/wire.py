"""The lines and objects that leave the server, with Ollama's field names. Durations are nanoseconds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypedDict

import orjson

from inference.library.models import LibraryModel
from inference.runner.types import RunnerFinished
from inference.types import ToolCall

# Ollama's "for ever" is the largest duration Go knows: 2^63 nanoseconds.
_FOREVER = timedelta(days=106_751)

NDJSON = "application/x-ndjson"

Kind = Literal["chat", "generate"]


class Timings(TypedDict, total=False):
    total_duration: int
    load_duration: int
    prompt_eval_count: int
    prompt_eval_duration: int
    eval_count: int
    eval_duration: int


class Details(TypedDict):
    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str


def ndjson(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def timestamp(time_ns: int) -> str:
    """Return a moment as Go writes it: RFC 3339, UTC, nanoseconds."""
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:09d}Z"


def now() -> str:
    return timestamp(time.time_ns())


def text_line(
    kind: Kind, model: str, content: str, thinking: str, tool_calls: Sequence[ToolCall] = ()
) -> dict[str, Any]:
    """Return the line for a piece of the answer."""
    if kind == "generate":
        line: dict[str, Any] = {"model": model, "created_at": now(), "response": content}
        if thinking:
            line["thinking"] = thinking
        return line | {"done": False}
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if thinking:
        message["thinking"] = thinking
    if tool_calls:
        message["tool_calls"] = [_tool_call(call) for call in tool_calls]
    return {"model": model, "created_at": now(), "message": message, "done": False}


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}


def last_line(kind: Kind, model: str, reason: str, timings: Timings | None = None) -> dict[str, Any]:
    """Return the line that ends an answer, and the only line of a load or unload."""
    line = text_line(kind, model, "", "")
    return line | {"done": True, "done_reason": reason} | (timings or {})


def timings(finished: RunnerFinished, *, total_s: float, load_s: float) -> Timings:
    return {
        "total_duration": nanoseconds(total_s),
        "load_duration": nanoseconds(load_s),
        "prompt_eval_count": finished.prompt_tokens,
        "prompt_eval_duration": nanoseconds(finished.prompt_s),
        "eval_count": finished.answer_tokens,
        "eval_duration": nanoseconds(finished.answer_s),
    }


def nanoseconds(seconds: float) -> int:
    return max(0, round(seconds * 1_000_000_000))


def details(model: LibraryModel) -> Details:
    return {
        "parent_model": model.baked.parent,
        "format": "gguf" if model.kind == "llama" else "onnx",
        "family": model.family,
        "families": [model.family, "clip"] if model.projector is not None else [model.family],
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization,
    }


def listed_model(model: LibraryModel) -> dict[str, Any]:
    """Return a model's entry in `/api/tags`."""
    return {
        "name": model.name.short,
        "model": model.name.short,
        "modified_at": timestamp(model.modified_ns),
        "size": model.size_bytes,
        "digest": model.digest,
        "details": details(model),
    }


def expiry(seconds_left: float | None) -> str:
    """Return the moment a loaded model expires; None is never."""
    left = _FOREVER if seconds_left is None else timedelta(seconds=max(0.0, seconds_left))
    return (datetime.now(UTC) + left).isoformat().replace("+00:00", "Z")
