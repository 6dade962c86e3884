"""A runner without a process, obeying the interface of `RunnerHandle`; tests decide when things happen."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import numpy as np

from inference.errors import InferenceError, RunnerDied
from inference.library.gguf import GgufHeader
from inference.library.models import LibraryModel
from inference.library.names import ModelName
from inference.runner.mailbox import OnPause
from inference.runner.types import (
    Embedded,
    GenerateRequest,
    Ranked,
    RunnerEvent,
    RunnerFacts,
    RunnerFinished,
    RunnerSpec,
    TextDelta,
)
from inference.types import Capability

GIGABYTE = 10**9
_pids = itertools.count(1_000_000_000)  # No process has such a number.


def make_model(
    name: str = "tiny",
    *,
    capabilities: frozenset[Capability] = frozenset({"completion"}),
    size_bytes: int = GIGABYTE,
    context_length: int = 8192,
    digest: str = "d" * 64,
) -> LibraryModel:
    return LibraryModel(
        name=ModelName.parse(name),
        path=Path("/models") / f"{name.replace(':', '-')}.gguf",
        kind="llama",
        source="folder",
        size_bytes=size_bytes,
        digest=digest,
        modified_ns=1_700_000_000_123_456_789,
        header=make_header(context_length=context_length, size_bytes=size_bytes),
        capabilities=capabilities,
        family="qwen2",
        parameter_size="1.0B",
        quantization="Q4_K_M",
        context_length=context_length,
    )


def make_header(*, context_length: int = 8192, size_bytes: int = GIGABYTE) -> GgufHeader:
    """Return the header of a model whose cache takes 32 KiB a token."""
    return GgufHeader(
        version=3,
        architecture="qwen2",
        name="Tiny",
        kind="model",
        context_length=context_length,
        embedding_length=1024,
        block_count=32,
        head_counts=(16,),
        head_counts_kv=(4,),
        vocabulary_size=32_000,
        merge_count=0,
        quantization="Q4_K_M",
        parameter_count=10**9,
        chat_template="{{ messages }}",
        pooling_type=None,
        is_causal=True,
        tensor_count=1,
        alignment=32,
        size_bytes=size_bytes,
        metadata={"general.architecture": "qwen2", "qwen2.context_length": context_length},
    )


class FakeRunner:
    """Answers `deltas`, then finishes. `gate` holds it back before each event while it is not set."""

    def __init__(self, spec: RunnerSpec) -> None:
        self.spec = spec
        self.pid = next(_pids)
        self.is_alive = True
        self.is_stopped = False
        self.deltas: Sequence[str | TextDelta] = ("Hello", " there")
        self.error: InferenceError | None = None
        self.requests: list[GenerateRequest] = []
        self.embedded: list[Sequence[str]] = []
        self.n_active = 0
        self.n_cancelled = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.stop_gate = asyncio.Event()
        self.stop_gate.set()

    @property
    def rss_bytes(self) -> int:
        return 123_456_789

    @property
    def facts(self) -> RunnerFacts:
        return RunnerFacts(
            architecture="qwen2",
            n_ctx=self.spec.n_ctx,
            n_ctx_train=8192,
            n_slots=self.spec.n_slots,
            n_params=10**9,
            size_bytes=GIGABYTE,
            n_vocab=32_000,
            n_dims=4,
            has_chat_template=True,
            is_embedding=self.spec.embedding,
        )

    async def generate(
        self, request: GenerateRequest, *, on_pause: OnPause | None = None
    ) -> AsyncGenerator[RunnerEvent, None]:
        self.requests.append(request)
        self.n_active += 1
        try:
            for delta in self.deltas:
                await asyncio.sleep(0)
                await self.gate.wait()
                if not self.is_alive:
                    raise RunnerDied(self.spec.model, -9)
                yield TextDelta(content=delta) if isinstance(delta, str) else delta
            if self.error is not None:
                raise self.error
            yield RunnerFinished(
                reason="stop", prompt_tokens=7, answer_tokens=len(self.deltas), prompt_s=0.25, answer_s=0.5
            )
        except (asyncio.CancelledError, GeneratorExit):
            self.n_cancelled += 1
            raise
        finally:
            self.n_active -= 1

    async def embed(self, texts: Sequence[str], *, truncate: bool = True) -> Embedded:
        self.n_active += 1
        try:
            await self.gate.wait()
        finally:
            self.n_active -= 1
        self.embedded.append(texts)
        vectors = np.array([[0.5, 0.5, 0.5, 0.5]] * len(texts), dtype=np.float32)
        return Embedded(vectors=vectors, n_tokens=3 * len(texts))

    async def rank(self, query: str, documents: Sequence[str], *, truncate: bool = True) -> Ranked:
        await self.gate.wait()
        scores = np.array([1 / (1 + len(document)) for document in documents], dtype=np.float32)
        return Ranked(scores=scores, n_tokens=5 * len(documents), n_shortened=0)

    async def stop(self) -> None:
        await self.stop_gate.wait()
        self.is_alive = False
        self.is_stopped = True


class FakeStarter:
    """Stands for `RunnerHandle.start`. `gate` holds loads back; `errors` are raised by the next loads."""

    def __init__(self) -> None:
        self.runners: list[FakeRunner] = []
        self.errors: list[Exception] = []
        self.n_starts = 0
        self.n_cancelled = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, spec: RunnerSpec, *, timeout_s: float) -> FakeRunner:
        self.n_starts += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.n_cancelled += 1
            raise
        if self.errors:
            raise self.errors.pop(0)
        self.runners.append(FakeRunner(spec))
        return self.runners[-1]

    def of(self, name: str) -> FakeRunner:
        """Return the latest runner of a model."""
        return [runner for runner in self.runners if runner.spec.model == ModelName.parse(name).short][-1]

    @property
    def living(self) -> list[str]:
        return [runner.spec.model for runner in self.runners if runner.is_alive]


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def settle() -> None:
    """Let everything that can run now run."""
    for _ in range(20):
        await asyncio.sleep(0)
