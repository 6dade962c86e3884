from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from inference.library.catalog import Catalog
from inference.library.errors import (
    BadManifest,
    DigestMismatch,
    GatedRepository,
    NoSuchFile,
    NotInRegistry,
    PrivateAddress,
    PullFailed,
    RegistryFailed,
    RemoteChanged,
)
from inference.library.hub_settings import HubSettings
from inference.library.huggingface import Hub as HubClient
from inference.library.manifests import Manifest, Store
from inference.library.names import ModelName
from inference.library.pull import Puller, PullLine
from inference.library.transfer import Manner
from tests.doubles.blob_server import BlobServer
from tests.doubles.hub import COMMIT, Hub

REPOSITORY = "alice/Tiny-GGUF"
NAME = f"hf.co/{REPOSITORY}"
WEIGHTS = hashlib.shake_256(b"weights").digest(2_000_000)
PROJECTOR = hashlib.shake_256(b"projector").digest(300_000)
PLENTY = 10**12


@pytest.fixture
def cdn() -> Iterator[BlobServer]:
    with BlobServer() as cdn:
        yield cdn


@pytest.fixture
def hub(cdn: BlobServer) -> Iterator[Hub]:
    with Hub(cdn=cdn) as hub:
        hub.put(REPOSITORY, "README.md", b"about")
        hub.put(REPOSITORY, "Tiny-Q4_K_M.gguf", WEIGHTS)
        hub.put(REPOSITORY, "Tiny-Q8_0.gguf", WEIGHTS + b"8")
        yield hub


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models" / "store")


async def at_once(_seconds: float) -> None:
    return None


async def pull(store: Store, hub: Hub, name: str = NAME, **settings: str) -> list[PullLine]:
    puller = Puller(
        store,
        hub=HubSettings(**{"endpoint": hub.url, **settings}),
        manner=Manner(pause=at_once, part_bytes=500_000),
        free_bytes=lambda _folder: PLENTY,
    )
    return [line async for line in puller.pull(name)]


def manifest_of(store: Store, name: str = NAME) -> Manifest:
    return store.read_manifest(ModelName.parse(name))


def data_of(store: Store, kind: str, name: str = NAME) -> bytes:
    layer = manifest_of(store, name).first(kind)
    assert layer is not None
    return store.blob_file(layer.digest).read_bytes()


async def test_a_repository_s_usual_file_is_pulled_with_ollama_s_words(store: Store, hub: Hub, cdn: BlobServer) -> None:
    lines = await pull(store, hub)

    assert data_of(store, "model") == WEIGHTS
    assert [line["status"] for line in lines if "digest" not in line] == [
        "pulling manifest", "verifying sha256 digest", "writing manifest", "success",
    ]  # fmt: skip
    assert cdn.n_blob_bytes == len(WEIGHTS) + 1
    assert hub.n_blob_bytes == 0


async def test_where_a_model_comes_from_is_kept(store: Store, hub: Hub) -> None:
    await pull(store, hub, f"{NAME}:q8_0")

    config = manifest_of(store, f"{NAME}:q8_0").config
    assert config is not None
    kept = orjson.loads(store.blob_file(config.digest).read_bytes())
    assert kept["source"]["commit"] == COMMIT
    assert kept["source"]["files"] == [{"path": "Tiny-Q8_0.gguf", "sha256": hashlib.sha256(WEIGHTS + b"8").hexdigest()}]
    assert kept["file_type"] == "Q8_0"


async def test_an_unchanged_model_is_not_transferred_again(store: Store, hub: Hub, cdn: BlobServer) -> None:
    await pull(store, hub)
    hub.requests.clear()
    cdn.requests.clear()

    await pull(store, hub)

    assert cdn.requests == []
    assert all(path.startswith("/api/") for path in hub.paths())


async def test_a_pasted_address_of_a_file_works(store: Store, hub: Hub) -> None:
    await pull(store, hub, f"https://huggingface.co/{REPOSITORY}/resolve/main/Tiny-Q8_0.gguf?download=true")

    assert data_of(store, "model", f"{NAME}:Q8_0") == WEIGHTS + b"8"


async def test_the_mirror_s_own_address_works_and_only_the_mirror_is_asked(store: Store, hub: Hub) -> None:
    await pull(store, hub, f"{hub.host}/{REPOSITORY}:Q8_0")

    assert data_of(store, "model", f"{NAME}:Q8_0") == WEIGHTS + b"8"
    assert len(hub.requests) > 2


