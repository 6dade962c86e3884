"""The server that the commands talk to, and what they say when it does not do what they ask."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from inference import errors
from inference.conf import ConnectionSpec
from inference.connections.kinds import ollama_for
from inference.connections.ollama import OllamaConnection
from inference.connections.transport import close_session
from inference.server.conf import DEFAULT_HOST, WrongSetting, parse_listen_address
from inference.server.process import read_env_file
from inference.types import ModelInfo

FAILED_EXIT_CODE = 1
INTERRUPTED_EXIT_CODE = 130
KEY_VARIABLES = ("HEARTH_API_KEY", "OLLAMA_API_KEY")
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  (nobody listens here: it is what a server may listen on)


class CommandFailed(Exception):
    """Why a command could not do its work: one sentence for a person."""


def run(work: Callable[[OllamaConnection], Awaitable[None]]) -> None:
    """Do something with the server at OLLAMA_HOST. Exits with 1 and a sentence when that fails."""
    with told_failures():
        read_env_file(os.environ)
        asyncio.run(_with_server(connection_spec(os.environ), work))


@contextmanager
def told_failures() -> Iterator[None]:
    """Turn what goes wrong into a sentence and an exit code."""
    try:
        yield
    except (WrongSetting, CommandFailed) as exc:
        sys.stderr.write(f"Error: {exc}\n")
        sys.exit(FAILED_EXIT_CODE)
    except errors.InferenceError as exc:
        sys.stderr.write(f"Error: {sentence(exc)}\n")
        sys.exit(FAILED_EXIT_CODE)
    except BrokenPipeError:
        # Who read us has left, as `head` does. What is still to be written on the way out has no reader either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED_EXIT_CODE)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        sys.exit(INTERRUPTED_EXIT_CODE)


async def _with_server(spec: ConnectionSpec, work: Callable[[OllamaConnection], Awaitable[None]]) -> None:
    try:
        await work(await ollama_for(spec))
    finally:
        await close_session()


def connection_spec(environ: Mapping[str, str]) -> ConnectionSpec:
    """Return how the server is reached that OLLAMA_HOST names, with the key for it. Raises WrongSetting."""
    url = server_url(environ.get("OLLAMA_HOST", ""))
    keys = next((keys for name in KEY_VARIABLES if (keys := environ.get(name, "").strip())), "")
    key = keys.partition(",")[0].strip()  # The built-in server may take several, one for each of its clients.
    if not (key.isascii() and key.isprintable()):
        raise WrongSetting("The key for the server holds characters that no header can carry.")
    # As the built-in one, wherever it is: an Ollama skips our headers, and it is to choose its own context window.
    return ConnectionSpec(name=url, kind="builtin", url=url, prefix="", key=key or None)


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
        case errors.BadCredentials() if error.status == 401:
            return f"the server wants a key, or another one; set {KEY_VARIABLES[0]}."
        case errors.QueueFull():
            return "the server is busy, and its queue is full. Try again later."
        case errors.RunnerDied():
            return f"the process that held {error.model} ended; the next question starts it again."
        case errors.UpstreamRefused() | errors.InvalidRequest() | errors.ModelLoadFailed() if error.detail:
            return error.detail
    return f"the server refused: {type(error).__name__}"
