"""The server that the commands talk to, and what they say when it does not do what they ask."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from inference import errors
from inference.conf import ConnectionSpec
from inference.connections.kinds import ollama_for
from inference.connections.ollama import OllamaConnection
from inference.connections.transport import close_client
from inference.server.conf import DEFAULT_HOST, WrongSetting, parse_listen_address
from inference.server.process import read_env_file
from inference.types import ModelInfo

T = TypeVar("T")
INTERRUPTED_EXIT_CODE = 130
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  (nobody listens here: it is what a server may listen on)


class CommandFailed(Exception):
    """Why a command could not do its work: one sentence for a person."""


def run(work: Callable[[OllamaConnection], Awaitable[T]]) -> T:
    """Do something with the server at OLLAMA_HOST. Exits with 1 and a sentence when that fails."""
    try:
        read_env_file(os.environ)
        return asyncio.run(_with_server(server_url(os.environ.get("OLLAMA_HOST", "")), work))
    except (WrongSetting, CommandFailed) as exc:
        sys.stderr.write(f"Error: {exc}\n")
        sys.exit(1)
    except errors.InferenceError as exc:
        sys.stderr.write(f"Error: {sentence(exc)}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        sys.exit(INTERRUPTED_EXIT_CODE)


async def _with_server(url: str, work: Callable[[OllamaConnection], Awaitable[T]]) -> T:
    try:
        return await work(await ollama_for(ConnectionSpec(name=url, kind="ollama", url=url, prefix="")))
    finally:
        await close_client()


def server_url(host: str) -> str:
    """Return where the server is that OLLAMA_HOST names, for those who want to reach it.

    Raises WrongSetting.
    """
    name, port = parse_listen_address(host)
    scheme = "https" if host.strip().lower().startswith("https://") else "http"
    reachable = DEFAULT_HOST if name in ANY_ADDRESS else name
    return f"{scheme}://[{reachable}]:{port}" if ":" in reachable else f"{scheme}://{reachable}:{port}"


def named(model: str) -> ModelInfo:
    """Return a model of which no more than the name is known, as the server's orders take it."""
    return ModelInfo(id=model, name=model, connection="", connection_kind="ollama")


def sentence(error: errors.InferenceError) -> str:
    """Say what went wrong, and what to do about it where that is known."""
    match error:
        case errors.ModelNotFound():
            return f"model '{error.model}' not found"
        case errors.ConnectionRefused():
            return f"nothing answers at {error.url}. Start it with `hearth up` or `hearth serve`, or set OLLAMA_HOST."
        case errors.UpstreamTimeout():
            return f"{error.url} does not answer in time."
        case errors.HostNotFound():
            return f"no machine has the name in {error.url}."
        case errors.WrongService():
            return f"what answers at {error.url} does not speak Ollama's API."
        case errors.ConnectionFailed():
            return f"the connection to {error.url} broke."
        case errors.UpstreamRefused() | errors.InvalidRequest() | errors.ModelLoadFailed() if error.detail:
            return error.detail
    return f"the server refused: {type(error).__name__}"