async def test_a_mirror_that_does_not_answer_is_named(store: Store, hub: Hub) -> None:
    with pytest.raises(RegistryFailed, match="no connection") as error:
        await pull(store, hub, endpoint="http://127.0.0.1:1")

    assert error.value.host == "127.0.0.1"


async def test_a_mirror_that_is_something_else_is_told(store: Store, hub: Hub) -> None:
    hub.commit = "not a commit"

    with pytest.raises(RegistryFailed, match="does not answer like the Hub"):
        await pull(store, hub)


async def test_the_parts_of_a_split_model_are_found_by_llama_cpp_s_names(store: Store, hub: Hub) -> None:
    for number in (1, 2, 3):
        hub.put(REPOSITORY, f"F16/Tiny-F16-{number:05d}-of-00003.gguf", WEIGHTS + bytes([number]))

    await pull(store, hub, f"{NAME}:f16")

    first = store.weights_file(manifest_of(store, f"{NAME}:f16"))
    parts = sorted(first.parent.iterdir())
    assert [part.name[-19:] for part in parts] == [f"{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
    assert [part.read_bytes()[-1] for part in parts] == [1, 2, 3]
    store.delete(ModelName.parse(f"{NAME}:f16"))
    assert not first.parent.exists()


async def test_the_projector_and_the_texts_beside_a_model_become_layers(store: Store, hub: Hub) -> None:
    hub.put(REPOSITORY, "mmproj-Tiny-F16.gguf", PROJECTOR)
    hub.put(REPOSITORY, "system", b"Be kind.")
    hub.put(REPOSITORY, "params", b'{"temperature": 0.5}')

    await pull(store, hub)

    assert data_of(store, "projector") == PROJECTOR
    assert data_of(store, "system") == b"Be kind."
    assert data_of(store, "params") == b'{"temperature": 0.5}'


async def test_a_pulled_model_is_offered_by_either_name_of_the_hub(tmp_path: Path, hub: Hub, tiny_gguf: Path) -> None:
    hub.put("alice/real", "real-F32.gguf", tiny_gguf.read_bytes())
    catalog = Catalog(tmp_path / "models")

    await pull(catalog.store, hub, "hf.co/alice/real")

    assert catalog.find("hf.co/alice/real").name.short == "hf.co/alice/real:latest"
    assert catalog.find("https://huggingface.co/Alice/Real").source == "pulled"


async def test_a_token_goes_to_its_own_host_only(store: Store, hub: Hub, cdn: BlobServer) -> None:
    await pull(store, hub, token="secret", token_host=hub.host)

    assert all(headers["authorization"] == "Bearer secret" for _path, headers in hub.requests)
    assert cdn.requests
    assert all("authorization" not in headers for _path, headers in cdn.requests)


async def test_a_token_is_not_told_to_a_mirror(store: Store, hub: Hub) -> None:
    await pull(store, hub, token="secret")

    assert all("authorization" not in headers for _path, headers in hub.requests)


async def test_a_gated_model_says_what_is_missing(store: Store, hub: Hub) -> None:
    hub.gated.add(REPOSITORY)
    hub.accepts.add("good")

    with pytest.raises(GatedRepository) as without:
        await pull(store, hub)
    with pytest.raises(GatedRepository) as stranger:
        await pull(store, hub, token="bad", token_host=hub.host)
    await pull(store, hub, token="good", token_host=hub.host)

    assert not without.value.has_token
    assert stranger.value.has_token
    assert data_of(store, "model") == WEIGHTS


async def test_a_private_repository_needs_the_token_from_the_start(store: Store, hub: Hub) -> None:
    hub.private.add(REPOSITORY)
    hub.accepts.add("good")

    with pytest.raises(NotInRegistry):
        await pull(store, hub)
    await pull(store, hub, token="good", token_host=hub.host)

    assert data_of(store, "model") == WEIGHTS


async def test_an_unknown_repository_or_quantization_is_told(store: Store, hub: Hub) -> None:
    with pytest.raises(NotInRegistry):
        await pull(store, hub, "hf.co/alice/nothing")
    with pytest.raises(NoSuchFile) as error:
        await pull(store, hub, f"{NAME}:Q9_Z")

    assert error.value.offered == ["Q4_K_M", "Q8_0"]


async def test_links_that_expire_are_renewed_while_the_file_is_the_same(
    store: Store, hub: Hub, cdn: BlobServer
) -> None:
    cdn.uses_per_link = 2

    await pull(store, hub)

    assert data_of(store, "model") == WEIGHTS
    assert sum("/resolve/" in path for path in hub.paths()) >= 3


@pytest.mark.parametrize("claim", [{"claims_etag": "f" * 64}, {"claims_commit": "f" * 40}])
async def test_a_file_that_was_replaced_is_not_gone_on_with(
    store: Store, hub: Hub, cdn: BlobServer, claim: dict[str, str]
) -> None:
    for field, value in claim.items():
        setattr(hub, field, value)

    with pytest.raises(RemoteChanged):
        await pull(store, hub)

    assert cdn.n_blob_bytes <= 1


async def test_a_model_that_changed_between_two_pulls_is_started_over(store: Store, hub: Hub, cdn: BlobServer) -> None:
    cdn.cut_after = [1, 700_000] + [0] * 40
    with pytest.raises(RegistryFailed):
        await pull(store, hub)
    cdn.cut_after = []
    hub.commit = "f" * 40
    hub.put(REPOSITORY, "Tiny-Q4_K_M.gguf", WEIGHTS[::-1])

    await pull(store, hub)

    assert data_of(store, "model") == WEIGHTS[::-1]


async def test_a_lie_about_the_content_is_found_out(store: Store, hub: Hub, cdn: BlobServer) -> None:
    digest = hub.put(REPOSITORY, "Tiny-Q4_K_M.gguf", WEIGHTS)
    cdn.blobs[digest] = WEIGHTS[:-1] + b"!"

    with pytest.raises(DigestMismatch):
        await pull(store, hub)

    assert list(store.names()) == []


@pytest.mark.parametrize(
    "path",
    [
        "../../../escape-Q4_K_M.gguf", "/etc/escape-Q4_K_M.gguf", "a/../../b-Q4_K_M.gguf", "a\\..\\b-Q4_K_M.gguf",
        "x\n-Q4_K_M.gguf",
    ],
)  # fmt: skip
async def test_names_that_lead_out_of_the_repository_are_passed_over(
    store: Store, hub: Hub, tmp_path: Path, path: str
) -> None:
    hub.entries = [{"type": "file", "path": path, "size": 5, "lfs": {"oid": "0" * 64, "size": 5}}]

    await pull(store, hub)

    assert data_of(store, "model") == WEIGHTS
    assert {file.parent for file in tmp_path.rglob("*") if file.is_file()} == {
        store.blobs, store.manifests / "hf.co" / "alice" / "Tiny-GGUF",
    }  # fmt: skip


@pytest.mark.parametrize(
    "lfs", [{"oid": "../../escape", "size": 5}, {"oid": 7, "size": 5}, {"oid": "0" * 64, "size": -1}, {}, "text"]
)
async def test_odd_entries_in_the_list_of_files_are_no_crash(store: Store, hub: Hub, lfs: object) -> None:
    hub.entries = [
        {"type": "file", "path": "Odd-Q2_K.gguf", "size": 10**30, "lfs": lfs},
        {"type": "file", "path": None, "size": "x"},
        {"type": "file"},
    ]

    with pytest.raises((PullFailed, BadManifest)):
        await pull(store, hub, f"{NAME}:Q2_K")

    assert list(store.names()) == []


async def test_a_list_that_goes_on_elsewhere_or_for_ever_is_refused(store: Store, hub: Hub) -> None:
    hub.next_page = "https://evil.example/api/models"
    with pytest.raises(RegistryFailed, match="another host"):
        await pull(store, hub)

    hub.next_page = f"{hub.url}/api/models/{REPOSITORY}/tree/{COMMIT}?recursive=1"
    with pytest.raises(RegistryFailed, match="too many files"):
        await pull(store, hub)


async def test_a_search_finds_repositories(hub: Hub) -> None:
    hub.put("bob/Other-GGUF", "other.gguf", b"x")

    async with HubClient(HubSettings(endpoint=hub.url)) as client:
        found = await client.search("tiny", limit=10)

    assert [(repository.name, repository.n_downloads) for repository in found] == [(REPOSITORY, 100)]


async def test_the_hub_cannot_send_us_into_a_network_of_ours(store: Store, hub: Hub) -> None:
    class Elsewhere(BlobServer):
        def signed_link(self, digest: str) -> str:
            return "https://192.168.1.1/admin"

    hub.cdn = Elsewhere()

    with pytest.raises(PrivateAddress):
        await pull(store, hub)
