from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

import pytest

from inference.errors import BadModelFile
from inference.library import blobs
from inference.library.blobs import SPARE_BYTES, BlobWriter, CreateLine, adopt, remove_unfinished
from inference.library.errors import BadManifest, DigestMismatch, NotEnoughSpace
from inference.library.manifests import Store
from tests.inference.library.stores import digest_of

DATA = b"GGUF" + bytes(range(256)) * 100
DIGEST = digest_of(DATA)
T = TypeVar("T")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "there" / "source.gguf"
    path.parent.mkdir()
    path.write_bytes(DATA)
    return path


def run(steps: Generator[CreateLine, None, T]) -> tuple[T, list[str]]:
    """Return what a generator returns, and the statuses it yields before."""
    lines = []
    while True:
        try:
            lines.append(next(steps)["status"])
        except StopIteration as end:
            return end.value, lines


def left_in(store: Store) -> list[str]:
    return sorted(path.name for path in store.blobs.iterdir())


def full(_folder: Path) -> int:
    return 0


def test_a_blob_is_there_once_it_is_whole(store: Store) -> None:
    with BlobWriter(store, DIGEST, len(DATA)) as writer:
        writer.write(DATA[:10])
        writer.write(DATA[10:])
        assert not store.blob_file(DIGEST).exists()
        writer.finish()

    assert store.blob_file(DIGEST).read_bytes() == DATA
    assert left_in(store) == [store.blob_file(DIGEST).name]


def test_another_content_than_announced_leaves_nothing(store: Store) -> None:
    with pytest.raises(DigestMismatch), BlobWriter(store, DIGEST) as writer:
        writer.write(b"other")
        writer.finish()

    assert left_in(store) == []


def test_what_breaks_off_leaves_nothing(store: Store) -> None:
    with pytest.raises(ConnectionError), BlobWriter(store, DIGEST) as writer:
        writer.write(DATA)
        raise ConnectionError

    assert left_in(store) == []


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../etc/passwd", "sha256:" + "g" * 64, "md5:" + "0" * 64])
def test_a_digest_that_is_none_never_becomes_a_path(store: Store, digest: str) -> None:
    with pytest.raises(BadManifest):
        BlobWriter(store, digest)

    assert not store.blobs.exists()


def test_a_full_disk_is_told_before_anything_is_written(store: Store) -> None:
    with pytest.raises(NotEnoughSpace) as caught:
        BlobWriter(store, DIGEST, 10**9, free_bytes=full)

    assert caught.value.needed_bytes == 10**9 + SPARE_BYTES
    assert left_in(store) == []


def test_a_disk_that_fills_up_meanwhile_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "_CHECK_SPACE_EVERY", 1000)
    free = iter([10**12, 0, 0])

    with pytest.raises(NotEnoughSpace), BlobWriter(store, DIGEST, free_bytes=lambda _: next(free)) as writer:
        for _ in range(3):
            writer.write(bytes(1000))

    assert left_in(store) == []


def test_a_file_of_this_disk_is_shared(store: Store, source: Path) -> None:
    digest, lines = run(adopt(store, source))

    assert digest == DIGEST
    assert os.path.samefile(store.blob_file(DIGEST), source)
    assert lines[-1] == f"shared {DIGEST[7:19]}: no disk space used"
    assert left_in(store) == [store.blob_file(DIGEST).name]


def test_what_is_shared_stays_when_its_owner_deletes_it(store: Store, source: Path) -> None:
    run(adopt(store, source))
    source.unlink()

    assert store.blob_file(DIGEST).read_bytes() == DATA


def test_a_link_is_followed_to_its_file(store: Store, source: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(source)

    run(adopt(store, link))

    assert not store.blob_file(DIGEST).is_symlink()
    assert store.blob_file(DIGEST).read_bytes() == DATA


def test_what_is_shared_already_is_not_read_again(store: Store, source: Path) -> None:
    run(adopt(store, source))

    assert run(adopt(store, source)) == (DIGEST, [])


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(blobs.fcntl, "ioctl", refuse)


@pytest.mark.usefixtures("no_links")
def test_a_file_that_cannot_be_shared_is_copied(store: Store, source: Path) -> None:
    digest, lines = run(adopt(store, source))

    assert store.blob_file(digest).read_bytes() == DATA
    assert not os.path.samefile(store.blob_file(digest), source)
    assert lines == ["copying source.gguf", f"copied {DIGEST[7:19]}: {len(DATA):,} bytes of disk used"]


@pytest.mark.usefixtures("no_links")
def test_a_copy_that_does_not_fit_is_not_begun(store: Store, source: Path) -> None:
    with pytest.raises(NotEnoughSpace):
        run(adopt(store, source, free_bytes=full))

    assert left_in(store) == []


@pytest.mark.parametrize("names", [[], ["no_links"]])
def test_a_file_that_is_not_what_its_name_says_is_refused(
    store: Store, source: Path, names: list[str], request: pytest.FixtureRequest
) -> None:
    for name in names:
        request.getfixturevalue(name)

    with pytest.raises(BadModelFile, match="damaged"):
        run(adopt(store, source, digest=digest_of(b"other")))

    assert left_in(store) == []


def change(source: Path) -> None:
    with source.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("meddle", [change, Path.unlink])
def test_a_file_that_changes_or_goes_meanwhile_leaves_nothing_wrong(
    store: Store, source: Path, meddle: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "_PIECE_BYTES", 1000)
    monkeypatch.setattr(blobs, "_REPORT_EVERY", 1000)
    steps = adopt(store, source)
    next(steps)
    meddle(source)

    try:
        digest, _ = run(steps)
    except BadModelFile:
        assert left_in(store) == []
    else:
        assert f"sha256:{hashlib.sha256(store.blob_file(digest).read_bytes()).hexdigest()}" == digest


def test_a_missing_file_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="No such file"):
        run(adopt(store, tmp_path / "nowhere.gguf"))


def test_giving_up_half_way_leaves_nothing(store: Store, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "_PIECE_BYTES", 1000)
    monkeypatch.setattr(blobs, "_REPORT_EVERY", 1000)
    steps = adopt(store, source)
    next(steps)

    steps.close()

    assert left_in(store) == []


def test_what_a_killed_process_left_is_deleted(store: Store) -> None:
    store.blobs.mkdir(parents=True)
    (store.blobs / "unfinished-abc").write_bytes(b"half")
    (store.root / "unfinished-def").write_bytes(b"half")
    kept = store.blobs / f"{store.blob_file(DIGEST).name}-partial"
    kept.write_bytes(b"a pull goes on with it")

    remove_unfinished(store)

    assert left_in(store) == [kept.name]
    assert not (store.root / "unfinished-def").exists()
