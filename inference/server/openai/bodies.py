"""Read the bodies of OpenAI's routes into what our own routes understand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from inference.errors import InvalidRequest
from inference.server.bodies import MAX_INPUTS, AnswerBody, EmbedBody, parse_model
from inference.server.errors import NotSupported
from inference.server.fields import typed_field
from inference.server.openai.messages import parse_messages
from inference.server.openai.sampling import (
    parse_bias,
    parse_effort,
    parse_format,
    parse_logprobs,
    parse_n,
    parse_sampling,
    refuse_unknown_wishes,
)
from inference.server.openai.tools import choose, parse_tools

Encoding = Literal["float", "base64"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked, and how the answer is to be written.

    Attributes:
        tells_usage: The stream ends with the counts of tokens.
        n: How many answers are wanted.
    """

    answer: AnswerBody
    stream: bool
    tells_usage: bool
    n: int = 1


def parse_chat(body: Mapping[str, Any]) -> Asked:
    """Read the body of `/v1/chat/completions`."""
    refuse_unknown_wishes(body)
    tools, must_call = choose(parse_tools(body), body.get("tool_choice"))
    answer = AnswerBody(
        model=parse_model(body),
        messages=parse_messages(body),
        think=parse_effort(body.get("reasoning_effort")),
        options=parse_sampling(body, "max_completion_tokens", "max_tokens"),
        tools=tools,
        must_call_tool=must_call,
        logit_bias=parse_bias(body),
        format=parse_format(typed_field(body, "response_format", dict, {})),
        top_logprobs=parse_logprobs(
            typed_field(body, "logprobs", bool, False), typed_field(body, "top_logprobs", int, 0)
        ),
    )
    return _asked(body, answer)


def parse_completion(body: Mapping[str, Any]) -> Asked:
    """Read the body of `/v1/completions`."""
    refuse_unknown_wishes(body)
    top = typed_field(body, "logprobs", int, 0)
    answer = AnswerBody(
        model=parse_model(body),
        prompt=_prompt(body.get("prompt")),
        suffix=typed_field(body, "suffix", str, ""),
        options=parse_sampling(body, "max_tokens"),
        logit_bias=parse_bias(body),
        top_logprobs=parse_logprobs(body.get("logprobs") is not None, top),
    )
    return _asked(body, answer)


def _asked(body: Mapping[str, Any], answer: AnswerBody) -> Asked:
    stream_options = typed_field(body, "stream_options", dict, {})
    return Asked(
        answer=answer,
        stream=typed_field(body, "stream", bool, False),
        tells_usage=typed_field(stream_options, "include_usage", bool, False),
        n=parse_n(body),
    )


def _prompt(given: object) -> str:
    match given:
        case str() if given:
            return given
        case [str(only)] if only:
            return only
        case list() if all(isinstance(item, str) for item in given) and given:
            raise NotSupported("prompt may hold one text: one answer is given to each request")
        case list():
            raise NotSupported("prompt must be text; tokens are not supported")
    raise InvalidRequest("prompt is required")


def parse_embeddings(body: Mapping[str, Any]) -> tuple[EmbedBody, Encoding]:
    """Read the body of `/v1/embeddings`."""
    given = body.get("input")
    inputs = [given] if isinstance(given, str) else given
    if not isinstance(inputs, list) or not inputs:
        raise InvalidRequest("input is required")
    if not all(isinstance(text, str) for text in inputs):
        raise NotSupported("input must be a string or an array of strings; tokens are not supported")
    if len(inputs) > MAX_INPUTS:
        raise InvalidRequest(f"input may hold at most {MAX_INPUTS} texts")
    dimensions = typed_field(body, "dimensions", int, 0)
    if dimensions < 0 or (body.get("dimensions") is not None and not dimensions):
        raise InvalidRequest("dimensions must be at least 1")
    match body.get("encoding_format"):
        case None | "float":
            encoding: Encoding = "float"
        case "base64":
            encoding = "base64"
        case _:
            raise InvalidRequest("encoding_format must be float or base64")
    return EmbedBody(model=parse_model(body), inputs=inputs, dimensions=dimensions or None, options={}), encoding
