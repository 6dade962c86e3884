"""The model server as a process: read the environment, bind, serve, leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from inference.nearby import socket_path
from inference.server.conf import ServerConfig, WrongSetting
from inference.server.hosts import is_loopback_address
from inference.server.state import ServerState, get_state, make_state, set_state
from inference.server.tidying import keep_tidy

logger = logging.getLogger(__name__)

SETTINGS = "inference.server.settings"
SHUTDOWN_S = 4.0
"""After this, runners that still live are killed; whoever asked us to end waits 5 s at most."""

_BACKLOG = 1024
_OUR_VARIABLES = (
    "HEARTH_DATA",
    "HEARTH_API_KEY",
    "HEARTH_API_OPEN",
    "OLLAMA_",
    "HF_",
    "CUDA_VISIBLE_DEVICES",
)


class CannotStart(Exception):
    """Why the server does not start, in one sentence for a person."""


def main() -> None:
    """Run until told to stop. Exits with 1 when it cannot start."""
    try:
        read_env_file(os.environ)
        config = ServerConfig.from_environ(os.environ)
        prepare_folders(config)
        listener = bind(config)
    except (WrongSetting, CannotStart) as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(1)
    log_to_stderr(config)
    serve(config, listener)


def read_env_file(environ: MutableMapping[str, str]) -> None:
    """Add the model server's own variables of `.env`. The others, secrets among them, are not for this process."""
    for name, value in dotenv_values(Path(environ.get("HEARTH_ENV_FILE", ".env"))).items():
        if value is not None and name.startswith(_OUR_VARIABLES):
            environ.setdefault(name, value)


def prepare_folders(config: ServerConfig) -> None:
    """Make the models folder. Raises CannotStart when it cannot be written."""
    try:
        config.models_folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise CannotStart(f"The models folder {config.models_folder} cannot be made: {exc.strerror}.") from exc
    by_effective = os.access in os.supports_effective_ids
    if not os.access(config.models_folder, os.W_OK | os.X_OK, effective_ids=by_effective):
        raise CannotStart(f"The models folder {config.models_folder} cannot be written to.")


def bind(config: ServerConfig) -> socket.socket:
    """Return a listening socket. Raises CannotStart with the reason in plain words."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise CannotStart(f"OLLAMA_HOST names {config.host}, which is no address of any machine.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        raise CannotStart(_why_not_bound(config, exc)) from exc
    listener.setblocking(False)
    return listener


def _why_not_bound(config: ServerConfig, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return (
            f"Port {config.port} is already in use on {config.host}, perhaps by an Ollama; "
            f"stop that program or choose another port with OLLAMA_HOST={config.host}:{config.port + 1}."
        )
    if exc.errno == errno.EADDRNOTAVAIL:
        return f"OLLAMA_HOST names {config.host}, which is no address of this machine."
    return f"Cannot listen on {config.address}: {exc.strerror}."


def log_to_stderr(config: ServerConfig) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("inference").setLevel(logging.DEBUG if config.is_debug else logging.INFO)
    # Ours tell the same in one line, without a second one per 404.
    logging.getLogger("django.request").setLevel(logging.ERROR)
    logging.getLogger("daphne").setLevel(logging.ERROR)


def serve(config: ServerConfig, listener: socket.socket) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT."""
    _install_event_loop()
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    import django

    django.setup()

    from inference.runner.handle import RunnerHandle
    from inference.server.asgi import make_application
    from inference.server.http import ModelHttpServer
    from inference.server.nearby import serve_nearby

    watching: list[asyncio.Task[None]] = []
    nearby = socket_path(config.data, listener.getsockname()[1])

    def start() -> None:
        state = make_state(config, RunnerHandle.start)
        set_state(state)
        loop = asyncio.get_running_loop()
        watching.append(loop.create_task(state.scheduler.watch()))
        watching.append(loop.create_task(serve_nearby(nearby)))
        if config.prunes:
            watching.append(loop.create_task(keep_tidy(state.catalog.store)))
        _tell_start(config, listener)

    async def shut_down() -> None:
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)
        await close_runners(get_state())

    ModelHttpServer(make_application(), listener, start=start, shut_down=shut_down).run()
    logger.info("stopped")


async def close_runners(state: ServerState) -> None:
    """End all runners, in the end by force."""
    pids = [seat.runner.pid for seat in state.scheduler.seats() if seat.runner is not None]
    try:
        await asyncio.wait_for(state.scheduler.aclose(), SHUTDOWN_S)
    except TimeoutError:
        logger.warning("runners did not end in time and are killed")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _tell_start(config: ServerConfig, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    for note in config.notes:
        logger.warning("%s", note)
    if not is_loopback_address(host) and not config.keys:
        logger.warning(
            "%s can be reached from other machines, and HEARTH_API_OPEN lets anybody there use, add and delete "
            "models. That is right only where a firewall or a private network stands before it.",
            config.address,
        )
    logger.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)


def _install_event_loop() -> None:
    """Let Twisted use an asyncio loop, uvloop's where there is one; must come before Daphne is imported."""
    from twisted.internet import asyncioreactor

    install: Any = asyncioreactor.install
    try:
        import uvloop
    except ImportError:
        install(asyncio.new_event_loop())
    else:
        install(uvloop.new_event_loop())


def environment_for_child(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which `python -m inference.server` runs with its own settings."""
    paths = [str(Path(__file__).resolve().parents[2]), environ.get("PYTHONPATH", "")]
    return {**environ, "DJANGO_SETTINGS_MODULE": SETTINGS, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
