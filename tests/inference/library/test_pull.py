from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from inference.library.errors import (
    BadManifest,
    DigestMismatch,
    ForeignRealm,
    InsecureRegistry,
    NotEnoughSpace,
    NotInRegistry,
    RegistryFailed,
    SizeMismatch,
)
from inference.library.manifests import Store
from inference.library.names import ModelName
from inference.library.pull import Puller, PullLine
from inference.library.registry import Registry as RegistryClient
from inference.library.transfer import MAX_TRIES, Manner
from tests.doubles.registry import Registry

WEIGHTS = bytes(range(256)) * 12_000  # 3 MB: written in three pieces
PLENTY = 10**12


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        registry.put("library/tiny/latest", model=WEIGHTS, system=b"Be kind.")
        yield registry


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def puller(store: Store) -> Puller:
    return Puller(store, manner=Manner(pause=at_once), free_bytes=lambda _folder: PLENTY)


async def at_once(_seconds: float) -> None:
    return None


def tiny(registry: Registry) -> ModelName:
    return ModelName.parse(f"{registry.host}/library/tiny")


async def pull(puller: Puller, name: ModelName) -> list[PullLine]:
    return [line async for line in puller.pull(name.short)]


def weights_in(store: Store, name: ModelName) -> bytes:
    layer = store.read_manifest(name).first("model")
    assert layer is not None
    return store.blob_file(layer.digest).read_bytes()


def n_names(store: Store) -> int:
    return len(list(store.names()))


async def test_a_pulled_model_is_whole_and_its_steps_are_told(puller: Puller, registry: Registry, store: Store) -> None:
    lines = await pull(puller, tiny(registry))

    steps = [line["status"] for line in lines if "digest" not in line]
    assert steps == [
        "pulling manifest", "verifying sha256 digest", "writing manifest", "success",
    ]  # fmt: skip
    assert weights_in(store, tiny(registry)) == WEIGHTS
    layer_lines = [line for line in lines if line.get("total") == len(WEIGHTS)]
    assert layer_lines[-1]["completed"] == len(WEIGHTS)
    assert layer_lines[0]["status"] == f"pulling {layer_lines[0]['digest'][7:19]}"


async def test_pulling_again_transfers_the_manifest_only(puller: Puller, registry: Registry) -> None:
    await pull(puller, tiny(registry))
    registry.requests.clear()

    lines = await pull(puller, tiny(registry))

    assert registry.paths() == ["/v2/library/tiny/manifests/latest"]
    assert lines[-1] == {"status": "success"}


async def test_a_cut_connection_is_taken_up_where_it_broke(puller: Puller, registry: Registry, store: Store) -> None:
    registry.cut_after = [1_500_000, 500_000]

    lines = await pull(puller, tiny(registry))

    assert weights_in(store, tiny(registry)) == WEIGHTS
    assert registry.n_blob_bytes == len(WEIGHTS) + len(b"Be kind.")
    completed = [line["completed"] for line in lines if line.get("total") == len(WEIGHTS)]
    assert completed == sorted(completed)


async def test_a_later_pull_goes_on_from_what_an_earlier_one_left(
    puller: Puller, registry: Registry, store: Store
) -> None:
    registry.cut_after = [2_000_000] + [0] * MAX_TRIES
    with pytest.raises(RegistryFailed):
        await pull(puller, tiny(registry))
    registry.cut_after = []
    registry.n_blob_bytes = 0

    await pull(puller, tiny(registry))

    assert weights_in(store, tiny(registry)) == WEIGHTS
    assert registry.n_blob_bytes == len(WEIGHTS) - 2_000_000 + len(b"Be kind.")


async def test_a_registry_that_ignores_ranges_is_read_from_the_start(
    puller: Puller, registry: Registry, store: Store
) -> None:
    registry.ignores_ranges = True
    registry.cut_after = [1_500_000]

    await pull(puller, tiny(registry))

    assert weights_in(store, tiny(registry)) == WEIGHTS


async def test_a_pull_that_is_left_stops_and_can_be_taken_up(puller: Puller, registry: Registry, store: Store) -> None:
    async with aclosing(puller.pull(tiny(registry).short)) as lines:
        async for line in lines:
            if "digest" in line:
                break

    assert n_names(store) == 0
    await pull(puller, tiny(registry))
    assert weights_in(store, tiny(registry)) == WEIGHTS


