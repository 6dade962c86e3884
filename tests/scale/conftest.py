from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from tests.doubles.upstream import FakeModel, Upstream
from tests.management.commands import hearth
from tests.scale import servers
from tests.scale.sites import WebProcess, wait_until_alive, web_process

StartProcess = Callable[[str], AbstractContextManager[WebProcess]]
HEARTBEAT_TIMEOUT_S = 3
SECRET_KEY = "the same for every process of one installation"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    with servers.running_postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The URL of a real Redis server."""
    with servers.running_redis() as url:
        yield url


@pytest.fixture(scope="session")
def models() -> Iterator[Upstream]:
    """What both processes take for the built-in model server; prompts steer it with `@fake`."""
    with Upstream(
        models=[
            FakeModel(name="tiny:latest"),
            FakeModel(name="all-minilm:latest", capabilities=("embedding",), context_length=512),
        ]
    ) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def installation(
    postgresql: str, redis: str, models: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> StartProcess:
    """Return a function that starts a further web process over one database, one Redis and one data folder."""
    data = tmp_path_factory.mktemp("scale") / "data"
    environment = {
        "DATABASE_URL": servers.new_database(postgresql, "two_processes"),
        "REDIS_URL": f"{redis}/0",
        "HEARTH_INFERENCE_URL": models.url,
        "HEARTH_SECRET_KEY": SECRET_KEY,
        "HEARTH_SIGNUP": "open",
        "HEARTH_HEARTBEAT_TIMEOUT_S": str(HEARTBEAT_TIMEOUT_S),
    }
    prepared = hearth(data, "prepare", **environment)
    assert prepared.returncode == 0, prepared.stderr
    return lambda name: web_process(data, name, **environment)


@pytest.fixture(scope="module")
def two_processes(installation: StartProcess) -> Iterator[tuple[WebProcess, WebProcess]]:
    with ExitStack() as stack:
        both = tuple(stack.enter_context(installation(name)) for name in ("a", "b"))
        for web in both:
            wait_until_alive(web)
        yield both[0], both[1]
