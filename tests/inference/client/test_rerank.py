from __future__ import annotations

import numpy as np
import pytest

from inference import client
from inference.conf import ConnectionSpec
from inference.errors import InvalidRequest, ModelNotFound, WrongService
from tests.doubles.upstream import FakeModel, Upstream
from tests.inference.client.conftest import UseConnections


@pytest.fixture(params=["builtin", "openai"])
def connected(request: pytest.FixtureRequest, upstream: Upstream, use_connections: UseConnections) -> None:
    spec: ConnectionSpec = request.getfixturevalue(f"{request.param}_spec")
    upstream.models.append(FakeModel(name="rank", capabilities=("reranking",)))
    use_connections(spec)


@pytest.mark.usefixtures("connected")
async def test_scores_come_in_the_order_of_the_documents() -> None:
    scores = await client.rerank("rank", "red apple", ["blue sky", "red apple", "red sky"])

    assert scores.dtype == np.float32
    assert scores.tolist() == [0.0, 1.0, 0.5]


@pytest.mark.usefixtures("connected")
async def test_many_documents_go_in_several_requests(upstream: Upstream) -> None:
    scores = await client.rerank("rank", "red", ["red" if number == 129 else "blue" for number in range(130)])

    assert upstream.paths().count("/v1/rerank") == 3
    assert scores.argmax() == 129


@pytest.mark.usefixtures("connected")
async def test_nothing_to_rank_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        await client.rerank("rank", "query", [])
    with pytest.raises(InvalidRequest):
        await client.rerank("rank", "", ["document"])
    with pytest.raises(ModelNotFound):
        await client.rerank("nobody", "query", ["document"])


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize(
    "results",
    [
        None,
        [],
        [{"index": 0, "relevance_score": 0.5}],
        [{"index": 0, "relevance_score": 0.5}, {"index": 0, "relevance_score": 0.5}],
        [{"index": 0, "relevance_score": 0.5}, {"index": 2, "relevance_score": 0.5}],
        [{"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": "much"}],
        [{"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": float("inf")}],
        ["much", "little"],
    ],
)
async def test_an_answer_without_a_score_for_each_document_is_refused(results: object, upstream: Upstream) -> None:
    upstream.rank = lambda body: {"results": results}

    with pytest.raises(WrongService):
        await client.rerank("rank", "query", ["one", "two"])


async def test_rerankers_are_not_offered_for_chats(
    upstream: Upstream, builtin_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    upstream.models.append(FakeModel(name="rank", capabilities=("reranking",)))
    use_connections(builtin_spec)

    model = await client.find_model("rank")

    assert model.capabilities == {"reranking"}
    assert not model.can_chat
