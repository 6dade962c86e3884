"""Which servers there are. They belong to the site, so there is no user to ask for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from webui.speech.conf import SITE_TTL_S
from webui.speech.models import Endpoint


@dataclass(slots=True)
class _Known:
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    until: float = 0.0


_known = _Known()


def endpoint_of(task: Endpoint.Task) -> Endpoint | None:
    """Return what an administrator has entered for a task, also while it is switched off."""
    return Endpoint.objects.filter(task=task).first()


def offered(task: Endpoint.Task) -> Endpoint | None:
    """Return the server that people can use for a task. One query, and none in the seconds after it."""
    if time.monotonic() >= _known.until:
        _known.endpoints = {row.task: row for row in Endpoint.objects.filter(is_enabled=True)}
        _known.until = time.monotonic() + SITE_TTL_S
    return _known.endpoints.get(task)


def forget_endpoints() -> None:
    """Ask the database anew with the next page."""
    _known.until = 0.0
