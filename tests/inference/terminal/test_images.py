from __future__ import annotations

from pathlib import Path

import pytest

from inference.terminal import images
from inference.terminal.images import cut_images, read_images
from inference.terminal.server import CommandFailed

PNG = b"\x89PNG\r\n\x1a\nrest"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("cat.png", "my cat.JPG", "dog.webp"):
        (tmp_path / name).write_bytes(PNG)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "rest", "names"),
    [
        ("what is ./cat.png", "what is", ["cat.png"]),
        ("./cat.png and ~/dog.webp, which is it?", "and , which is it?", ["cat.png", "dog.webp"]),
        (r"./my\ cat.JPG who is it", "who is it", ["my cat.JPG"]),
        ("'./my cat.JPG' who is it", "who is it", ["my cat.JPG"]),
        ('see "./cat.png".', "see .", ["cat.png"]),
        ("what is ./none.png", "what is ./none.png", []),
        ("cat.png is a name", "cat.png is a name", []),
        ("./cat.pngs and ./cat.png/x", "./cat.pngs and ./cat.png/x", []),
        ("http://host/cat.png", "http://host/cat.png", []),
        ("no  image ", "no  image ", []),
    ],
)
def test_paths_of_images_leave_the_question(folder: Path, text: str, rest: str, names: list[str]) -> None:
    left, paths = cut_images(text)

    assert left == rest
    assert [path.name for path in paths] == names


def test_images_are_read_as_they_are(folder: Path) -> None:
    assert read_images([folder / "cat.png"]) == [PNG]


def test_what_is_no_image_is_refused(folder: Path) -> None:
    (folder / "notes.png").write_text("secret")

    with pytest.raises(CommandFailed, match=r"notes\.png is no image"):
        read_images([folder / "notes.png"])


def test_too_much_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 2 * len(PNG) - 1)

    with pytest.raises(CommandFailed, match="the images of one question may have 23 B"):
        read_images([folder / "cat.png", folder / "dog.webp"])
