"""Model files that arrive in pieces: taken in any order, checked, and put among the models only when whole."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.library.catalog import Catalog
from inference.library.errors import ChunkDamaged, NotEnoughSpace, UploadNotFound, UploadRefused
from inference.library.uploads import MAX_UNFINISHED, Checked, Receiver, Upload, usable_name

CHUNK = 4096
GIB = 2**30


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def receiver(models: Path) -> Receiver:
    return Receiver(models, chunk_bytes=CHUNK)


def chunks_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    yield from enumerate(data[start : start + CHUNK] for start in range(0, len(data), CHUNK))


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def root_of(data: bytes) -> bytes:
    return sha256(b"".join(sha256(chunk) for _index, chunk in chunks_of(data)))


def begin(receiver: Receiver, data: bytes, name: str = "tiny.gguf") -> Upload:
    return receiver.begin(name, len(data), 1_700_000_000_000)


def send(receiver: Receiver, upload: Upload, data: bytes, *, only: range | None = None) -> None:
    for index, chunk in chunks_of(data):
        if only is None or index in only:
            receiver.write(upload.id, index, chunk, sha256(chunk))


def finish(receiver: Receiver, upload: Upload, data: bytes) -> Checked:
    return receiver.finish(upload.id, root_of(data), patience_s=60)


def test_a_file_that_arrived_in_any_order_becomes_a_model(receiver: Receiver, models: Path, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()
    upload = begin(receiver, data)
    for index, chunk in reversed(list(chunks_of(data))):
        receiver.write(upload.id, index, chunk, sha256(chunk))

    checked = finish(receiver, upload, data)

    assert checked.path == models / "tiny.gguf"
    assert checked.sha256 == hashlib.sha256(data).hexdigest()
    assert (models / "tiny.gguf").read_bytes() == data
    assert Catalog(models).find("tiny").is_ours
    assert list((models / "uploads").iterdir()) == []


def test_an_unfinished_file_is_offered_to_nobody(receiver: Receiver, models: Path, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()
    send(receiver, begin(receiver, data), data)

    snapshot = Catalog(models).snapshot()

    assert (snapshot.models, snapshot.broken) == ((), ())


def test_another_process_goes_on_where_the_first_one_ended(receiver: Receiver, models: Path, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()
    send(receiver, begin(receiver, data), data, only=range(3))

    second = Receiver(models, chunk_bytes=CHUNK)
    upload = begin(second, data)

    assert [bool(digest) for digest in upload.digests[:5]] == [True, True, True, False, False]
    assert upload.digests[1] == sha256(data[CHUNK : 2 * CHUNK])
    assert [(listed.id, listed.received_bytes) for listed in second.uploads()] == [(upload.id, 3 * CHUNK)]

    send(second, upload, data, only=range(3, len(upload.digests)))
    assert finish(second, upload, data).path == models / "tiny.gguf"


def test_a_changed_file_of_the_same_name_is_another_upload(receiver: Receiver) -> None:
    first = receiver.begin("tiny.gguf", 10_000, 1)

    assert receiver.begin("tiny.gguf", 10_000, 1).id == first.id
    assert receiver.begin("tiny.gguf", 10_000, 2).id != first.id
    assert receiver.begin("tiny.gguf", 10_001, 1).id != first.id


def test_a_damaged_chunk_is_refused_and_leaves_no_trace(receiver: Receiver, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()
    upload = begin(receiver, data)

    with pytest.raises(ChunkDamaged):
        receiver.write(upload.id, 1, data[CHUNK : 2 * CHUNK], sha256(b"something else"))

    assert receiver.find(upload.id).received_bytes == 0


def test_the_check_finds_what_the_disk_lost(receiver: Receiver, models: Path, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()
    upload = begin(receiver, data)
    send(receiver, upload, data)
    with (models / "uploads" / str(upload.id) / "tiny.gguf").open("r+b") as file:
        file.seek(2 * CHUNK + 7)
        file.write(b"\xff\x00\xff")

    with pytest.raises(ChunkDamaged) as damaged:
        finish(receiver, upload, data)

    assert damaged.value.index == 2
    assert [index for index, digest in enumerate(receiver.find(upload.id).digests) if digest is None] == [2]
    send(receiver, upload, data, only=range(2, 3))
    assert finish(receiver, upload, data).path == models / "tiny.gguf"


def test_a_long_check_is_done_in_parts(receiver: Receiver, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()
    upload = begin(receiver, data)
    send(receiver, upload, data)

    parts = [receiver.finish(upload.id, root_of(data), patience_s=0) for _ in range(3)]

    assert [part.checked_bytes for part in parts] == [CHUNK, 2 * CHUNK, 3 * CHUNK]
    last = finish(receiver, upload, data)
    assert last.sha256 == hashlib.sha256(data).hexdigest()
    assert finish(receiver, upload, data) == last


def test_a_file_with_missing_chunks_is_not_finished(receiver: Receiver, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()
    upload = begin(receiver, data)
    send(receiver, upload, data, only=range(1, len(upload.digests)))

    with pytest.raises(UploadRefused, match="1 chunks are missing"):
        finish(receiver, upload, data)


def test_a_file_that_changed_on_the_way_is_not_finished(receiver: Receiver, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()
    upload = begin(receiver, data)
    send(receiver, upload, data)

    with pytest.raises(UploadRefused, match="has changed"):
        receiver.finish(upload.id, root_of(data[:-1] + b"!"), patience_s=60)


def test_a_broken_model_is_thrown_away_with_the_reason(receiver: Receiver, models: Path, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()[: 5 * CHUNK]
    upload = begin(receiver, data)
    send(receiver, upload, data)

    with pytest.raises(UploadRefused, match=r"tiny\.gguf cannot be used: .*truncated"):
        finish(receiver, upload, data)

    assert receiver.uploads() == []
    assert not (models / "tiny.gguf").exists()


def test_what_is_no_gguf_is_refused_with_its_first_chunk(receiver: Receiver) -> None:
    upload = receiver.begin("song.gguf", CHUNK, 0)

    with pytest.raises(UploadRefused, match="not a GGUF file"):
        receiver.write(upload.id, 0, b"ID3 " * 1024, sha256(b"ID3 " * 1024))
    assert receiver.uploads() == []


def test_the_parts_of_a_split_model_are_taken_one_by_one(receiver: Receiver, models: Path) -> None:
    """Only the first part has a header that describes the model; the others are whole when their digests are."""
    data = b"GGUF" + bytes(100)
    upload = begin(receiver, data, "large-00002-of-00002.gguf")
    send(receiver, upload, data)

    assert finish(receiver, upload, data).path == models / "large-00002-of-00002.gguf"


def test_a_chunk_beyond_four_gigabytes_lies_where_it_belongs(models: Path) -> None:
    receiver = Receiver(models)
    size = 5 * GIB + 3
    upload = receiver.begin("huge.gguf", size, 0)
    last, middle = b"end", bytes(range(256)) * (upload.chunk_bytes // 256)

    receiver.write(upload.id, len(upload.digests) - 1, last, sha256(last))
    receiver.write(upload.id, 4 * GIB // upload.chunk_bytes, middle, sha256(middle))

    path = models / "uploads" / str(upload.id) / "huge.gguf"
    with path.open("rb") as file:
        file.seek(4 * GIB)
        assert file.read(len(middle)) == middle
        file.seek(5 * GIB)
        assert file.read() == last
    assert path.stat().st_blocks * 512 < 64 * 1024 * 1024
    assert receiver.find(upload.id).received_bytes == len(middle) + 3


@pytest.mark.parametrize(
    ("index", "length"), [(0, CHUNK - 1), (0, CHUNK + 1), (1, CHUNK), (2, 1), (-1, CHUNK)], ids=str
)
def test_a_chunk_that_is_no_part_of_the_file_is_refused(index: int, length: int, receiver: Receiver) -> None:
    upload = receiver.begin("tiny.gguf", CHUNK + 10, 0)

    with pytest.raises(UploadRefused):
        receiver.write(upload.id, index, bytes(length), sha256(bytes(length)))


@pytest.mark.parametrize(
    "name", ["", ".gguf", "model.bin", "a\0.gguf", "a\n.gguf", "\ud800.gguf", "x" * 300 + ".gguf", "..", "/"]
)
def test_only_plain_names_of_gguf_files_are_taken(name: str, receiver: Receiver) -> None:
    with pytest.raises(UploadRefused):
        receiver.begin(name, 100, 0)


@pytest.mark.parametrize("name", ["../../etc/tiny.gguf", "C:\\models\\tiny.gguf", "/tiny.gguf", " tiny.gguf "])
def test_a_path_is_cut_to_its_last_part(name: str) -> None:
    assert usable_name(name) == "tiny.gguf"


@pytest.mark.parametrize("size", [0, -1, 2**63])
def test_impossible_sizes_are_refused(size: int, receiver: Receiver) -> None:
    with pytest.raises(UploadRefused):
        receiver.begin("tiny.gguf", size, 0)


def test_a_name_that_is_taken_is_refused_before_anything_is_sent(
    receiver: Receiver, models: Path, tiny_gguf: Path
) -> None:
    models.mkdir()
    shutil.copy(tiny_gguf, models / "tiny.gguf")

    with pytest.raises(UploadRefused, match="among the models already"):
        receiver.begin("tiny.gguf", 100, 0)


def test_a_file_that_does_not_fit_the_disk_is_refused_at_the_start(
    receiver: Receiver, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=65 * 2**20))

    with pytest.raises(NotEnoughSpace) as refused:
        receiver.begin("large.gguf", 2 * 2**20, 0)

    assert (refused.value.needed_bytes, refused.value.free_bytes) == (2 * 2**20, 2**20)
    assert receiver.uploads() == []


def test_only_so_many_uploads_are_unfinished(receiver: Receiver) -> None:
    for number in range(MAX_UNFINISHED):
        receiver.begin("tiny.gguf", 100, number)

    with pytest.raises(UploadRefused, match="unfinished"):
        receiver.begin("tiny.gguf", 100, MAX_UNFINISHED)
    assert receiver.begin("tiny.gguf", 100, 0).name == "tiny.gguf"


def test_a_removed_upload_is_gone_with_its_bytes(receiver: Receiver, models: Path, tiny_gguf: Path) -> None:
    data = tiny_gguf.read_bytes()
    upload = begin(receiver, data)
    send(receiver, upload, data, only=range(2))

    receiver.remove(upload.id)

    assert list((models / "uploads").iterdir()) == []
    with pytest.raises(UploadNotFound):
        receiver.remove(upload.id)
    with pytest.raises(UploadNotFound):
        send(receiver, upload, data, only=range(1))
