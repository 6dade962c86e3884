"""A catalog whose only connections are the ones a test names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from inference import catalog
from inference.conf import ConnectionSpec
from tests.doubles.upstream import Upstream

UseConnections = Callable[..., None]


@pytest.fixture
def use_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[UseConnections]:
    """Return a function that makes some specs the only connections there are, without a database."""

    def use(*specs: ConnectionSpec) -> None:
        monkeypatch.setattr(catalog, "_read_specs", lambda: specs)
        catalog.forget()

    yield use
    catalog.forget()


@pytest.fixture
def ollama_spec(upstream: Upstream) -> ConnectionSpec:
    return ConnectionSpec(name="Box", kind="ollama", url=upstream.url, prefix="box")


@pytest.fixture
def openai_spec(upstream: Upstream) -> ConnectionSpec:
    return ConnectionSpec(name="Cloud", kind="openai", url=upstream.openai_url, prefix="cloud", key="sk-secret")


@pytest.fixture
def builtin_spec(upstream: Upstream) -> ConnectionSpec:
    return ConnectionSpec(name="Built-in", kind="builtin", url=upstream.url, prefix="builtin")


@pytest.fixture(params=["ollama", "openai"])
def spec(request: pytest.FixtureRequest) -> ConnectionSpec:
    """The upstream double as a connection of each kind."""
    found: ConnectionSpec = request.getfixturevalue(f"{request.param}_spec")
    return found
