from __future__ import annotations

import asyncio
import hashlib
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

from inference.library.errors import DigestMismatch, RegistryFailed, SizeMismatch, StoreFailed
from inference.library.outbound import Outbound
from inference.library.partial import bytes_at_hand, partial_files
from inference.library.remote import RemoteFile
from inference.library.transfer import MAX_TRIES, Manner, Transfers
from tests.doubles.blob_server import BlobServer
from tests.doubles.registry import Registry

PART = 100_000
DATA = hashlib.shake_256(b"weights").digest(10 * PART + 1234)
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


class Rig:
    """A server, a client for it, and the place the file is to come to."""

    def __init__(self, server: BlobServer, folder: Path, *, stall_s: float = 20.0) -> None:
        self.server = server
        self.stall_s = stall_s
        self.outbound = Outbound(httpx.URL(f"http://{server.host}"), allows_http=True, stall_s=stall_s)
        self.target = folder / "blob"
        self.pauses: list[float] = []

    def remote(self, size_bytes: int = len(DATA)) -> RemoteFile:
        url = self.outbound.base.copy_with(path=f"/blobs/{DIGEST}")
        return RemoteFile(self.outbound, url, size_bytes=size_bytes)

    def transfers(self, *, max_streams: int = 4) -> Transfers:
        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        return Transfers(Manner(max_streams=max_streams, stall_s=self.stall_s, pause=pause, part_bytes=PART))

    async def fetch(self, *, max_streams: int = 4) -> list[int]:
        transfers = self.transfers(max_streams=max_streams)
        return [n_bytes async for n_bytes in transfers.fetch(self.remote(), self.target, digest=DIGEST)]

    def is_whole(self) -> bool:
        return self.target.read_bytes() == DATA and [path.name for path in self.target.parent.iterdir()] == ["blob"]


@pytest.fixture
def server() -> Iterator[BlobServer]:
    with BlobServer(blobs={DIGEST: DATA}) as server:
        yield server


