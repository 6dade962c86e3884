"""Who may call this server at all: decided by the headers alone, before anything of the body is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference.server.state import ServerState


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    text: str
    code: str


def refusal_of(state: ServerState, headers: Mapping[str, str], *, needs_key: bool = True) -> Refusal | None:
    """Return why a caller is refused: it means another machine, is a page that was not allowed, or has no key.

    Args:
        headers: Looked up without regard to case.
    """
    origin = headers.get("Origin")
    if not state.hosts.allows(headers.get("Host")):
        return Refusal(403, "this Host is not served; see OLLAMA_HOST", "host_refused")
    if origin is not None and not state.origins.allows(origin):
        return Refusal(403, "this Origin is not allowed; see OLLAMA_ORIGINS", "origin_refused")
    if needs_key and not state.keys.allows(headers):
        return Refusal(401, "unauthorized: send a key as Authorization: Bearer KEY", "no_key")
    return None
