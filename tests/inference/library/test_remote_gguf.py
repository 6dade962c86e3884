from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import gguf
import httpx
import numpy as np
import pytest

from inference.errors import BadModelFile
from inference.library.errors import RegistryFailed, SizeMismatch
from inference.library.gguf import read_header
from inference.library.outbound import Outbound
from inference.library.remote import RemoteFile
from inference.library.remote_gguf import read_remote_header
from tests.doubles.blob_server import BlobServer

MB = 1_000_000

Open = Callable[[bytes], RemoteFile]


@pytest.fixture
def server() -> Iterator[BlobServer]:
    with BlobServer() as server:
        yield server


@pytest.fixture
async def open_remote(server: BlobServer) -> AsyncIterator[Open]:
    async with Outbound(httpx.URL(f"http://{server.host}"), allows_http=True) as outbound:

        def put(data: bytes) -> RemoteFile:
            server.blobs["file"] = data
            return RemoteFile(outbound, outbound.base.copy_with(path="/file"), size_bytes=len(data))

        yield put


def with_large_vocabulary(path: Path) -> bytes:
    """Return a file with the header of a real model: 151 936 tokens, as many merges, 300 tensors, and 20 MB more."""
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_context_length(32768)
    writer.add_embedding_length(256)
    writer.add_block_count(24)
    writer.add_head_count(4)
    writer.add_token_list([f"Ġtoken{number}" for number in range(151_936)])
    writer.add_token_types([1] * 151_936)
    writer.add_token_merges([f"Ġtok en{number}" for number in range(151_387)])
    writer.add_chat_template("{{ messages }}" * 200)
    for number in range(300):
        writer.add_tensor(f"blk.{number}.attn_output.weight", np.zeros((64, 256), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


async def test_a_large_vocabulary_costs_less_than_8_mb(open_remote: Open, server: BlobServer, tmp_path: Path) -> None:
    data = with_large_vocabulary(tmp_path / "large.gguf")

    header = await read_remote_header(open_remote(data), "large.gguf")

    assert header == read_header(tmp_path / "large.gguf")
    assert header.vocabulary_size == 151_936
    assert len(data) > 20 * MB
    assert sum(len(headers["range"]) > 0 for _path, headers in server.requests) < 12
    assert server.n_blob_bytes < 8 * MB


async def test_a_small_header_costs_one_request(open_remote: Open, server: BlobServer, tiny_gguf: Path) -> None:
    header = await read_remote_header(open_remote(tiny_gguf.read_bytes()), "tiny.gguf")

    assert header == read_header(tiny_gguf)
    assert len(server.requests) == 1


async def test_what_is_no_gguf_is_refused_by_name(open_remote: Open) -> None:
    with pytest.raises(BadModelFile) as error:
        await read_remote_header(open_remote(b"<html>" * 1000), "page.gguf")

    assert error.value.model == "page.gguf"


async def test_a_server_without_ranges_is_told(open_remote: Open, server: BlobServer, tmp_path: Path) -> None:
    server.ignores_ranges = True

    with pytest.raises(RegistryFailed, match="whole files only"):
        await read_remote_header(open_remote(with_large_vocabulary(tmp_path / "large.gguf")), "large.gguf")


async def test_a_header_that_never_ends_is_left(open_remote: Open, server: BlobServer, tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "endless.gguf", "qwen2")
    writer.add_token_list(["x" * 100_000] * 400)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()

    with pytest.raises(BadModelFile, match="larger than any real one"):
        await read_remote_header(open_remote((tmp_path / "endless.gguf").read_bytes()), "endless.gguf")

    assert server.n_blob_bytes < 34 * MB


async def test_a_lie_about_the_size_is_told(open_remote: Open, server: BlobServer, tiny_gguf: Path) -> None:
    server.claims_bytes = 5

    with pytest.raises(SizeMismatch):
        await read_remote_header(open_remote(tiny_gguf.read_bytes()), "tiny.gguf")