async def test_two_pulls_of_one_model_download_it_once(puller: Puller, registry: Registry, store: Store) -> None:
    await asyncio.gather(pull(puller, tiny(registry)), pull(puller, tiny(registry)))

    assert registry.n_blob_bytes == len(WEIGHTS) + len(b"Be kind.")
    assert weights_in(store, tiny(registry)) == WEIGHTS


async def test_a_blob_that_is_not_what_was_promised_is_thrown_away(
    puller: Puller, registry: Registry, store: Store
) -> None:
    digest = next(digest for digest, data in registry.blobs.items() if data == WEIGHTS)
    registry.blobs[digest] = WEIGHTS[:-1] + b"!"

    with pytest.raises(DigestMismatch):
        await pull(puller, tiny(registry))

    assert n_names(store) == 0
    assert list(store.blobs.iterdir()) == []


async def test_a_blob_that_never_ends_is_cut_off(puller: Puller, registry: Registry, store: Store) -> None:
    digest = next(digest for digest, data in registry.blobs.items() if data == WEIGHTS)
    registry.blobs[digest] = WEIGHTS * 4

    with pytest.raises(SizeMismatch):
        await pull(puller, tiny(registry))

    assert sum(path.stat().st_size for path in store.blobs.iterdir()) <= len(WEIGHTS)


@pytest.mark.parametrize("digest", ["sha256:../../../../escape", "../escape", "sha256:" + "Z" * 64, ""])
async def test_a_digest_that_leads_out_of_the_store_is_refused(
    puller: Puller, registry: Registry, tmp_path: Path, digest: str
) -> None:
    good = registry.manifests["library/tiny/latest"].decode()
    first = next(iter(registry.blobs))
    registry.manifests["library/tiny/latest"] = good.replace(first, digest).encode()

    with pytest.raises(BadManifest):
        await pull(puller, tiny(registry))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "manifest", [b"", b"<html>", b"[]", b'{"layers": {}}', b'{"layers": []}', b'{"layers": [' + b"{}," * 3000 + b"{}]}"]
)
async def test_a_manifest_that_is_none_is_refused(puller: Puller, registry: Registry, manifest: bytes) -> None:
    registry.manifests["library/tiny/latest"] = manifest

    with pytest.raises(BadManifest):
        await pull(puller, tiny(registry))


async def test_a_huge_manifest_is_not_read_to_its_end(puller: Puller, registry: Registry) -> None:
    registry.manifests["library/tiny/latest"] = b" " * 8_000_000

    with pytest.raises(RegistryFailed, match="too large"):
        await pull(puller, tiny(registry))


async def test_compressed_answers_are_refused(puller: Puller, registry: Registry) -> None:
    registry.encoding = "gzip"

    with pytest.raises(RegistryFailed, match="compressed"):
        await pull(puller, tiny(registry))


async def test_an_unknown_model_is_told_by_name(puller: Puller, registry: Registry) -> None:
    with pytest.raises(NotInRegistry) as error:
        await pull(puller, ModelName.parse(f"{registry.host}/library/nobody"))

    assert error.value.host == registry.host


async def test_a_full_disk_is_noticed_before_anything_is_downloaded(store: Store, registry: Registry) -> None:
    puller = Puller(store, free_bytes=lambda _folder: 1000)

    with pytest.raises(NotEnoughSpace) as error:
        await pull(puller, tiny(registry))

    assert error.value.free_bytes == 1000
    assert registry.n_blob_bytes == 0


async def test_what_only_the_former_version_used_may_be_kept(registry: Registry, store: Store) -> None:
    puller = Puller(store, prunes=False, manner=Manner(pause=at_once), free_bytes=lambda _folder: PLENTY)
    await pull(puller, tiny(registry))
    registry.put("library/tiny/latest", model=b"new weights")

    lines = await pull(puller, tiny(registry))

    assert "removing unused layers" not in [line["status"] for line in lines]
    assert len(list(store.blobs.iterdir())) == 3


async def test_a_token_is_fetched_from_the_registry_itself(puller: Puller, registry: Registry, store: Store) -> None:
    registry.realm = f"http://{registry.host}/token"

    await pull(puller, tiny(registry))

    assert weights_in(store, tiny(registry)) == WEIGHTS
    assert registry.requests[1][0] == "/token?scope=pull&service=registry"


