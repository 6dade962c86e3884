"""Start real runner processes and ask them, in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.runner.handle import GenerateRequest, RunnerFinished, RunnerHandle, RunnerSpec, TextDelta
from inference.types import ChatMessage, Options

START_TIMEOUT_S = 60.0


async def started(path: Path, **spec: Any) -> RunnerHandle:
    fields: dict[str, Any] = {"kind": "llama", "model": path.stem, "n_ctx": 512, "n_threads": 1} | spec
    return await RunnerHandle.start(RunnerSpec(path=path, **fields), timeout_s=START_TIMEOUT_S)


def question(text: str = "Hi!", *, images: Sequence[bytes] = (), **options: Any) -> GenerateRequest:
    """Return a question whose answer is the same each time, unless the options say otherwise."""
    message = ChatMessage(role="user", content=text, images=images)
    return GenerateRequest(messages=[message], options=Options(**{"temperature": 0, "num_predict": 16} | options))


async def answer(handle: RunnerHandle, request: GenerateRequest) -> tuple[str, RunnerFinished]:
    content = ""
    async for event in handle.generate(request):
        if isinstance(event, TextDelta):
            content += event.content
        elif isinstance(event, RunnerFinished):
            return content, event
    raise AssertionError("the generation ended without RunnerFinished")
