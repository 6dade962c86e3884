"""The options of models that people may set: one table for what they mean, what they may be, and how they are sent.

What is not set is not sent: then the model's own value holds. None is a setting too: it takes back what is set
elsewhere, so that the option is not sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from jsonschema import Draft202012Validator, SchemaError

from inference.types import Options, ResponseFormat, Think

Kind = Literal["number", "integer", "texts", "think", "seconds", "format"]
Value = float | int | bool | str | list[str] | dict[str, Any]

MAX_INT: Final = 2**31 - 1
MAX_STOPS: Final = 16
MAX_STOP_CHARACTERS: Final = 100
MAX_SCHEMA_CHARACTERS: Final = 20_000
MAX_DETAIL_CHARACTERS: Final = 200
THINK_CHOICES: Final[Mapping[str, Think]] = {
    "on": True, "off": False, "low": "low", "medium": "medium", "high": "high",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option, with Ollama's name. `least` and `most` bound numbers."""

    name: str
    kind: Kind
    label: Promise
    help: Promise
    least: float = 0
    most: float = MAX_INT


OPTIONS: Final = (
    Option(
        name="temperature", kind="number", most=2, label=_("Temperature"),
        help=_("How freely words are chosen: 0 is always the likeliest, above 1 is daring."),
    ),
    Option(
        name="top_p", kind="number", most=1, label=_("Top p"),
        help=_("Only the likeliest words that together have this probability."),
    ),
    Option(name="top_k", kind="integer", label=_("Top k"), help=_("Only so many of the likeliest words; 0 for all.")),
    Option(
        name="min_p", kind="number", most=1, label=_("Min p"),
        help=_("Only words at least this probable, as a share of the likeliest."),
    ),
    Option(
        name="seed", kind="integer", label=_("Seed"),
        help=_("The same seed gives the same answer to the same question, as far as the server can."),
    ),
    Option(
        name="stop", kind="texts", label=_("Stop texts"),
        help=_("The answer ends where one of them comes. One a line; \\n is a line break, \\s a blank at an end."),
    ),
    Option(
        name="num_ctx", kind="integer", least=256, most=10_000_000, label=_("Context window"),
        help=_("Tokens that the model sees at once. A larger window takes more memory."),
    ),
    Option(
        name="num_predict", kind="integer", least=1, label=_("Longest answer"),
        help=_("Tokens after which an answer is cut off."),
    ),
    Option(
        name="repeat_penalty", kind="number", least=0.01, most=10, label=_("Repeat penalty"),
        help=_("Above 1 avoids words that have just been said."),
    ),
    Option(
        name="presence_penalty", kind="number", least=-2, most=2, label=_("Presence penalty"),
        help=_("Above 0 avoids words that have been said at all."),
    ),
    Option(
        name="frequency_penalty", kind="number", least=-2, most=2, label=_("Frequency penalty"),
        help=_("Above 0 avoids words the more, the oftener they have been said."),
    ),
    Option(
        name="think", kind="think", label=_("Thinking"),
        help=_("Whether the model reasons before it answers, and how much. Only for models that can."),
    ),
    Option(
        name="keep_alive", kind="seconds", least=-1, most=31_536_000, label=_("Keep loaded"),
        help=_("Seconds that the model stays in memory after an answer; -1 for always."),
    ),
    Option(
        name="format", kind="format", label=_("Form of the answer"),
        help=_("What the answer has to be. A JSON schema is followed where the model's server can."),
    ),
)  # fmt: skip
BY_NAME: Final[Mapping[str, Option]] = {option.name: option for option in OPTIONS}
_NAMES_ELSEWHERE: Final = {"max_tokens": "num_predict", "reasoning_effort": "think"}
NOT_SAMPLING: Final = frozenset({"think", "keep_alive", "format"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Options as a request takes them."""

    options: Options = field(default_factory=lambda: Options())
    think: Think | None = None
    keep_alive_s: float | None = None
    format: ResponseFormat | None = None


def checked_options(values: Mapping[str, Any]) -> dict[str, Value]:
    """Return those of the values that the table allows, and are not taken back.

    Rows may come from a backup or an older release, where bounds were others: what does not fit is not sent.
    """
    return {name: values[name] for name, option in BY_NAME.items() if name in values and fits(option, values[name])}


def stored_options(values: Mapping[str, Any]) -> dict[str, Value | None]:
    """Return what `checked_options` does, and None for those that are taken back."""
    checked = checked_options(values)
    return {name: checked.get(name) for name in BY_NAME if name in checked or values.get(name, 0) is None}


def named_elsewhere(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options among the settings of other programs, by the names that they have here, as they come.

    Those programs list what is not set as nothing, and `system` among the others.
    """
    options = {
        _NAMES_ELSEWHERE.get(name, name): value
        for name, value in values.items()
        if name != "system" and value not in (None, "", [], {})
    }
    stop = options.get("stop")
    if isinstance(stop, str):
        options["stop"] = [*filter(None, (text.strip() for text in stop.split(",")))]
    return options


def fits(option: Option, value: Any) -> bool:
    match option.kind:
        case "texts":
            return (
                isinstance(value, list)
                and 0 < len(value) <= MAX_STOPS
                and all(isinstance(text, str) and 0 < len(text) <= MAX_STOP_CHARACTERS for text in value)
            )
        case "think":
            return isinstance(value, bool | str) and value in THINK_CHOICES.values()
        case "format":
            return value == "json" or is_schema(value)
        case "number":
            return type(value) in (int, float) and option.least <= value <= option.most
        case _:
            return type(value) is int and option.least <= value <= option.most


def is_schema(value: Any) -> bool:
    """Whether something can be sent as a JSON schema. Whether it is a good one, `mistake_in_schema` says."""
    return isinstance(value, dict) and bool(value) and len(json.dumps(value)) <= MAX_SCHEMA_CHARACTERS


def mistake_in_schema(schema: dict[str, Any]) -> dict[str, str] | None:
    """Return what breaks the rules of JSON Schema: its `place`, such as `$.properties.year`, and the `detail`."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        return {"place": exc.json_path, "detail": exc.message[:MAX_DETAIL_CHARACTERS]}
    except RecursionError:
        return {"place": "$", "detail": "nested too deeply"}
    return None


def sampling_of(values: Mapping[str, Any]) -> Sampling:
    checked = checked_options(values)
    options = {name: value for name, value in checked.items() if name not in NOT_SAMPLING}
    keep_alive = checked.get("keep_alive")
    return Sampling(
        options=cast(Options, options),
        think=cast(Think | None, checked.get("think")),
        keep_alive_s=None if keep_alive is None else float(cast(int, keep_alive)),
        format=cast(ResponseFormat | None, checked.get("format")),
    )
