from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from webui.chats.errors import MalformedEvent, NotFound
from webui.chats.relay.decoding import decode_event, ref_of

UUID = str(uuid4())
SENT = {"type": "message.sent", "ref": "r", "content": "hi", "model": "tiny"}


def decoded(event: dict[str, Any]) -> Any:
    return decode_event(json.dumps(event))


@pytest.mark.parametrize(
    "event",
    [
        SENT,
        {**SENT, "chat": UUID, "documents": [UUID]},
        {"type": "chat.opened", "chat": UUID},
        {"type": "chat.opened", "chat": UUID, "seen": {UUID: 7}},
        {"type": "chat.opened", "chat": UUID, "last": UUID},
        {"type": "chat.opened", "chat": UUID, "last": None},
        {"type": "chat.closed", "chat": UUID},
        {"type": "message.edited", "ref": "r", "chat": UUID, "message": UUID, "content": "x", "model": "tiny"},
        {"type": "answer.requested", "ref": "r", "chat": UUID, "message": UUID, "model": "tiny"},
        {"type": "stop.requested", "chat": UUID, "generation": UUID},
    ],
)
def test_every_event_of_the_page_is_understood(event: dict[str, Any]) -> None:
    assert decoded(event) == event


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "null", "[]", "7", '"message.sent"', "{}", '{"type": 7}', '{"type": null}', '{"type": "no.such"}',
        '{"type": ["message.sent"]}', "[" * 100_000, "\ufeff{}", '{"type": "generation.ended"}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(MalformedEvent):
        decode_event(text)


@pytest.mark.parametrize("field", ["ref", "content", "model"])
def test_a_missing_field_is_refused(field: str) -> None:
    with pytest.raises(MalformedEvent):
        decoded({name: value for name, value in SENT.items() if name != field})


@pytest.mark.parametrize(
    "wrong",
    [
        {"content": 7}, {"content": None}, {"content": ["hi"]}, {"model": {}}, {"model": "m" * 256}, {"ref": "r" * 65},
        {"chat": 7}, {"chat": None}, {"documents": UUID}, {"documents": [7]}, {"documents": [UUID] * 51},
        {"owner": UUID}, {"__proto__": {}},
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        decoded({**SENT, **wrong})


@pytest.mark.parametrize("seen", [7, [], {UUID: "7"}, {UUID: True}, {UUID: -1}, {UUID: 1.5}, {UUID: 2**60}])
def test_wrong_sequence_numbers_are_refused(seen: Any) -> None:
    with pytest.raises(MalformedEvent):
        decoded({"type": "chat.opened", "chat": UUID, "seen": seen})


@pytest.mark.parametrize("last", [7, [], {}, False])
def test_a_last_message_that_is_no_id_is_refused(last: Any) -> None:
    with pytest.raises(MalformedEvent):
        decoded({"type": "chat.opened", "chat": UUID, "last": last})


@pytest.mark.parametrize("chat", ["", "1", "../etc/passwd", "x" * 5000, "' OR 1=1 --"])
def test_an_id_that_cannot_be_one_does_not_exist(chat: str) -> None:
    with pytest.raises(NotFound):
        decoded({**SENT, "chat": chat})


def test_ids_come_in_their_canonical_form() -> None:
    assert decoded({**SENT, "chat": UUID.upper()})["chat"] == UUID


def test_characters_that_no_database_stores_are_replaced() -> None:
    event = decode_event(r'{"type": "message.sent", "ref": "r", "content": "a\u0000b\ud800c", "model": "m"}')

    assert event["content"] == "ab?c"  # type: ignore[typeddict-item]


@pytest.mark.parametrize(("text", "ref"), [("{", None), ('{"ref": "r"}', "r"), ('{"ref": 7}', None), ("[]", None)])
def test_the_ref_of_a_wrong_event_is_found_where_there_is_one(text: str, ref: str | None) -> None:
    assert ref_of(text) == ref
