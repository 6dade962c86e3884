from __future__ import annotations

import numpy as np
import pytest

from inference import client
from inference.conf import ConnectionSpec
from inference.errors import InvalidRequest, ModelNotFound, WrongService
from tests.doubles.upstream import N_DIMS, Upstream, embedding_of
from tests.inference.client.conftest import UseConnections


async def test_each_text_becomes_a_row_of_length_one(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    vectors = await client.embed("embed", ["one two", "three", "one two"])

    assert vectors.shape == (3, N_DIMS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.array_equal(vectors[0], vectors[2])


async def test_many_texts_go_in_several_requests(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)
    texts = [f"text {number}" for number in range(130)]

    vectors = await client.embed("embed", texts)

    assert upstream.paths().count("/api/embed") == 3
    assert np.allclose(vectors[129], embedding_of("text 129"), atol=1e-6)


async def test_nothing_to_embed_is_refused(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    with pytest.raises(InvalidRequest):
        await client.embed("embed", [])


async def test_an_unknown_embedder_is_not_found(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    with pytest.raises(ModelNotFound):
        await client.embed("nobody", ["text"])


@pytest.mark.parametrize("row", [[], ["x"], [None], [float("inf")], [1e60]])
async def test_rows_that_are_no_vectors_are_refused(
    row: list[object], upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)
    upstream.embed = lambda text: row

    with pytest.raises(WrongService):
        await client.embed("embed", ["text"])
