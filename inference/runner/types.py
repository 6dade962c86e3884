"""Values that cross the border between a model server and its runner processes. No I/O, no native code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from inference.types import ChatMessage, Options, Priority, ResponseFormat, Think, Tool, ToolCall

RunnerKind = Literal["llama", "onnx"]
KvType = Literal["f16", "q8_0", "q4_0"]

MOST_LOGPROBS = 20
"""Of how many likeliest tokens the probability is told."""
KV_TYPES: tuple[KvType, ...] = ("f16", "q8_0", "q4_0")

CHAT_BATCH_ROWS = 512
"""Most rows of one step of a chat model."""

IDLE_PATIENCE_S = 60.0
"""After this, work of idle priority counts as a person's, so that a busy machine does it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSpec:
    """What a runner process is to load.

    Attributes:
        model: The name that errors and log lines use.
        path: The GGUF file; for `onnx` the folder that holds (or is to hold) the built graph.
        n_ctx: Context window of one slot, in tokens; cut to what the model was trained for.
        n_slots: Requests that generate at the same time.
        embedding: Load it to embed only; a chat model that is loaded without can do both.
        n_threads: None means one per core.
        max_queue: Requests that may wait for a slot; the next one gets QueueFull.
        projector: The mmproj file of a model that sees images.
        adapters: LoRA files, applied in full.
        n_batch: Most rows of one decode; None is CHAT_BATCH_ROWS.
        n_gpu_layers: Layers on graphics cards; None leaves the choice to llama.cpp.
        main_gpu: The card for a model that is not spread over several; None leaves the choice to llama.cpp.
        maps_file: False reads the weights into memory of the process's own.
        kv_type: What one value of the KV cache is stored as.
        flash_attention: None takes what is fastest. See `inference.runner.attention`.
        parked_folder: Where decoded prompts of idle chats are kept; None keeps none.
        parked_bytes: What those of all models may take together.
        template: Takes the place of the file's own chat template; Go, or Jinja.
    """

    kind: RunnerKind
    model: str
    path: Path
    n_ctx: int = 4096
    n_slots: int = 4
    n_threads: int | None = None
    embedding: bool = False
    max_queue: int = 512
    projector: Path | None = None
    adapters: Sequence[Path] = ()
    n_batch: int | None = None
    n_gpu_layers: int | None = None
    main_gpu: int | None = None
    maps_file: bool = True
    kv_type: KvType = "f16"
    flash_attention: bool | None = None
    parked_folder: Path | None = None
    parked_bytes: int = 0
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """One question for a loaded chat model: either messages or a prompt.

    Attributes:
        messages: Rendered with the model's chat template; their text can never become a control token.
        prompt: One user message, or with `raw` the whole model input with its control tokens.
        suffix: Text that follows the gap which `prompt` leaves, for models that fill in.
        context: Tokens of an earlier answer's `RunnerFinished.context`, which the prompt continues.
        wants_context: Report the tokens of the prompt and the answer at its end.
        think: Handed to templates that know `enable_thinking`; None leaves the choice to the template.
        template: Takes the place of the model's chat template; Go, or Jinja.
        must_call_tool: The answer is a call of one of `tools`, and nothing else.
        grammar: GBNF that the answer must follow; excludes `format`.
        top_logprobs: Tell the probability of each token, and of so many likeliest ones; None tells none.
        truncate: Leave out the oldest messages of a prompt that is too long, instead of refusing it.
        shift: Forget the oldest tokens when the context window is full, instead of ending the answer. An answer about
            images ends all the same.
        asked_by: The scheduler is fair between these keys.
    """

    messages: Sequence[ChatMessage] | None = None
    prompt: str | None = None
    raw: bool = False
    options: Options = field(default_factory=lambda: Options())
    suffix: str = ""
    context: Sequence[int] = ()
    wants_context: bool = False
    think: Think | None = None
    tools: Sequence[Tool] = ()
    template: str = ""
    must_call_tool: bool = False
    format: ResponseFormat | None = None
    grammar: str = ""
    top_logprobs: int | None = None
    truncate: bool = False
    shift: bool = False
    asked_by: str = ""
    priority: Priority = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The request waits for a slot. Position 0 is next; sent again whenever it changes.

    Attributes:
        expected_s: Seconds until its turn comes; None while nothing is known about the answers before it.
    """

    position: int
    expected_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenProbability:
    """A token and the natural logarithm of its probability before any sampling option; `top` are the likeliest."""

    piece: bytes
    logprob: float
    top: Sequence[TokenProbability] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """What was generated since the last event; each part may be empty."""

    content: str = ""
    thinking: str = ""
    tool_calls: Sequence[ToolCall] = ()
    logprobs: Sequence[TokenProbability] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerFinished:
    """The last event of a generation that ended by itself.

    Attributes:
        reason: `stop` for an end token or a stop string, `length` for num_predict or a full context window.
        cached_tokens: How many of `prompt_tokens` were still in the slot's cache and cost nothing.
        dropped_messages: How many of the oldest messages `truncate` left out.
        shifted_tokens: How many of the oldest tokens `shift` forgot.
        context: All tokens that the model has seen and written, where they were asked for.
        queued_s: From its arrival in the runner to its slot.
        token_s_p50, token_s_p95: Seconds between two tokens of the answer.
    """

    reason: Literal["stop", "length"]
    prompt_tokens: int
    answer_tokens: int
    prompt_s: float
    answer_s: float
    cached_tokens: int = 0
    dropped_messages: int = 0
    shifted_tokens: int = 0
    context: Sequence[int] = ()
    queued_s: float = 0.0
    token_s_p50: float = 0.0
    token_s_p95: float = 0.0


RunnerEvent = Queued | TextDelta | RunnerFinished


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """The embeddings of some texts.

    Attributes:
        vectors: shape (n_texts, n_dims), float32, L2-normalised, in the order of the texts.
        n_tokens: Tokens of all texts together, after truncation.
    """

    vectors: npt.NDArray[np.float32]
    n_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """How well some documents answer a query.

    Attributes:
        scores: shape (n_documents,), float32, from 0 to 1, in the order of the documents.
        n_tokens: Tokens of all pairs of query and document together, after truncation.
        n_shortened: Documents of which only the beginning was read.
    """

    scores: npt.NDArray[np.float32]
    n_tokens: int
    n_shortened: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerFacts:
    """What a runner knows about its model once it is loaded.

    Attributes:
        n_ctx: Context window of one slot, as granted.
        n_ctx_train: Context window the model was trained for.
        n_dims: Size of a hidden state, and so of an embedding.
        max_text_tokens: Longest text that is embedded or ranked whole; 0 for chat models.
        card_bytes: By how much the free memory of the graphics cards shrank while it was loaded.
    """

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
    max_text_tokens: int = 0
    card_bytes: int = 0
