"""Signing in to a registry that checks every signature."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from inference.library.errors import ForeignRealm, KeyFailed, SignInRefused
from inference.library.manifests import Store
from inference.library.pull import Puller
from inference.library.registry_key import RegistryKey
from inference.library.transfer import Manner
from tests.doubles.registry import Registry

NOWHERE = httpx.URL("https://registry.example/token?ts=1")


@pytest.fixture
def key(tmp_path: Path) -> RegistryKey:
    return RegistryKey(tmp_path / "data")


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry that lets in who signs, and wants to know for what."""
    with Registry(scope="repository:library/tiny:pull other:pull", accounts=[]) as registry:
        registry.put("library/tiny/latest", model=b"weights" * 1000)
        registry.realm = f"http://{registry.host}/token"
        yield registry


async def pull(registry: Registry, tmp_path: Path, key: RegistryKey | None) -> list[str]:
    puller = Puller(Store(tmp_path / "store"), key=key, manner=Manner(max_streams=1))
    return [line["status"] async for line in puller.pull(f"{registry.host}/library/tiny", insecure=True)]


async def test_a_model_is_pulled_by_an_account_that_has_the_key(
    registry: Registry, tmp_path: Path, key: RegistryKey
) -> None:
    registry.accounts = [key.public_text()]
    registry.token_uses = 1  # So that a second one is fetched, with a signature of its own.

    statuses = await pull(registry, tmp_path, key)

    assert statuses[-1] == "success"
    assert len(registry.nonces) >= 2
    told = [headers for path, headers in registry.requests if not path.startswith("/token")]
    assert all(headers.get("authorization", "Bearer ").startswith("Bearer ") for headers in told)


async def test_a_realm_keeps_what_its_address_asks_for(registry: Registry, tmp_path: Path, key: RegistryKey) -> None:
    registry.accounts = [key.public_text()]
    registry.realm += "?account=me%20and%20you"

    assert (await pull(registry, tmp_path, key))[-1] == "success"
    asked = next(path for path in registry.paths() if path.startswith("/token"))
    assert asked.startswith("/token?account=me+and+you&nonce=")
    assert "&scope=repository%3Alibrary%2Ftiny%3Apull&scope=other%3Apull&service=registry&ts=" in asked


async def test_a_key_that_no_account_has_is_told_with_where_it_lies(
    registry: Registry, tmp_path: Path, key: RegistryKey
) -> None:
    with pytest.raises(SignInRefused) as refused:
        await pull(registry, tmp_path, key)

    assert refused.value.key_path == str(key.path)
    assert key.path.with_name("id_ed25519.pub").read_text() == f"{key.public_text()}\n"


async def test_nothing_is_signed_for_another_host(registry: Registry, tmp_path: Path, key: RegistryKey) -> None:
    registry.realm = "https://evil.example/token"

    with pytest.raises(ForeignRealm):
        await pull(registry, tmp_path, key)
    assert not key.path.exists()


def test_a_key_is_made_once_for_its_owner_alone(key: RegistryKey) -> None:
    with ThreadPoolExecutor(8) as threads:
        texts = set(threads.map(lambda _: key.public_text(), range(16)))

    assert len(texts) == 1
    assert key.path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in key.path.parent.iterdir()) == ["id_ed25519", "id_ed25519.pub"]
    assert RegistryKey(key.path.parent).public_text() in texts


def test_a_key_of_ssh_keygen_is_taken_over(tmp_path: Path) -> None:
    """Copied from `~/.ollama`, where Ollama makes it in the same way."""
    private = Ed25519PrivateKey.generate()
    path = tmp_path / "id_ed25519"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))

    header = RegistryKey(tmp_path).authorization("GET", NOWHERE)

    public, signature = header.split(":")
    assert RegistryKey(tmp_path).public_text() == f"ssh-ed25519 {public}"
    assert len(signature) == 88


def test_a_key_that_others_could_read_is_closed_to_them(key: RegistryKey, caplog: pytest.LogCaptureFixture) -> None:
    key.public_text()
    key.path.chmod(0o644)

    with caplog.at_level(logging.WARNING, logger="inference"):
        key.public_text()

    assert key.path.stat().st_mode & 0o777 == 0o600
    assert "could be read by others" in caplog.text


@pytest.mark.parametrize("kind", ["nonsense", "empty", "with a password", "rsa", "folder"])
def test_what_is_no_such_key_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "id_ed25519"
    match kind:
        case "nonsense" | "empty":
            path.write_bytes(b"nonsense" if kind == "nonsense" else b"")
        case "with a password":
            encryption = BestAvailableEncryption(b"secret")
            path.write_bytes(
                Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption)
            )
        case "rsa":
            rsa = generate_private_key(65537, 2048)
            path.write_bytes(rsa.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        case "folder":
            path.mkdir()

    with pytest.raises(KeyFailed) as failed:
        RegistryKey(tmp_path).authorization("GET", NOWHERE)

    assert failed.value.path == str(path)
    assert "secret" not in failed.value.reason
