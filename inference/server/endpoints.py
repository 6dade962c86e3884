"""The decorator of every view: methods, and errors as JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from functools import wraps
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from inference.errors import InferenceError
from inference.server.error_shapes import error_shape
from inference.server.errors import answer_for, body_for, code_of
from inference.server.wire import NDJSON, ndjson

View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]

JSON = "application/json; charset=utf-8"


def endpoint(*methods: str) -> Callable[[View], View]:
    """Let a view answer these methods only, and turn our errors into JSON."""

    def decorate(view: View) -> View:
        @wraps(view)
        async def wrapper(request: HttpRequest, **captured: str) -> HttpResponseBase:
            if request.method not in methods:
                response = error_response(request, 405, "method not allowed", "method_not_allowed")
                response["Allow"] = ", ".join(methods)
                return response
            try:
                return await view(request, **captured)
            except InferenceError as exc:
                answer = answer_for(exc)
                return error_response(request, answer.status, answer.text, code_of(exc))

        return wrapper

    return decorate


def error_response(request: HttpRequest, status: int, text: str, code: str) -> HttpResponse:
    return json_response(error_shape(request.path, status, text, code), status=status)


def json_response(value: Any, *, status: int = 200) -> HttpResponse:
    body = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    return HttpResponse(body, content_type=JSON, status=status)


def empty_response(status: int) -> HttpResponse:
    """Answer with a status alone, and without Django's claim that nothing is a web page."""
    response = HttpResponse(status=status)
    del response["Content-Type"]
    return response


async def stream_response(lines: AsyncGenerator[dict[str, Any], None]) -> HttpResponseBase:
    """Answer with one line per item. What goes wrong before the first item still gets its own status."""
    first = await anext(lines)
    return StreamingHttpResponse(_encoded(first, lines), content_type=NDJSON)


async def _encoded(first: dict[str, Any], lines: AsyncGenerator[dict[str, Any], None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(lines):
        yield ndjson(first)
        try:
            async for line in lines:
                yield ndjson(line)
        except InferenceError as exc:
            yield ndjson(body_for(exc))
