from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from inference import client
from inference.conf import ConnectionSpec
from inference.errors import InvalidRequest, ModelNotFound, WrongService
from inference.nearby import EmbedAnswered
from inference.runner.protocol import FrameDecoder, encode_frame
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


async def test_the_built_in_server_of_this_machine_is_asked_over_its_socket(
    upstream: Upstream, builtin_spec: ConnectionSpec, use_connections: UseConnections, tmp_path: Path
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (frame,) = FrameDecoder().feed(await reader.read(10_000))
        asked.append(orjson.loads(frame.json))
        writer.write(encode_frame(EmbedAnswered(type="embedded", n_dims=2), np.array([3, 4], "<f4").tobytes()))
        writer.close()

    asked: list[object] = []
    path = tmp_path / "x.sock"
    server = await asyncio.start_unix_server(answer, path)
    use_connections(replace(builtin_spec, nearby=path))

    vectors = await client.embed("embed", ["one two"])

    assert np.allclose(vectors, [[0.6, 0.8]])
    assert asked == [{"model": "embed:latest", "input": ["one two"]}]
    assert "/api/embed" not in upstream.paths()
    server.close()


async def test_without_that_socket_it_is_asked_over_http(
    upstream: Upstream, builtin_spec: ConnectionSpec, use_connections: UseConnections, tmp_path: Path
) -> None:
    use_connections(replace(builtin_spec, nearby=tmp_path / "nobody.sock"))

    vectors = await client.embed("embed", ["one two"])

    assert np.allclose(vectors, [embedding_of("one two")], atol=1e-6)
    assert upstream.paths().count("/api/embed") == 1
