"""Values that cross the border of the inference package. No Django, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

from inference.sounds import SoundKind

Role = Literal["system", "user", "assistant", "tool"]
ConnectionKind = Literal["builtin", "ollama", "openai"]
Capability = Literal["completion", "embedding", "reranking", "vision", "tools", "thinking", "insert"]
FinishReason = Literal["stop", "length", "tool_calls", "load", "unload"]
Think = bool | Literal["low", "medium", "high"]
ModelSource = Literal["folder", "pulled", "ollama", "attached", "embedded"]
"""Where a model of the built-in server lies: a file or a manifest of its own, another program's, or its package."""
Priority = Literal["person", "idle"]
"""`idle` work (titles, tags) waits until no person waits."""

UPLOAD_CHUNK_BYTES = 8 * 1024 * 1024
"""Of a model file that is sent to the built-in server in pieces."""

ResponseFormat = Literal["json"] | Mapping[str, object]
"""Any JSON object, or a JSON schema that the answer must follow."""


class Options(TypedDict, total=False):
    """Sampling and context options, with Ollama's names. A missing key is not sent.

    Source: Ollama's api/types.go, `Options`.
    """

    num_ctx: int
    num_batch: int
    num_gpu: int
    main_gpu: int
    use_mmap: bool
    num_thread: int
    num_predict: int
    num_keep: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    seed: int
    repeat_last_n: int
    repeat_penalty: float
    presence_penalty: float
    frequency_penalty: float
    stop: list[str]
    logit_bias: Mapping[str, float]
    """What is added to the scores of tokens, by their numbers; -100 forbids one. OpenAI's: Ollama has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that a model may ask to be called. `parameters` is a JSON schema of its arguments."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that a model asks for. `id` ties its result to it where the upstream gives one."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message as a model receives it.

    Attributes:
        thinking: What an assistant thought before it answered; templates decide whether the model sees it again.
        images: The files' bytes, as PNG, JPEG or another format that the model's server reads.
        tool_calls: What an assistant asked for.
        tool_name, tool_call_id: Which call the content of a message of role `tool` answers.
    """

    role: Role
    content: str
    thinking: str = ""
    images: Sequence[bytes] = ()
    tool_calls: Sequence[ToolCall] = ()
    tool_name: str = ""
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question to one model. `model` is an id from the catalog.

    Attributes:
        asked_by: Who asks, as an opaque key; a server that many use is shared evenly between such keys.
    """

    model: str
    messages: Sequence[ChatMessage]
    options: Options = field(default_factory=lambda: Options())
    keep_alive_s: float | None = None
    think: Think | None = None
    tools: Sequence[Tool] = ()
    format: ResponseFormat | None = None
    asked_by: str = ""
    priority: Priority = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Why no text comes yet: the request waits in a queue, or its model is being loaded.

    Attributes:
        queue_position: 0 is next; None when not queued.
        waited_s: Seconds since the request arrived.
        expected_s: Seconds until its turn comes, as far as the server can tell; None when it cannot.
    """

    state: Literal["queued", "loading"]
    queue_position: int | None = None
    waited_s: float = 0.0
    expected_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one step of a generation adds; each part may be empty."""

    content: str = ""
    thinking: str = ""
    tool_calls: Sequence[ToolCall] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts and durations in seconds, as the upstream reports them; None when it does not.

    Attributes:
        cached_tokens: Of the prompt, those that the model had read before; only our own server says so.
        queue_s: Waiting for a turn. Only our own server tells it apart from loading; for others `load_s` has both.
        token_p50_s, token_p95_s: Between two tokens, the middle and the slow one of twenty.
    """

    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    cached_tokens: int | None = None
    total_s: float | None = None
    load_s: float | None = None
    prompt_s: float | None = None
    answer_s: float | None = None
    queue_s: float | None = None
    token_p50_s: float | None = None
    token_p95_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The last event of a stream that ended without an error."""

    reason: FinishReason
    usage: Usage = field(default_factory=Usage)


ChatEvent = Progress | Delta | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model that some connection offers.

    Attributes:
        id: Unique in the catalog: the upstream's name, prefixed `connection/` when two connections offer it.
        name: The upstream's own name.
        prefix: Of its connection; given by the catalog.
        context_length: Tokens the model was trained for; None when the upstream does not say.
    """

    id: str
    name: str
    connection: str
    connection_kind: ConnectionKind
    capabilities: frozenset[Capability] = frozenset({"completion"})
    size_bytes: int | None = None
    digest: str | None = None
    modified_at: datetime | None = None
    family: str | None = None
    parameter_size: str | None = None
    quantization: str | None = None
    context_length: int | None = None
    prefix: str = ""

    @property
    def key(self) -> str:
        """What names it whatever other connections offer, and however it is spelled."""
        return f"{self.prefix}/{self.name.removesuffix(':latest')}".casefold()

    @property
    def can_chat(self) -> bool:
        return "completion" in self.capabilities

    @property
    def may_see(self) -> bool:
        """Whether it can be sent images, as far as is known: services with OpenAI's API do not tell."""
        return "vision" in self.capabilities or self.connection_kind == "openai"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionProblem:
    """A connection that could not be listed, with the error to be told to a person."""

    connection: str
    connection_kind: ConnectionKind
    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelList:
    """All models that can be reached now, and the connections that could not be asked."""

    models: tuple[ModelInfo, ...]
    problems: tuple[ConnectionProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that holds memory in the built-in server or an Ollama. `gpu_bytes` is the part on graphics cards."""

    name: str
    size_bytes: int
    context_length: int | None
    expires_at: datetime | None
    gpu_bytes: int = 0
    digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A process of the built-in server that holds a model, or is about to.

    Attributes:
        rss_bytes: What it takes now; None before it has started.
        forecast_bytes: What it was expected to take.
        cache_bytes: What its context takes of that.
        card_bytes: What lies on graphics cards.
        n_active: Answers that it is writing; at most `n_slots` at once.
        expires_at: When it ends by itself, if nobody asks again; None for never.
    """

    name: str
    state: Literal["loading", "ready", "stopping"]
    rss_bytes: int | None
    forecast_bytes: int
    context_length: int | None
    n_slots: int
    n_active: int
    expires_at: datetime | None = None
    cache_bytes: int = 0
    card_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A context window for each of some slots, and the memory that a model takes with them."""

    context_length: int
    n_slots: int
    weights_bytes: int
    cache_bytes: int
    work_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.cache_bytes + self.work_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Offload:
    """So many of a model's layers fit on the graphics cards, as the option `num_gpu` counts them, and not all."""

    n_layers: int
    n_all: int
    card_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFit:
    """Whether a model fits into the memory of its server.

    Attributes:
        planned: How it would be loaded for an ordinary question.
        free_bytes: What one model may take when all others are unloaded.
        best: The largest setting that does fit; None when the planned one does, or when none does.
        quantization: The best one of this model that would fit; empty when this file fits, or none would.
        offload: None where all that is to lie on graphics cards fits there, and where there are none.
    """

    planned: Setting
    free_bytes: int
    best: Setting | None = None
    quantization: str = ""
    offload: Offload | None = None

    @property
    def fits(self) -> bool:
        return self.planned.total_bytes <= self.free_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRepository:
    """A repository on Hugging Face that a search found. `updated_at` is as the Hub writes it."""

    name: str
    n_downloads: int
    n_likes: int
    is_gated: bool
    updated_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """One model of a repository. `name` is what `pull_model` takes; `fit` is None when it could not be told."""

    name: str
    quantization: str
    size_bytes: int
    n_files: int = 1
    has_projector: bool = False
    fit: ModelFit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModels:
    """What a repository offers.

    Attributes:
        best: The name of the largest model that fits; empty when none does.
        problem: Why nothing can be said about what fits; empty when something can.
    """

    repository: str
    commit: str
    is_gated: bool
    models: tuple[HubModel, ...]
    best: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """Where a model of the built-in server lies, and whether it fits.

    Attributes:
        is_ours: It may be deleted: no other program's file.
    """

    name: str
    source: ModelSource
    path: str
    is_ours: bool
    fit: ModelFit


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """The models of the built-in server, and how full its disk and memory are.

    Attributes:
        models_bytes: What those of its own take on the disk.
        memory_bytes: What one model may take now, when all others are unloaded.
    """

    entries: tuple[LibraryEntry, ...]
    models_bytes: int
    disk_free_bytes: int
    disk_total_bytes: int
    memory_bytes: int
    memory_total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a server shows of one model. Texts are empty, and lengths None, where it says nothing.

    Attributes:
        architecture: As GGUF names it, such as `qwen2`.
        parameters: One line per option: its name, spaces, its value.
        metadata: What the file says, by key; long lists are shortened.
        tensors: Name, type and shape of each; empty unless asked for.
    """

    architecture: str = ""
    parameter_size: str = ""
    quantization: str = ""
    context_length: int | None = None
    embedding_length: int | None = None
    capabilities: tuple[str, ...] = ()
    parameters: str = ""
    system: str = ""
    template: str = ""
    license: str = ""
    modelfile: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    tensors: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """How a model of the built-in server is to be loaded; None leaves a choice to the server.

    Attributes:
        num_ctx: Tokens of the context window of each answer.
        num_parallel: Answers that it writes at the same time.
        kv_cache_type: What one value of the context is stored as.
        num_thread: Threads of the processor.
        num_gpu: Layers on graphics cards.
    """

    num_ctx: int | None = None
    num_parallel: int | None = None
    kv_cache_type: Literal["f16", "q8_0", "q4_0"] | None = None
    num_thread: int | None = None
    num_gpu: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPart:
    """A layer of a stored model's manifest, or a file of its own.

    Attributes:
        kind: `model`, `projector`, `adapter`, `template`, `params`, `config` ...; a foreign media type as it is.
        digest: Empty for a file.
        path: Empty for a layer.
        text: What a layer says that is a text.
    """

    kind: str
    size_bytes: int
    digest: str = ""
    path: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderKey:
    """One key of a GGUF file with its value as text, of which the beginning is told.

    Attributes:
        n_items: How many the list has; None for a single value.
        n_characters: How long the text is when it was cut; None otherwise.
    """

    key: str
    value: str
    n_items: int | None = None
    n_characters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelContents:
    """Everything that a model of the built-in server consists of.

    Attributes:
        parent: The model that it was made of; empty for one that was not.
        layers: Of its manifest; empty for a file that lies by itself.
        template: What chats are rendered with. `template_from` is where that stands: written for this model, beside
            its weights, inside their file, or nowhere.
        parameters: With Ollama's names; not checked.
        kept: How it is loaded when a request does not say.
    """

    name: str
    source: ModelSource
    is_ours: bool
    digest: str
    size_bytes: int
    family: str
    parameter_size: str
    quantization: str
    context_length: int | None
    capabilities: tuple[str, ...]
    modified_at: datetime | None = None
    parent: str = ""
    layers: tuple[ModelPart, ...] = ()
    files: tuple[ModelPart, ...] = ()
    n_tensors: int = 0
    keys: tuple[HeaderKey, ...] = ()
    projector_keys: tuple[HeaderKey, ...] = ()
    template: str = ""
    template_from: Literal["own", "manifest", "file", ""] = ""
    system: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    messages: tuple[ChatMessage, ...] = ()
    kept: LoadSettings = LoadSettings()

    @property
    def can_chat(self) -> bool:
        return "completion" in self.capabilities

    @property
    def can_be_overwritten(self) -> bool:
        """True when its manifest is the server's own, and no other program's or a file's."""
        return self.source == "pulled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """A model that is to be made of another one of the built-in server, or of itself, with other texts.

    Attributes:
        template, system: Take the place of the base's; empty keeps those.
        parameters: Each takes the place of the base's, with Ollama's names.
        removed: What the base brings and the model shall not have: `template`, `system`, `messages`, or parameters.
    """

    name: str
    base: str
    template: str = ""
    system: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """One progress line of a download. Bytes are None in steps without any."""

    status: str
    total_bytes: int | None = None
    completed_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSetting:
    """A variable of the built-in server.

    Attributes:
        value: What was given; empty where `default` holds.
        support: How it is regarded, in the server's words.
    """

    name: str
    value: str
    default: str
    is_supported: bool
    meaning: str
    support: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Something that models can run on. Memory is 0 where it does not tell."""

    name: str
    description: str
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the built-in server runs. `no_gpu_reason` is empty when it uses a graphics card."""

    settings: tuple[ServerSetting, ...]
    devices: tuple[Device, ...]
    no_gpu_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableFile:
    """A file among the built-in server's models that cannot be used, and why in its words."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUpload:
    """A model file that is on its way to the built-in server.

    Attributes:
        digests: The SHA-256 of each chunk that has arrived, in hex, empty for the others; told only on beginning.
    """

    id: UUID
    name: str
    size_bytes: int
    received_bytes: int
    chunk_bytes: int
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadCheck:
    """How far the built-in server has checked a file that has arrived whole; at the end, which models it brought."""

    is_finished: bool
    checked_bytes: int
    sha256: str = ""
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStore:
    """A place on this machine that holds models and is not attached yet."""

    kind: Literal["ollama", "huggingface", "lmstudio"]
    path: str
    n_models: int
    size_bytes: int


SpeechForm = Literal["mp3", "opus", "aac", "flac", "wav"]
"""What sound comes as. Source: OpenAI's `response_format`, without the one that has no header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """A text to be read aloud. `speed` is 1 for the voice's own."""

    model: str
    text: str
    voice: str
    form: SpeechForm = "mp3"
    speed: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Sound with words in it, to be written down."""

    model: str
    data: bytes
    kind: SoundKind
