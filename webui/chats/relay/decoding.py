"""From the text of one socket message to an event of the protocol, strictly. No I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from webui.chats.errors import MalformedEvent, NotFound
from webui.chats.models import REF_MAX_LENGTH
from webui.chats.relay.protocol import ClientEvent
from webui.chats.wishes import PictureWish

MAX_MODEL_CHARS = 255
MAX_DOCUMENTS = 50
MAX_SEEN = 100
MAX_BESIDE = 5
"""So many further models may answer the same question: more columns than that nobody can compare."""

Check = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Field:
    check: Check
    is_required: bool = True


def decode_event(text: str) -> ClientEvent:
    """Return the event, with ids in their canonical form.

    Raises:
        MalformedEvent: The text is not one of the page's events.
        NotFound: An id in it cannot be anybody's.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise MalformedEvent("not JSON") from exc
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
        raise MalformedEvent("not an object with a type")
    fields = _EVENTS.get(raw["type"])
    if fields is None:
        raise MalformedEvent("unknown type")
    if unknown := raw.keys() - fields.keys() - {"type"}:
        raise MalformedEvent(f"{len(unknown)} unknown fields")
    event = {"type": raw["type"]}
    for name, field in fields.items():
        if name in raw:
            event[name] = field.check(raw[name])
        elif field.is_required:
            raise MalformedEvent(f"no {name}")
    return cast(ClientEvent, event)


def ref_of(text: str) -> str | None:
    """Return the `ref` of a message that could not be decoded, so that its refusal finds its way back."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return None
    ref = raw.get("ref") if isinstance(raw, dict) else None
    return ref if isinstance(ref, str) and len(ref) <= REF_MAX_LENGTH else None


def _text(max_chars: int | None = None) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or (max_chars is not None and len(value) > max_chars):
            raise MalformedEvent("not a text of the expected size")
        # Half of a character pair and the zero character can be stored in no database.
        if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
            return value.replace("\x00", "").encode("utf-8", "replace").decode()
        return value

    return check


def _ref(value: Any) -> str:
    ref = cast(str, _text(REF_MAX_LENGTH)(value))
    if not ref:
        raise MalformedEvent("an empty ref")
    return ref


def _uuid(value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedEvent("an id that is not a text")
    try:
        return str(UUID(value))
    except ValueError as exc:
        raise NotFound from exc


def _uuid_or_none(value: Any) -> str | None:
    return None if value is None else _uuid(value)


def _uuids(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_DOCUMENTS:
        raise MalformedEvent("not a short list of ids")
    return [_uuid(item) for item in value]


def _models(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_BESIDE:
        raise MalformedEvent("not a short list of models")
    return [_text(MAX_MODEL_CHARS)(item) for item in value]


def _seen(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or len(value) > MAX_SEEN:
        raise MalformedEvent("not a short map of sequence numbers")
    if not all(type(seq) is int and 0 <= seq < 2**53 for seq in value.values()):
        raise MalformedEvent("a sequence number that is none")
    return {_uuid(generation): seq for generation, seq in value.items()}


def _wish(value: Any) -> dict[str, Any]:
    try:
        wish = PictureWish.read(value).as_json()
    except ValueError as exc:
        raise MalformedEvent("a wish that is none") from exc
    return wish | {"negative_prompt": _text()(wish["negative_prompt"])}


_REF = _Field(_ref)
_MODEL = _Field(_text(MAX_MODEL_CHARS))
_ASKED: Final = {
    "model": _MODEL,
    "beside": _Field(_models, is_required=False),
    "to": _Field(_text(MAX_MODEL_CHARS), is_required=False),
}
_CONTENT = _Field(_text())
_ID = _Field(_uuid)

_EVENTS: Final[Mapping[str, Mapping[str, _Field]]] = {
    "chat.opened": {
        "chat": _ID,
        "last": _Field(_uuid_or_none, is_required=False),
        "seen": _Field(_seen, is_required=False),
    },
    "chat.closed": {"chat": _ID},
    "message.sent": {
        "ref": _REF,
        "content": _CONTENT,
        **_ASKED,
        "chat": _Field(_uuid, is_required=False),
        "folder": _Field(_uuid, is_required=False),
        "documents": _Field(_uuids, is_required=False),
        "knowledge": _Field(_uuids, is_required=False),
        "images": _Field(_uuids, is_required=False),
        "picture": _Field(_wish, is_required=False),
    },
    "message.edited": {"ref": _REF, "chat": _ID, "message": _ID, "content": _CONTENT, **_ASKED},
    "answer.requested": {"ref": _REF, "chat": _ID, "message": _ID, **_ASKED},
    "merge.requested": {"ref": _REF, "chat": _ID, "answers": _Field(_uuids), **_ASKED},
    "stop.requested": {"chat": _ID, "generation": _ID},
}
