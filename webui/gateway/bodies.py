"""The JSON that programs send, read strictly: what is checked here must be what the upstream reads."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from django.http import HttpRequest

from webui.gateway.errors import Refused

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Pictures come inside the JSON."""

Body = dict[str, Any]


def read_body(request: HttpRequest) -> Body:
    """Raises Refused for what is no JSON object, or says something twice."""
    # Not `request.body`, whose limit is that of forms.
    data = request.read(MAX_BODY_BYTES + 1)
    if len(data) > MAX_BODY_BYTES:
        raise body_too_large()
    try:
        body = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise Refused(400, "The body is not valid JSON.", code="invalid_json") from exc
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object.", code="invalid_json")
    return body


def body_too_large() -> Refused:
    return Refused(413, f"At most {MAX_BODY_BYTES // 2**20} MB can be sent here at once.", code="too_large")


def model_in(body: Body, *names: str) -> str:
    """Return the model that a body names."""
    for name in names or ("model",):
        if isinstance(value := body.get(name), str) and value:
            return value
    raise Refused(400, "The body must name a model.", code="invalid_request", param="model")


def _once(pairs: list[tuple[str, Any]]) -> Body:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Two readers could take different ones: one that may be asked, and one that may not.
        raise ValueError("a name twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
