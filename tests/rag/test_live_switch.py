"""From 384 to 1024 dimensions while people ask: real embedders in their own processes, a real index, a real loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
from channels.db import database_sync_to_async
from django.core.files.base import ContentFile
from pytest_django.fixtures import Settings

from inference import client
from rag import embedding
from rag.api import create_document, ingestion_loop, wait_until_ready
from rag.models import Document, IndexVersion
from rag.queries import current_version, version_in
from rag.retrieval import retrieve
from rag.store import vector_store
from rag.tasks import choose_embedder, roll_back
from rag.types import RELATED, UNRELATED, Retrieval
from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer
from webui.accounts.models import User

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("shared_database")]

N_DOCUMENTS = 12


@pytest.fixture(scope="module")
def embedders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """The embedded embedder of 384 dimensions, and one of 1024."""
    data = tmp_path_factory.mktemp("embedders")
    (data / "models").mkdir()
    gguf_files.build_embedding(data / "models" / "wide.gguf", n_dims=1024)
    with ModelServer(data) as server:
        yield server


@asynccontextmanager
async def running_loop() -> AsyncIterator[None]:
    loop = asyncio.create_task(ingestion_loop())
    try:
        yield
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
        await client.aclose()


@database_sync_to_async
def upload(owner: User, number: int) -> Document:
    text = f"The code of locker {number} is {number * 1111}."
    return create_document(owner, ContentFile(text.encode(), name=f"locker {number}.txt"))


async def until_ready(documents: list[Document]) -> None:
    async for _ in wait_until_ready([document.pk for document in documents], timeout_s=60):
        pass


async def until_current(version: IndexVersion) -> None:
    async with asyncio.timeout(60):
        while await database_sync_to_async(current_version)() != version:
            await asyncio.sleep(0.05)


class Asking:
    """Asks about one document after another until told to stop, and keeps what came back."""

    def __init__(self, user: User, documents: list[Document]) -> None:
        self.user = user
        self.documents = documents
        self.answers: list[tuple[int, Retrieval]] = []
        self.is_over = False

    async def run(self) -> None:
        while not self.is_over:
            number = len(self.answers) % N_DOCUMENTS
            found = await retrieve(
                user_id=self.user.pk,
                question=f"What is the code of locker {number + 1}?",
                document_ids=[document.pk for document in self.documents],
            )
            self.answers.append((number + 1, found))

    async def until_answered_with(self, embedder: str) -> None:
        """Wait until a question asked from now on, or just before, has drawn on the index of an embedder."""
        n_known = len(self.answers)
        async with asyncio.timeout(60):
            while all(found.trace.embedder != embedder for _, found in self.answers[n_known:]):
                await asyncio.sleep(0.05)


async def test_no_question_notices_the_switch(alice: User, embedders: ModelServer, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = embedders.url
    async with running_loop():
        documents = [await upload(alice, number) for number in range(1, N_DOCUMENTS + 1)]
        await until_ready(documents)
        old = await database_sync_to_async(current_version)()
        asking = Asking(alice, documents)
        async with asyncio.TaskGroup() as group:
            group.create_task(asking.run())
            new = await choose_embedder("wide")
            late = await upload(alice, N_DOCUMENTS + 1)
            await until_current(new)
            n_before_switch = len(asking.answers)
            await asking.until_answered_with("wide")
            await database_sync_to_async(roll_back)()
            await until_current(old)
            await asking.until_answered_with("all-minilm")
            asking.is_over = True

    assert (old.n_dims, new.n_dims) == (384, 1024)
    assert n_before_switch > 10
    for number, found in asking.answers:
        assert found.trace.dense_problem == ""
        assert f"is {number * 1111}." in found.passages[0].text
        assert all(candidate.dense is not None for candidate in found.trace.candidates)
    assert await database_sync_to_async(version_in)(IndexVersion.State.PREVIOUS) == new
    counts = [vector_store().count(version.collection, d.pk) for version in (old, new) for d in (*documents, late)]
    assert counts == [1] * (2 * N_DOCUMENTS + 2)
    assert embedders.runner("wide:latest") is not None


def test_the_embedded_embedder_knows_english_alone_and_sets_the_scale(
    embedders: ModelServer, settings: Settings
) -> None:
    settings.HEARTH_INFERENCE_URL = embedders.url

    async def measured() -> embedding.EmbedderProbe:
        try:
            return await embedding.probe("all-minilm")
        finally:
            await client.aclose()

    probe = asyncio.run(measured())
    assert (probe.latin_trust, probe.cjk_trust) == (1, 0)
    assert (probe.scale.unrelated, probe.scale.related) == pytest.approx((UNRELATED, RELATED), abs=0.02)
