"""Which servers there are, and what browsers may do instead. They belong to the site: there is no user to ask for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from webui.speech.conf import SITE_TTL_S, allows_browser_dictation
from webui.speech.models import Endpoint


@dataclass(slots=True)
class _Known:
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    allows_browser: bool = False
    until: float = 0.0


_known = _Known()


def endpoint_of(task: Endpoint.Task) -> Endpoint | None:
    """Return what an administrator has entered for a task, also while it is switched off."""
    return Endpoint.objects.filter(task=task).first()


def offered(task: Endpoint.Task) -> Endpoint | None:
    """Return the server that people can use for a task. Two queries, and none in the seconds after them."""
    _know()
    return _known.endpoints.get(task)


def may_browser_write_down() -> bool:
    """Whether a browser may write down what is said where no server of ours does. Costs as `offered` does."""
    _know()
    return _known.allows_browser and Endpoint.Task.TRANSCRIBE not in _known.endpoints


def _know() -> None:
    if time.monotonic() < _known.until:
        return
    _known.endpoints = {row.task: row for row in Endpoint.objects.filter(is_enabled=True)}
    _known.allows_browser = allows_browser_dictation()
    _known.until = time.monotonic() + SITE_TTL_S


def forget_endpoints() -> None:
    """Ask the database anew with the next page."""
    _known.until = 0.0
