"""What stands in double braces in a prompt preset: values that are known, and values to ask for. Pure.

`{{topic}}` is asked for, `{{topic | select:options=["a","b"]:default="a"}}` with a field of its kind. A few names in
capitals are known: the clipboard and the time where the text is inserted, the person where it is served.

Source: Open WebUI's documentation of prompts, for the names and the typed form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

FieldKind = Literal["text", "textarea", "number", "select", "checkbox", "date", "datetime-local", "time", "month",
                    "color", "email", "tel", "url", "range"]  # fmt: skip

KNOWN_ON_THE_DEVICE: Final = frozenset(
    {"CLIPBOARD", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_DATETIME", "CURRENT_WEEKDAY", "CURRENT_TIMEZONE"}
)
KNOWN_OF_THE_PERSON: Final = frozenset({"USER_NAME", "USER_LANGUAGE"})
KNOWN: Final = KNOWN_ON_THE_DEVICE | KNOWN_OF_THE_PERSON

MAX_FIELDS: Final = 50
MAX_OPTIONS: Final = 100
MAX_NAME_CHARS: Final = 60
_KINDS: Final[frozenset[str]] = frozenset(FieldKind.__args__)  # type: ignore[attr-defined]

# Braces in quotes do not end a variable.
_MARK: Final = re.compile(r'\{\{((?:"(?:[^"\\\n]|\\.)*"|[^"{}\n]|\}(?!\})){0,2000})\}\}')
_NAME: Final = re.compile(r"[^\W\d][\w .@/-]*", re.UNICODE)
_PROPERTY: Final = re.compile(r'([a-z_]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|\[(?:"(?:[^"\\]|\\.)*"|[^\]"])*\]|[^:]*))?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value to ask for. Numbers are texts as they were written, to be read by the form."""

    name: str
    kind: FieldKind = "text"
    label: str = ""
    placeholder: str = ""
    default: str = ""
    options: Sequence[str] = ()
    is_required: bool = False
    bounds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Known:
    """One of KNOWN."""

    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The value of a Field."""

    name: str


Part = Text | Known | Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The parts of a text in their order, and the fields by the order in which they are first needed."""

    parts: Sequence[Part]
    fields: Sequence[Field]


def parse(content: str) -> Parsed:
    """Take a text apart. What is no variable stays as it is written; of one asked for twice the typed form counts."""
    parts: list[Part] = []
    fields: dict[str, Field] = {}
    for part, asked in _pieces(content):
        if asked is not None:
            if asked.name not in fields and len(fields) >= MAX_FIELDS:
                parts.append(Text(f"{{{{{asked.name}}}}}"))
                continue
            if fields.get(asked.name, Field(name=asked.name)) == Field(name=asked.name):
                fields[asked.name] = asked
        parts.append(part)
    return Parsed(parts=_joined(parts), fields=list(fields.values()))


def with_person(parsed: Parsed, *, name: str, language: str) -> Parsed:
    """Put in what is known of the person; their name is a text like others, whatever stands in it."""
    values = {"USER_NAME": name, "USER_LANGUAGE": language}
    parts = [
        Text(values[part.name]) if isinstance(part, Known) and part.name in values else part for part in parsed.parts
    ]
    return replace(parsed, parts=_joined(parts))


def _pieces(content: str) -> Iterator[tuple[Part, Field | None]]:
    at = 0
    for found in _MARK.finditer(content):
        yield Text(content[at : found.start()]), None
        at = found.end()
        name, _, description = (piece.strip() for piece in found[1].partition("|"))
        if name in KNOWN:
            yield Known(name), None
        elif len(name) <= MAX_NAME_CHARS and _NAME.fullmatch(name):
            yield Asked(name), _field(name, description)
        else:
            yield Text(found[0]), None
    yield Text(content[at:]), None


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Make one of texts that follow each other, and none of empty ones."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(joined[-1].text + part.text)
        elif part != Text(""):
            joined.append(part)
    return joined


def _field(name: str, description: str) -> Field:
    """Read `select:options=["a","b"]:default="a":required`; what is not understood is passed over."""
    found = [(one[1], _value(one[2])) for one in _PROPERTY.finditer(description)]
    kind = found.pop(0)[0] if found and found[0][1] is None else "text"
    values = dict(found)
    options = values.get("options")
    return Field(
        name=name,
        kind=kind if kind in _KINDS else "text",  # type: ignore[arg-type]  # one of them
        label=_text(values.get("label")),
        placeholder=_text(values.get("placeholder")),
        default=_text(values.get("default")),
        options=[_text(option) for option in options[:MAX_OPTIONS]] if isinstance(options, list) else (),
        is_required="required" in values and values["required"] in (None, "true", True),
        bounds={key: _text(values[key]) for key in ("min", "max", "step") if values.get(key) is not None},
    )


def _value(written: str | None) -> object:
    if written is None:
        return None
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written.strip()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
