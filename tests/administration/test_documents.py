"""The page of the search index: choosing its model, following the building, going back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from inference import client
from inference.errors import ConnectionRefused
from inference.types import ModelInfo, ModelList
from rag.models import Document
from rag.queries import current_version, version_in
from tests.doubles.embedder import FakeEmbedder
from tests.rag.fixtures import build_all
from webui.accounts.models import User

PAGE = "administration:documents"


@pytest.fixture(autouse=True)
def offered(embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models that embed and one that does not."""

    def model(name: str, capability: str) -> ModelInfo:
        return ModelInfo(
            id=name, name=name, connection="builtin", connection_kind="builtin", capabilities=frozenset({capability})
        )

    models = (model("all-minilm:latest", "embedding"), model("wide:latest", "embedding"), model("chat", "completion"))

    async def models_at_hand() -> ModelList:
        return ModelList(models=models, problems=())

    monkeypatch.setattr(client, "models_at_hand", models_at_hand)
    embedder.n_dims_of["wide:latest"] = embedder.n_dims_of["wide"] = 96


@pytest.fixture
def notes(ingested: Callable[..., Document], alice: User) -> Document:
    return ingested(alice, "The lighthouse was built in 1902.")


def shown(browser: Client, name: str = PAGE) -> str:
    return browser.get(reverse(name)).content.decode()


def press(browser: Client, name: str, **data: str) -> tuple[int, str]:
    response = browser.post(reverse(name), data, follow=True)
    return response.status_code, response.content.decode()


def test_before_the_first_document_the_model_can_be_chosen(shared_database: None, root_client: Client) -> None:
    assert "The first document makes the index." in shown(root_client)

    _, page = press(root_client, "administration:choose_embedder", embedder="wide:latest")

    assert current_version().embedder == "wide"
    assert "Answers draw on the index of this model." in page


def test_only_other_models_that_embed_are_offered(root_client: Client, notes: Document) -> None:
    page = shown(root_client)

    assert 'value="wide:latest"' in page
    assert 'value="chat"' not in page
    assert 'value="all-minilm:latest"' not in page


def test_a_chosen_model_builds_the_new_index_visibly(root_client: Client, root: User, notes: Document) -> None:
    _, page = press(root_client, "administration:choose_embedder", embedder="wide:latest")

    assert "0 of 1 documents" in page
    assert "Set by Root" in page
    build_all()
    page = shown(root_client, "administration:search_index")
    assert current_version().embedder == "wide"
    assert "96 dimensions" in page
    assert "is kept, so that you can go back to it" in page
    assert "hx-get" not in page


def test_a_model_that_does_not_answer_changes_nothing(
    root_client: Client, notes: Document, embedder: FakeEmbedder
) -> None:
    embedder.error = ConnectionRefused("http://127.0.0.1:1")

    status, page = press(root_client, "administration:choose_embedder", embedder="wide:latest")

    assert status == 422
    assert "notice--danger" in page
    assert version_in("building") is None


def test_a_model_that_tells_nothing_apart_is_refused(
    root_client: Client, notes: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def embed(model: str, texts: list[str]) -> object:
        return np.ones((len(texts), 8), dtype=np.float32)

    monkeypatch.setattr(client, "embed", embed)

    status, page = press(root_client, "administration:choose_embedder", embedder="wide:latest")

    assert status == 422
    assert "gives every text the same vector" in page


def test_without_another_model_it_says_so(
    root_client: Client, notes: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def models_at_hand() -> ModelList:
        return ModelList(models=(), problems=())

    monkeypatch.setattr(client, "models_at_hand", models_at_hand)
    page = shown(root_client)

    assert "No other model here turns text into meaning." in page
    assert "Build the index with it" not in page


def test_a_name_that_nobody_offers_is_refused(root_client: Client, notes: Document) -> None:
    status, _ = press(root_client, "administration:choose_embedder", embedder="../../etc")

    assert status == 422
    assert version_in("building") is None


def test_giving_up_going_back_and_removing(root_client: Client, notes: Document) -> None:
    old = current_version()
    press(root_client, "administration:choose_embedder", embedder="wide:latest")
    press(root_client, "administration:abort_build")
    assert version_in("building") is None

    press(root_client, "administration:choose_embedder", embedder="wide:latest")
    build_all()
    press(root_client, "administration:roll_back")
    build_all()
    assert current_version() == old

    press(root_client, "administration:drop_previous")
    _, page = press(root_client, "administration:roll_back")
    assert version_in("previous") is None
    assert "There is no index to go back to." in page


def test_what_the_environment_fixes_cannot_be_chosen(root_client: Client, notes: Document, settings: Settings) -> None:
    settings.HEARTH_EMBEDDER = "all-minilm"

    page = shown(root_client)
    status, refused = press(root_client, "administration:choose_embedder", embedder="wide:latest")

    assert "Fixed by HEARTH_EMBEDDER" in page
    assert "Build the index with it" not in page
    assert status == 422
    assert "fixed by HEARTH_EMBEDDER" in refused


def test_it_says_what_the_building_waits_for(root_client: Client, notes: Document, embedder: FakeEmbedder) -> None:
    press(root_client, "administration:choose_embedder", embedder="wide:latest")
    embedder.error = ConnectionRefused("http://127.0.0.1:1")

    build_all()

    assert "The model does not answer. It is tried again by itself." in shown(root_client)


@pytest.mark.parametrize(
    "name",
    ["documents", "search_index", "choose_embedder", "abort_build", "roll_back", "drop_previous", "leave_behind"],
)
@pytest.mark.django_db
def test_nobody_else_gets_there(alice_client: Client, name: str) -> None:
    url = reverse(f"administration:{name}")
    method = alice_client.get if name in ("documents", "search_index") else alice_client.post

    assert method(url).status_code == 404
