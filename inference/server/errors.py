"""How an error reaches the caller: one table, Ollama's shape `{"error": "..."}` and, where it has one, its text."""

from __future__ import annotations

from dataclasses import dataclass

from inference.errors import (
    BadModelFile,
    GenerationStopped,
    InferenceError,
    InvalidRequest,
    ModelLoadFailed,
    ModelNotFound,
    QueueFull,
    RunnerDied,
)
from inference.library.errors import (
    BadManifest,
    BlobNotFound,
    ChunkDamaged,
    DigestMismatch,
    ForeignRealm,
    GatedRepository,
    HubFailed,
    InsecureRegistry,
    InvalidName,
    KeyFailed,
    LibraryError,
    NameTaken,
    NoSuchFile,
    NotAttachable,
    NotEnoughSpace,
    NotInRegistry,
    PrivateAddress,
    ReadOnlyModel,
    RegistryFailed,
    RemoteChanged,
    SignInRefused,
    SizeMismatch,
    StoreFailed,
    UploadNotFound,
    UploadRefused,
)
from inference.server.memory import human_bytes


class NotSupported(InvalidRequest):
    """The model, or this server, cannot do what the request asks for."""


class RouteNotImplemented(InferenceError):
    """A route of Ollama's that this server does not have."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BodyTooLarge(InferenceError):
    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes


class NotKept(InferenceError):
    """How a model is to be loaded could not be written down."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_MAX_OFFERED = 30


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str


_CODES: dict[type[InferenceError], str] = {
    ModelNotFound: "model_not_found",
    BodyTooLarge: "body_too_large",
    RouteNotImplemented: "not_implemented",
    NotSupported: "not_supported",
    InvalidRequest: "invalid_request",
    QueueFull: "queue_full",
    GenerationStopped: "shutting_down",
    BadModelFile: "bad_model_file",
    ModelLoadFailed: "model_load_failed",
    RunnerDied: "runner_died",
    NotKept: "not_kept",
    LibraryError: "library_error",
}


def body_for(error: InferenceError) -> dict[str, str]:
    """Return the JSON of an error. `code` is ours: a client need not read the sentence to know what happened."""
    return {"error": answer_for(error).text, "code": code_of(error)}


def code_of(error: InferenceError) -> str:
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), "internal_error")


def answer_for(error: InferenceError) -> Answer:
    """Return the status and the sentence for an error."""
    match error:
        case ModelNotFound():
            return Answer(404, f"model '{error.model}' not found")
        case InvalidName():
            return Answer(400, "invalid model name")
        case BodyTooLarge():
            return Answer(413, f"request body too large: at most {human_bytes(error.limit_bytes)} are read")
        case RouteNotImplemented():
            return Answer(501, error.detail)
        case InvalidRequest():
            return Answer(400, error.detail)
        case QueueFull():
            return Answer(503, "server busy, please try again.  maximum pending requests exceeded")
        case GenerationStopped():
            return Answer(503, "the server is shutting down")
        case ModelLoadFailed():
            return Answer(500, f"unable to load model '{error.model}': {error.detail}")
        case NotKept():
            return Answer(500, f"the settings cannot be kept: {error.reason}")
        case RunnerDied():
            return Answer(500, f"model runner has unexpectedly stopped{_exit(error)}; the next request starts it again")
        case _:
            return _answer_for_library(error)


def _answer_for_library(error: InferenceError) -> Answer:
    match error:
        case NotAttachable():
            return Answer(400, f"cannot attach {error.path}: {error.reason}")
        case ReadOnlyModel():
            return Answer(403, f"model '{error.model}' is only attached; delete it where it lies: {error.path}")
        case NameTaken():
            return Answer(409, f"the name '{error.model}' is taken by {error.path}; choose another one")
        case BlobNotFound():
            return Answer(404, f'blob "{error.digest}" not found')
        case NotInRegistry():
            return Answer(404, f"pull model manifest: {error.host} has no model '{error.model}'")
        case HubFailed():
            return Answer(502, f"Hugging Face cannot be asked: {error.host}: {error.detail}")
        case NoSuchFile():
            return Answer(404, f"pull model: {_no_such_file(error)}")
        case GatedRepository(has_token=False):
            return Answer(
                401,
                f"pull model: {error.repository} is gated or private: accept its conditions at "
                f"https://{error.host}/{error.repository} and set HF_TOKEN",
            )
        case GatedRepository():
            return Answer(
                403,
                f"pull model: {error.repository} is gated: the account of HF_TOKEN has not accepted its conditions "
                f"at https://{error.host}/{error.repository}",
            )
        case RemoteChanged():
            return Answer(502, f"pull model: {error.path} was replaced at {error.host} meanwhile; pull it again")
        case RegistryFailed():
            return Answer(502, f"pull model: {error.host}: {error.detail}")
        case ForeignRealm():
            return Answer(502, f"pull model: {error.host} wants a log-in at another host, which is refused")
        case SignInRefused():
            return Answer(
                403,
                f"pull model: {error.host} does not let this installation in; tell your account there the key in "
                f"{error.key_path}.pub",
            )
        case KeyFailed():
            return Answer(500, f"pull model: the key for registries cannot be used: {error.path}: {error.reason}")
        case InsecureRegistry():
            return Answer(400, f"pull model: {error.host} is not reached over https; set insecure to allow that")
        case PrivateAddress():
            return Answer(502, f"pull model: a redirect into a private network ({error.host}) is refused")
        case DigestMismatch():
            return Answer(502, f"pull model: digest mismatch, expected {error.expected}, got {error.received}")
        case SizeMismatch():
            sizes = f"{error.offered_bytes} bytes where {error.expected_bytes} were promised"
            return Answer(502, f"pull model: {error.host} offers {sizes}")
        case StoreFailed(is_full=True):
            return Answer(507, f"pull model: the disk is full; what has come is kept: {error.path}: {error.reason}")
        case StoreFailed():
            return Answer(500, f"the model store cannot be used: {error.path}: {error.reason}")
        case NotEnoughSpace():
            needed, free = human_bytes(error.needed_bytes), human_bytes(error.free_bytes)
            return Answer(507, f"not enough disk space: {needed} are needed and {free} are free")
        case UploadRefused():
            return Answer(409, error.detail)
        case UploadNotFound():
            return Answer(404, "there is no such upload; it may have been removed")
        case ChunkDamaged():
            return Answer(422, f"chunk {error.index} arrived damaged; send it again")
        case BadManifest():
            return Answer(502, f"pull model manifest: {error.detail}")
        case _:
            return Answer(500, "internal error")


def _no_such_file(error: NoSuchFile) -> str:
    wanted = f"'{error.wanted}'" if error.wanted else "a model"
    if not error.offered:
        return f"{error.repository} holds no GGUF model"
    offered = ", ".join(error.offered[:_MAX_OFFERED]) + (" ..." if len(error.offered) > _MAX_OFFERED else "")
    if error.is_ambiguous:
        return f"several files of {error.repository} fit {wanted}: {offered}; name one of them"
    return f"{error.repository} has no file for {wanted}; it has {offered}"


def _exit(error: RunnerDied) -> str:
    if error.exit_code is None:
        return ""
    return f" (signal {-error.exit_code})" if error.exit_code < 0 else f" (exit code {error.exit_code})"
