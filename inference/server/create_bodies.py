"""Read the body of `/api/create`: today's fields, or the older form that carries the text of a Modelfile."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from inference.errors import InvalidRequest
from inference.library.errors import BadManifest
from inference.library.manifests import parse_digest
from inference.library.modelfile import MESSAGE_ROLES, BadModelfile, Modelfile, parse
from inference.server.bodies import parse_model
from inference.server.errors import NotSupported, RouteNotImplemented
from inference.server.fields import objects, typed_field
from inference.server.options import parse_options
from inference.types import ChatMessage, Role

MAX_MESSAGES = 10_000
MAX_NOTE_CHARACTERS = 100
MAX_REMOVED = 100
NOTES = ("renderer", "parser", "requires")

_PATHLIKE = re.compile(r"[./~\\]|[A-Za-z]:[\\/]|.*(?:\.\.|\\|\.gguf$|\.safetensors$)", re.IGNORECASE | re.DOTALL)
_QUANTIZE = (
    "quantize is not implemented by this server: quantize the GGUF with llama.cpp's llama-quantize, and create the "
    "model from the result"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBody:
    """What a request to make a model says. Empty means not given.

    Attributes:
        files, adapters: Digests by the names that the sender gives them.
        removed: As in `Recipe`; the body's `hearth.remove`, which no Ollama knows.
        warnings: Sentences about what is left out.
    """

    model: str
    base: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    adapters: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    system: str = ""
    licenses: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: Sequence[ChatMessage] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    stream: bool = True
    warnings: Sequence[str] = ()


def parse_create(body: Mapping[str, Any]) -> CreateBody:
    """Read the body.

    Raises:
        InvalidRequest: A field is wrong, or nothing is named that the model could be made of.
        RouteNotImplemented: It is to be quantized.
    """
    if typed_field(body, "quantize", str, "") or typed_field(body, "quantization", str, ""):
        raise RouteNotImplemented(_QUANTIZE)
    if typed_field(body, "draft", str, ""):
        raise NotSupported("a draft model is not supported")
    text = typed_field(body, "modelfile", str, "")
    parsed = _from_modelfile(body, text) if text else _from_fields(body)
    if not parsed.base and not parsed.files:
        raise InvalidRequest("neither 'from' or 'files' was specified")
    return parsed


def _from_fields(body: Mapping[str, Any]) -> CreateBody:
    if typed_field(body, "path", str, ""):
        raise InvalidRequest("a Modelfile is not read from this machine by its path; send its text as modelfile")
    parameters, warnings = _parameters(typed_field(body, "parameters", dict, {}))
    return CreateBody(
        model=parse_model(body),
        base=typed_field(body, "from", str, "").strip(),
        files=_digests(body, "files"),
        adapters=_digests(body, "adapters"),
        template=typed_field(body, "template", str, ""),
        system=typed_field(body, "system", str, ""),
        licenses=_licenses(body.get("license")),
        parameters=parameters,
        messages=[_message(value) for value in objects(body, "messages", at_most=MAX_MESSAGES)],
        notes=_notes({name: typed_field(body, name, str, "") for name in NOTES}),
        removed=_removed(typed_field(body, "hearth", dict, {})),
        stream=typed_field(body, "stream", bool, True),
        warnings=warnings,
    )


def _from_modelfile(body: Mapping[str, Any], text: str) -> CreateBody:
    """Translate a Modelfile. Its files are blobs, written `FROM @sha256:...`: paths of this machine mean nothing."""
    try:
        modelfile = parse(text)
        parameters, warnings = _parameters(modelfile.parameters())
    except BadModelfile as exc:
        raise InvalidRequest(str(exc)) from exc
    bases = [value for value in modelfile.values("FROM") if not value.startswith("@")]
    if len(bases) > 1:
        raise InvalidRequest("a model begins with one model only; a second one cannot be put to it")
    for path in [*bases, *(value for value in modelfile.values("ADAPTER") if not value.startswith("@"))]:
        if _PATHLIKE.match(path) or path in modelfile.values("ADAPTER"):
            raise InvalidRequest(
                f"{path[:200]} is a path, which this server does not read; send the file with POST /api/blobs and "
                "name its digest in files or adapters"
            )
    if modelfile.values("DRAFT"):
        raise NotSupported("a draft model is not supported")
    return CreateBody(
        model=parse_model(body),
        base=bases[0] if bases else "",
        files=_named_digests(modelfile.values("FROM")),
        adapters=_named_digests(modelfile.values("ADAPTER")),
        template=modelfile.last("TEMPLATE") or "",
        system=modelfile.last("SYSTEM") or "",
        licenses=_licenses(modelfile.values("LICENSE")),
        parameters=parameters,
        messages=[ChatMessage(role=cast(Role, role), content=content) for role, content in modelfile.messages()],
        notes=_notes({name: _last_note(modelfile, name) for name in NOTES}),
        stream=typed_field(body, "stream", bool, True),
        warnings=[*modelfile.warnings(), *warnings],
    )


def _last_note(modelfile: Modelfile, name: str) -> str:
    values = {"renderer": modelfile.last("RENDERER"), "parser": modelfile.last("PARSER")}
    return values.get(name, modelfile.last("REQUIRES")) or ""


def _named_digests(values: Sequence[str]) -> dict[str, str]:
    return {value: _digest(value[1:]) for value in values if value.startswith("@")}


def _digests(body: Mapping[str, Any], name: str) -> dict[str, str]:
    return {str(file): _digest(digest) for file, digest in typed_field(body, name, dict, {}).items()}


def _digest(value: object) -> str:
    try:
        return parse_digest(value)
    except BadManifest as exc:
        raise InvalidRequest(exc.detail) from exc


def _licenses(value: object) -> list[str]:
    values = [value] if isinstance(value, str) else value or []
    if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
        raise InvalidRequest("license must be a string or an array of strings")
    return [text for text in values if text]


def _message(value: Mapping[str, Any]) -> ChatMessage:
    role, content = value.get("role"), value.get("content")
    if role not in MESSAGE_ROLES:
        raise InvalidRequest('message role must be one of "system", "user", or "assistant"')
    if not isinstance(content, str):
        raise InvalidRequest("the content of a message must be a string")
    return ChatMessage(role=cast(Role, role), content=content)


def _removed(ours: Mapping[str, Any]) -> frozenset[str]:
    names = typed_field(ours, "remove", list, [])
    if len(names) > MAX_REMOVED or not all(isinstance(name, str) for name in names):
        raise InvalidRequest(f"remove must be an array of at most {MAX_REMOVED} names")
    return frozenset(names)


def _notes(values: Mapping[str, str]) -> dict[str, str]:
    if any(len(value) > MAX_NOTE_CHARACTERS for value in values.values()):
        raise InvalidRequest(f"{', '.join(NOTES)} have at most {MAX_NOTE_CHARACTERS} characters")
    return {name: value for name, value in values.items() if value}


def _parameters(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the known options, checked as those of a request are, and a sentence for each other one."""
    parsed = parse_options(given, baked={})
    unknown = [name for name, value in given.items() if name not in parsed and name != "num_ctx" and value is not None]
    return dict(parsed), [f"parameter {name[:60]} has no effect here and is left out" for name in unknown]
