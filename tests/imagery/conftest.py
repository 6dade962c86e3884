from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from inference import client
from tests.doubles.image_servers import WORKFLOW, ImageServer, Kind, image_server
from webui.imagery import workflows
from webui.imagery.backends import comfyui, requests
from webui.imagery.types import ImagerySpec

KINDS: tuple[Kind, ...] = ("openai", "automatic1111", "comfyui")


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[ImageServer]:
    """Each kind of server in turn."""
    with image_server(request.param) as running:
        yield running


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (requests, comfyui):
        monkeypatch.setattr(module, "POLL_S", 0.02)


@pytest_asyncio.fixture(autouse=True)
async def _session() -> AsyncIterator[None]:
    yield
    await client.aclose()


def spec_of(server: ImageServer, **changes: object) -> ImagerySpec:
    comfy = {"workflow": WORKFLOW, "mapping": workflows.proposal(WORKFLOW)} if server.kind == "comfyui" else {}
    values = {"uuid": f"{server.port}", "name": "Studio", "kind": server.kind, "url": server.url, **comfy, **changes}
    return ImagerySpec(**values)  # type: ignore[arg-type]  # each of its own type
