"""Whether the parts that an answer needs work: the facts behind /ready, /ready/pages and the health page."""

from __future__ import annotations

import asyncio
import logging
import platform
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal, TypedDict

import psutil
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import gettext_lazy as _

import rag.api
from inference import client

logger = logging.getLogger(__name__)
Check = Callable[[], Awaitable[str]]
"""Returns what is wrong with a part, in the end of a sentence that begins with its name; empty when nothing is."""
CHECK_TIMEOUT_S = 3.0
SUPERVISOR = "webui.management.supervisor"
PROCESSES = {
    # An argument of its command: what a person calls it.
    SUPERVISOR: _("Supervisor"),
    "webui": _("Web server"),
    "inference.server": _("Built-in model server"),
    "inference.runner": _("Model in memory"),
    "inference.runner.template_process": _("Reader of chat templates"),
}
PACKAGES = ("Django", "llama-cpp-python", "chromadb", "onnxruntime")


PART_LABELS = {
    "database": _("Database"),
    "inference": _("Built-in model server"),
    "vector_store": _("Document index"),
    "redis": _("Messages between processes"),
}


class PartFacts(TypedDict):
    state: Literal["ok", "failed"]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the installation. `detail` is empty when it works."""

    name: str
    is_ok: bool
    detail: str = ""

    @property
    def label(self) -> str:
        return str(PART_LABELS[self.name])

    def as_json(self) -> PartFacts:
        return {"state": "ok" if self.is_ok else "failed", "detail": self.detail}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMemory:
    pid: int
    name: str
    rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    total_bytes: int
    free_bytes: int


async def parts() -> list[Part]:
    """Ask all parts at once; none costs more than CHECK_TIMEOUT_S."""
    return await _checked(
        {
            "database": _check_database,
            "inference": _check_inference,
            "vector_store": _check_vector_store,
            **_redis_where_used(),
        }
    )


async def parts_of_pages() -> list[Part]:
    """Ask only what no page can do without: chats can be read while the model server is away."""
    return await _checked({"database": _check_database, **_redis_where_used()})


def _redis_where_used() -> Mapping[str, Check]:
    return {"redis": _check_redis} if settings.REDIS_URL else {}


async def _checked(checks: Mapping[str, Check]) -> list[Part]:
    return list(await asyncio.gather(*(_asked(name, check) for name, check in checks.items())))


async def _asked(name: str, check: Check) -> Part:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            problem = await check()
    except TimeoutError:
        problem = f"does not answer within {CHECK_TIMEOUT_S:.0f} s"
    except DatabaseError:
        logger.warning("The database does not answer", exc_info=True)
        problem = "does not answer: the database failed"
    return Part(name=name, is_ok=not problem, detail=problem)


async def _check_database() -> str:
    await database_sync_to_async(_ask_database)()
    return ""


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def _check_inference() -> str:
    return "" if await client.is_built_in_ready() else f"does not answer at {settings.HEARTH_INFERENCE_URL}"


async def _check_vector_store() -> str:
    state = await database_sync_to_async(rag.api.index_state)()
    return "" if state.is_ready else state.detail or "does not answer"


async def _check_redis() -> str:
    # Where Redis is not used, nobody pays for its client: 9 MB and 0.15 s.
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    try:
        async with Redis.from_url(settings.REDIS_URL) as redis:
            await redis.ping()
    except (RedisError, OSError):
        logger.warning("Redis does not answer", exc_info=True)
        return "does not answer"
    return ""


def process_memory() -> list[ProcessMemory]:
    """Return what this installation's processes hold: the whole tree when `up` runs it, else this branch."""
    own = psutil.Process()
    parent = own.parent()
    root = parent if parent is not None and SUPERVISOR in _command(parent) else own
    found = []
    for process in [root, *root.children(recursive=True)]:
        try:
            rss_bytes = process.memory_info().rss
            found.append(ProcessMemory(pid=process.pid, name=_title(_command(process)), rss_bytes=rss_bytes))
        except psutil.NoSuchProcess:
            continue
    return found


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def _title(command: list[str]) -> str:
    """Return what a person recognises; for a process that is not ours, its first word without the path."""
    for word, title in PROCESSES.items():
        if word in command:
            return str(title)
    return command[0].rsplit("/", 1)[-1] if command else "python"


def disk() -> Disk:
    usage = shutil.disk_usage(settings.HEARTH_DATA)
    return Disk(total_bytes=usage.total, free_bytes=usage.free)


def versions() -> dict[str, str]:
    packages = {name: version(name) for name in PACKAGES}
    return {"Hearth": settings.HEARTH_VERSION, "Python": platform.python_version(), **packages}