@pytest.fixture
async def rig(server: BlobServer, tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(server, tmp_path)
    async with rig.outbound:
        yield rig


async def test_a_file_comes_in_several_parts_at_once(rig: Rig, server: BlobServer) -> None:
    server.bytes_per_s = 700_000

    counts = await rig.fetch()

    assert rig.is_whole()
    assert counts == sorted(counts)
    assert counts[-1] == len(DATA)
    assert 2 <= server.n_at_once <= 4


async def test_connections_are_used_again(rig: Rig, server: BlobServer) -> None:
    await rig.fetch(max_streams=2)

    assert len(server.requests) == 12
    assert server.n_connections <= 2


async def test_one_stream_is_one_connection_at_a_time(rig: Rig, server: BlobServer) -> None:
    await rig.fetch(max_streams=1)

    assert rig.is_whole()
    assert server.n_at_once == 1


async def test_every_part_that_breaks_is_taken_up_where_it_broke(rig: Rig, server: BlobServer) -> None:
    server.cut_after = [1, 30_000, 70_000, 99_999, 0, 0, 10, 50_000]  # The first cut falls on the probe.

    counts = await rig.fetch()

    assert rig.is_whole()
    assert server.n_blob_bytes == len(DATA) + 1
    assert counts == sorted(counts)
    assert all(0.1 <= seconds <= 1.5 for seconds in rig.pauses)


async def test_a_part_without_bytes_is_dialled_again(server: BlobServer, tmp_path: Path) -> None:
    server.stall_after = [1, 20_000, 0, 99_000]
    rig = Rig(server, tmp_path, stall_s=0.3)

    async with rig.outbound:
        await rig.fetch()

    assert rig.is_whole()
    assert server.stall_after == []
    assert server.n_blob_bytes < len(DATA) * 2


async def test_a_part_that_brings_nothing_is_given_up_and_the_rest_is_kept(rig: Rig, server: BlobServer) -> None:
    server.cut_after = [1, 100_000, 60_000] + [0] * (4 * MAX_TRIES)

    with pytest.raises(RegistryFailed, match="broke"):
        await rig.fetch(max_streams=1)

    assert bytes_at_hand(rig.target) == 160_000
    assert len(rig.pauses) == MAX_TRIES - 1
    assert rig.pauses[-1] > rig.pauses[0]


async def test_a_server_without_ranges_is_read_in_one_go_and_what_is_there_is_not_written_twice(
    rig: Rig, server: BlobServer
) -> None:
    server.cut_after = [1, PART, PART, 50_000] + [0] * MAX_TRIES
    with pytest.raises(RegistryFailed):
        await rig.fetch(max_streams=1)
    server.cut_after = [10, 500_000, 300_000]
    server.ignores_ranges = True

    counts = await rig.fetch()

    assert rig.is_whole()
    assert counts[0] == 250_000
    assert counts == sorted(counts)


async def test_links_that_expire_are_asked_for_again(rig: Rig, server: BlobServer, tmp_path: Path) -> None:
    server.uses_per_link = 3
    with Registry(cdn=server) as registry:
        front = Rig(registry, tmp_path / "front")
        front.target.parent.mkdir()
        async with front.outbound:
            await front.fetch(max_streams=2)

        assert front.is_whole()
        # 12 requests for data; a link is good for three, so the registry is asked four times or a few more.
        assert 4 <= len(registry.requests) <= 12
        assert server.n_blob_bytes == len(DATA) + 1


async def test_a_link_that_is_never_good_is_given_up(rig: Rig, server: BlobServer, tmp_path: Path) -> None:
    server.uses_per_link = 0
    with Registry(cdn=server) as registry:
        front = Rig(registry, tmp_path / "front")
        front.target.parent.mkdir()
        async with front.outbound:
            with pytest.raises(RegistryFailed) as error:
                await front.fetch()

    assert error.value.status == 403


async def test_a_lie_about_the_size_is_noticed_before_the_data_comes(rig: Rig, server: BlobServer) -> None:
    server.claims_bytes = len(DATA) * 1000

    with pytest.raises(SizeMismatch) as error:
        await rig.fetch()

    assert error.value.offered_bytes == len(DATA) * 1000
    assert server.n_blob_bytes <= 1


async def test_a_file_that_is_shorter_than_promised_is_refused(rig: Rig, server: BlobServer) -> None:
    server.blobs[DIGEST] = DATA[:-5000]

    with pytest.raises(SizeMismatch):
        await rig.fetch()


async def test_another_part_than_the_one_asked_for_is_not_taken(rig: Rig, server: BlobServer) -> None:
    server.shifts_ranges = True

    with pytest.raises(RegistryFailed, match="another part"):
        await rig.fetch()

    assert not rig.target.exists()


async def test_the_wrong_file_is_deleted(rig: Rig, server: BlobServer) -> None:
    server.blobs[DIGEST] = DATA[:-1] + b"!"

    with pytest.raises(DigestMismatch):
        await rig.fetch()

    assert list(rig.target.parent.iterdir()) == []


async def leave_half(rig: Rig, server: BlobServer) -> int:
    """Let a transfer fail in its sixth part; return the bytes that are there."""
    server.cut_after = [1] + [PART] * 5 + [40_000] + [0] * MAX_TRIES
    with pytest.raises(RegistryFailed):
        await rig.fetch(max_streams=1)
    server.cut_after = []
    server.n_blob_bytes = 0
    return bytes_at_hand(rig.target)


async def test_what_is_left_is_taken_up(rig: Rig, server: BlobServer) -> None:
    kept = await leave_half(rig, server)

    counts = await rig.fetch()

    assert rig.is_whole()
    assert kept == 5 * PART + 40_000
    assert counts[0] == kept
    assert server.n_blob_bytes == len(DATA) - kept + 1


async def test_a_part_that_was_damaged_meanwhile_is_fetched_again(rig: Rig, server: BlobServer) -> None:
    kept = await leave_half(rig, server)
    data_file, _map_file = partial_files(rig.target)
    with data_file.open("r+b") as file:
        file.seek(2 * PART + 500)
        file.write(b"damage")

    counts = await rig.fetch()

    assert rig.is_whole()
    assert counts == sorted(counts)
    assert server.n_blob_bytes == len(DATA) - kept + PART + 2


def cut_short(data_file: Path, map_file: Path) -> None:
    data_file.write_bytes(data_file.read_bytes()[:10])


def empty(data_file: Path, map_file: Path) -> None:
    map_file.write_bytes(b"")


def of_another_size(data_file: Path, map_file: Path) -> None:
    map_file.write_bytes(orjson.dumps({**orjson.loads(map_file.read_bytes()), "size": 7}))


def negative(data_file: Path, map_file: Path) -> None:
    body = orjson.loads(map_file.read_bytes())
    map_file.write_bytes(orjson.dumps({**body, "parts": [[-5, 0] for _part in body["parts"]]}))


def full_of_lies(data_file: Path, map_file: Path) -> None:
    body = orjson.loads(map_file.read_bytes())
    map_file.write_bytes(orjson.dumps({**body, "parts": [[PART, 1]] * 10 + [[1234, 1]]}))
    data_file.write_bytes(bytes(len(DATA)))


@pytest.mark.parametrize("damage", [cut_short, empty, of_another_size, negative, full_of_lies])
async def test_a_map_that_is_wrong_costs_traffic_and_nothing_else(
    rig: Rig, server: BlobServer, damage: Callable[[Path, Path], None]
) -> None:
    await leave_half(rig, server)
    damage(*partial_files(rig.target))

    await rig.fetch()

    assert rig.is_whole()


async def test_a_transfer_that_is_left_keeps_what_came(rig: Rig, server: BlobServer) -> None:
    server.bytes_per_s = 700_000

    async with aclosing(rig.transfers().fetch(rig.remote(), rig.target, digest=DIGEST)) as counts:
        async for n_bytes in counts:
            if n_bytes > 2 * PART:
                break

    assert 2 * PART < bytes_at_hand(rig.target) < len(DATA)
    assert not rig.target.exists()


async def test_two_who_want_one_file_share_its_transfer(rig: Rig, server: BlobServer) -> None:
    server.bytes_per_s = 700_000
    transfers = rig.transfers()

    async def follow() -> list[int]:
        return [n_bytes async for n_bytes in transfers.fetch(rig.remote(), rig.target, digest=DIGEST)]

    first, second = await asyncio.gather(follow(), follow())

    assert rig.is_whole()
    assert server.n_blob_bytes == len(DATA) + 1
    assert len(first) > 2
    assert len(second) > 2
    assert first[-1] == second[-1] == len(DATA)


async def test_one_of_two_may_leave(rig: Rig, server: BlobServer) -> None:
    server.bytes_per_s = 700_000
    transfers = rig.transfers()

    async def stay() -> int:
        return max([n_bytes async for n_bytes in transfers.fetch(rig.remote(), rig.target, digest=DIGEST)])

    staying = asyncio.ensure_future(stay())
    async with aclosing(transfers.fetch(rig.remote(), rig.target, digest=DIGEST)) as counts:
        async for n_bytes in counts:
            if n_bytes > PART:
                break

    assert await staying == len(DATA)
    assert rig.is_whole()
    assert server.n_blob_bytes == len(DATA) + 1


async def test_who_comes_while_the_last_one_leaves_starts_again(rig: Rig, server: BlobServer) -> None:
    server.bytes_per_s = 700_000
    transfers = rig.transfers()
    leaving = transfers.fetch(rig.remote(), rig.target, digest=DIGEST)
    while await anext(leaving) < PART:
        pass

    async def come() -> int:
        return max([n_bytes async for n_bytes in transfers.fetch(rig.remote(), rig.target, digest=DIGEST)])

    _none, arrived = await asyncio.gather(leaving.aclose(), come())

    assert arrived == len(DATA)
    assert rig.is_whole()


async def test_somebody_else_s_bad_source_is_not_ours(rig: Rig, server: BlobServer) -> None:
    server.bytes_per_s = 700_000
    transfers = rig.transfers()
    missing = RemoteFile(rig.outbound, rig.outbound.base.copy_with(path="/blobs/none"), size_bytes=len(DATA))

    async def follow(remote: RemoteFile) -> list[int]:
        return [n_bytes async for n_bytes in transfers.fetch(remote, rig.target, digest=DIGEST)]

    bad, good = await asyncio.gather(follow(missing), follow(rig.remote()), return_exceptions=True)

    assert isinstance(bad, RegistryFailed)
    assert isinstance(good, list)
    assert rig.is_whole()


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """Let the system refuse to write further into any file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_becomes_full_is_told_and_what_came_is_kept(rig: Rig, server: BlobServer) -> None:
    with files_of_at_most(5 * PART + 50_000), pytest.raises(StoreFailed) as error:
        await rig.fetch(max_streams=1)

    assert error.value.is_full
    kept = bytes_at_hand(rig.target)
    assert kept == 5 * PART + 50_000
    server.n_blob_bytes = 0
    await rig.fetch()
    assert rig.is_whole()
    assert server.n_blob_bytes == len(DATA) - kept + 1


async def test_an_empty_file_is_a_file_too(rig: Rig, tmp_path: Path) -> None:
    empty_digest = f"sha256:{hashlib.sha256().hexdigest()}"

    counts = [n async for n in rig.transfers().fetch(rig.remote(0), tmp_path / "empty", digest=empty_digest)]

    assert counts[-1] == 0
    assert (tmp_path / "empty").read_bytes() == b""