async def test_a_token_that_expires_meanwhile_is_fetched_again(registry: Registry, store: Store) -> None:
    registry.realm = f"http://{registry.host}/token"
    registry.token_uses = 3
    manner = Manner(pause=at_once, part_bytes=200_000, max_streams=1)
    puller = Puller(store, manner=manner, free_bytes=lambda _folder: PLENTY)

    await pull(puller, tiny(registry))

    assert weights_in(store, tiny(registry)) == WEIGHTS
    assert sum(path.startswith("/token") for path in registry.paths()) >= 5


async def test_what_nobody_came_back_for_is_cleared_away_after_a_month(
    puller: Puller, registry: Registry, store: Store
) -> None:
    store.blobs.mkdir(parents=True)
    left = [store.blobs / f"sha256-{letter * 64}-partial{end}" for letter in "ab" for end in ("", "-map")]
    for path in left:
        path.write_bytes(b"left")
    for path in left[:2]:
        os.utime(path, (0, 0))

    await pull(puller, tiny(registry))

    assert [path.exists() for path in left] == [False, False, True, True]


@pytest.mark.parametrize("realm", ["http://127.0.0.1:1/token", "https://evil.example/token", "nonsense", "http://["])
async def test_a_realm_on_another_host_is_refused(puller: Puller, registry: Registry, realm: str) -> None:
    registry.realm = realm

    with pytest.raises(ForeignRealm):
        await pull(puller, tiny(registry))


async def test_a_redirect_is_followed_without_the_token(puller: Puller, registry: Registry, store: Store) -> None:
    with Registry(blobs=registry.blobs) as cdn:
        registry.realm = f"http://{registry.host}/token"
        registry.redirect_to = f"http://{cdn.host}"

        await pull(puller, tiny(registry))

        assert weights_in(store, tiny(registry)) == WEIGHTS
        assert all("authorization" not in headers for _path, headers in cdn.requests)


@pytest.mark.parametrize("target", ["http://192.0.2.1", "http://10.0.0.1:80", "ftp://127.0.0.1", "file://"])
async def test_a_redirect_away_from_https_is_refused(puller: Puller, registry: Registry, target: str) -> None:
    registry.redirect_to = target

    with pytest.raises(InsecureRegistry):
        await pull(puller, tiny(registry))


async def test_redirects_in_a_circle_end(puller: Puller, registry: Registry) -> None:
    registry.redirect_to = f"http://{registry.host}"

    with pytest.raises(RegistryFailed):
        await pull(puller, tiny(registry))


async def test_a_refused_blob_is_not_tried_again(puller: Puller, registry: Registry) -> None:
    registry.blob_status = 403

    with pytest.raises(RegistryFailed):
        await pull(puller, tiny(registry))

    assert sum("/blobs/" in path for path in registry.paths()) == 1


async def test_a_registry_that_is_not_there_is_told_in_the_end() -> None:
    async with RegistryClient(ModelName.parse("127.0.0.1:1/library/tiny")) as client:
        with pytest.raises(RegistryFailed, match="no connection"):
            await client.offer()


async def test_a_name_in_another_case_is_the_same_model(puller: Puller, registry: Registry, store: Store) -> None:
    await pull(puller, tiny(registry))
    registry.put("library/TINY/latest", model=b"new weights")

    await pull(puller, ModelName.parse(f"{registry.host}/library/TINY"))

    assert n_names(store) == 1
    assert weights_in(store, tiny(registry)) == b"new weights"


async def test_layers_that_an_update_no_longer_needs_are_removed(
    puller: Puller, registry: Registry, store: Store
) -> None:
    await pull(puller, tiny(registry))
    registry.put("library/tiny/latest", model=b"new weights")

    lines = await pull(puller, tiny(registry))

    assert lines[-2:] == [{"status": "removing unused layers"}, {"status": "success"}]
    assert weights_in(store, tiny(registry)) == b"new weights"
    assert len(list(store.blobs.iterdir())) == 1


@pytest.mark.parametrize(
    ("host", "insecure", "scheme"),
    [
        ("registry.ollama.ai", False, "https"),
        ("hf.co", False, "https"),
        ("192.0.2.1:5000", False, "https"),
        ("192.0.2.1:5000", True, "http"),
        ("localhost:5000", False, "http"),
        ("[::1]:5000", False, "http"),
    ],
)
async def test_plain_http_is_for_this_machine_or_when_allowed(host: str, insecure: bool, scheme: str) -> None:
    async with RegistryClient(ModelName(host, "library", "tiny", "latest"), insecure=insecure) as client:
        assert client.base.scheme == scheme
