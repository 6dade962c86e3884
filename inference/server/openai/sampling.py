"""OpenAI's names of the options that ours have, and what of a request has to be refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.errors import InvalidRequest
from inference.runner.options import checked_options
from inference.runner.types import MOST_LOGPROBS
from inference.server.errors import NotSupported
from inference.server.fields import typed_field
from inference.server.messages import shallow
from inference.types import ResponseFormat, Think

SAME_NAMES = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop")
MAX_CHOICES = 16
# What would change the answer must not be passed over; what only labels or prices a request is.
REFUSED = {
    "functions": "functions are not supported; use tools",
    "function_call": "function_call is not supported; use tool_choice",
    "audio": "audio output is not supported",
    "prediction": "prediction is not supported",
    "web_search_options": "this server does not search the web",
    "echo": "echo is not supported",
}


def refuse_unknown_wishes(body: Mapping[str, Any]) -> None:
    """Raise when a request asks for something that would silently be missing from its answer."""
    for name, sentence in REFUSED.items():
        if body.get(name):
            raise NotSupported(sentence)
    if body.get("best_of") is not None and body["best_of"] != body.get("n", 1):
        raise NotSupported("best_of must be as large as n: every answer that is made is given")


def parse_n(body: Mapping[str, Any]) -> int:
    """Return how many answers are wanted."""
    n = typed_field(body, "n", int, 1)
    if not 1 <= n <= MAX_CHOICES:
        raise InvalidRequest(f"n must be between 1 and {MAX_CHOICES}")
    return n


def parse_bias(body: Mapping[str, Any]) -> Mapping[str, float]:
    """Return the biases of tokens, checked as the runner will check them."""
    biases = typed_field(body, "logit_bias", dict, {})
    checked_options({"logit_bias": biases})
    return biases


def parse_sampling(body: Mapping[str, Any], *limit_names: str) -> dict[str, Any]:
    """Return the options with Ollama's names; their values are checked later with all others.

    Args:
        limit_names: The fields that may limit the length of the answer, the one that counts first.
    """
    options = {name: body[name] for name in SAME_NAMES if body.get(name) is not None}
    limits = [typed_field(body, name, int, 0) for name in limit_names if body.get(name) is not None]
    if limits and limits[0] < 1:
        raise InvalidRequest(f"{limit_names[0]} must be at least 1")
    return options | ({"num_predict": limits[0]} if limits else {})


def parse_effort(effort: object) -> Think | None:
    """Return how much to think, from `reasoning_effort`."""
    match effort:
        case None:
            return None
        case "none":
            return False
        case "minimal" | "low":
            return "low"
        case "medium":
            return "medium"
        case "high" | "xhigh" | "max":
            return "high"
    raise InvalidRequest("reasoning_effort must be one of none, minimal, low, medium, high, xhigh and max")


def parse_format(given: Mapping[str, Any]) -> ResponseFormat | None:
    """Return the format that `response_format`, or `text.format` of the responses, asks for."""
    match given.get("type"):
        case None | "text":
            return None
        case "json_object":
            return "json"
        case "json_schema":
            holder = given.get("json_schema", given)
            schema = holder.get("schema") if isinstance(holder, dict) else None
            if not isinstance(schema, dict):
                raise InvalidRequest("a format of type json_schema needs an object schema")
            return shallow("schema", schema)
    raise InvalidRequest("the type of a format must be text, json_object or json_schema")


def parse_logprobs(wanted: bool, top: int) -> int | None:
    """Return of how many likeliest tokens to tell the probability beside each token; None tells none."""
    if not 0 <= top <= MOST_LOGPROBS:
        raise InvalidRequest(f"top_logprobs must be between 0 and {MOST_LOGPROBS}")
    if top and not wanted:
        raise InvalidRequest("top_logprobs needs logprobs to be true")
    return top if wanted else None
