"""The fixture that starts the upstream double; test packages import it into their conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doubles.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A running upstream that speaks Ollama and OpenAI; see tests/doubles/upstream.py for how to steer it."""
    with Upstream() as double:
        yield double
