"""What a look at a folder finds, and that nothing leads out of it."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from rag.errors import FolderUnusable, PatternRefused
from rag.folders import opening, walk
from rag.folders.rules import Rules, parse_patterns
from rag.folders.walk import Listing, list_folder
from rag.types import FolderProblem, LeftOut


def look(folder: Path, include: str = "", exclude: str = "", max_bytes: int = 1000) -> Listing:
    rules = Rules(include=parse_patterns(include), exclude=parse_patterns(exclude), max_bytes=max_bytes)
    return list_folder(str(folder), rules, deadline_s=60)


def put(path: Path, content: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def problem_of(folder: Path) -> FolderProblem:
    with pytest.raises(FolderUnusable) as refused:
        look(folder)
    return refused.value.problem


# ---- what is listed ------------------------------------------------------------------------------


def test_files_are_listed_by_their_path_with_numbers(shelf: Path) -> None:
    put(shelf / "readme")
    put(shelf / "Reports" / "2025" / "计划.md", "四个字")

    listing = look(shelf)

    assert list(listing.files) == ["Reports/2025/计划.md", "readme"]
    assert listing.files["Reports/2025/计划.md"].size_bytes == 9
    assert listing.size_bytes == 13
    assert not listing.left_out


def test_what_is_left_out_is_counted_by_reason(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(shelf / ".git" / "config")
    put(shelf / "~$plan.docx")
    put(shelf / "film.mp4")
    put(shelf / "big.txt", "x" * 1001)
    put(shelf / "nothing.txt", "")
    put(shelf / "line\nbreak.txt")
    (shelf / os.fsdecode(b"caf\xe9.txt")).write_text("Latin-1")
    os.mkfifo(shelf / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        # Addresses of sockets are short, paths of tests are not.
        monkeypatch.chdir(shelf)
        listener.bind("socket.txt")

    listing = look(shelf)

    assert listing.files == {}
    assert listing.left_out == {
        LeftOut.HIDDEN: 2, LeftOut.UNSUPPORTED: 1, LeftOut.TOO_LARGE: 1, LeftOut.EMPTY: 1, LeftOut.NAME: 2,
        LeftOut.SPECIAL: 2,
    }  # fmt: skip
    assert listing.unsupported == {".mp4": 1}
    assert all(example.isprintable() for examples in listing.examples.values() for example in examples)
    assert len(listing.fingerprint()) == 32


@pytest.mark.parametrize(
    ("include", "exclude", "paths"),
    [
        ("", "drafts", ["a.md", "old/b.txt"]),
        ("", "*.TXT", ["a.md", "drafts/c.md"]),
        ("", "old/*", ["a.md", "drafts/c.md"]),
        ("*.md", "", ["a.md", "drafts/c.md"]),
        ("*.log", "", ["run.log"]),
        ("drafts\nold/b.*", "", ["drafts/c.md", "old/b.txt"]),
    ],
)
def test_patterns_choose(shelf: Path, include: str, exclude: str, paths: list[str]) -> None:
    for path in ("a.md", "old/b.txt", "drafts/c.md", "run.log"):
        put(shelf / path)

    assert list(look(shelf, include, exclude).files) == paths


@pytest.mark.parametrize("text", ["x" * 201, "\n".join(f"*.{n}" for n in range(51))])
def test_patterns_have_bounds(text: str) -> None:
    with pytest.raises(PatternRefused):
        parse_patterns(text)


def test_the_fingerprint_tells_every_change(shelf: Path) -> None:
    note = put(shelf / "note.txt", "one")
    seen = [look(shelf).fingerprint(), look(shelf).fingerprint()]
    put(shelf / "more.txt")
    seen.append(look(shelf).fingerprint())
    # The same size and the same time, but another file under the name.
    facts = note.stat()
    put(shelf / "new.tmp", "two")
    os.utime(shelf / "new.tmp", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    os.replace(shelf / "new.tmp", note)
    seen.append(look(shelf).fingerprint())

    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


def test_a_folder_that_may_not_be_read_leaves_what_is_below_unknown(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shelf / "closed" / "a.txt")
    put(shelf / "open" / "b.txt")
    subfolder = opening.opened_subfolder

    def refusing(folder: int, name: str) -> int:
        if name == "closed":
            raise PermissionError(13, "Permission denied")
        return subfolder(folder, name)

    # Who runs the tests may be root, for whom nothing is closed.
    monkeypatch.setattr(opening, "opened_subfolder", refusing)

    listing = look(shelf)

    assert list(listing.files) == ["open/b.txt"]
    assert listing.left_out == {LeftOut.UNREADABLE: 1}
    assert listing.is_unread("closed/a.txt")
    assert not listing.is_unread("open/c.txt")


def test_ten_thousand_files_are_looked_at_in_a_moment(shelf: Path) -> None:
    for folder in range(100):
        (shelf / str(folder)).mkdir()
        for number in range(100):
            (shelf / str(folder) / f"{number}.txt").touch()
            os.truncate(shelf / str(folder) / f"{number}.txt", 1)
    began = time.process_time()

    listing = look(shelf)

    assert len(listing.files) == 10_000
    assert time.process_time() - began < 2


# ---- bounds --------------------------------------------------------------------------------------


def test_too_many_files_and_too_long_a_look_are_refused(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(11):
        put(shelf / f"{number}.txt")
    monkeypatch.setattr(walk, "MAX_FILES", 10)

    assert problem_of(shelf) == FolderProblem.TOO_MANY

    monkeypatch.setattr(walk, "MAX_FILES", 1000)
    monkeypatch.setattr(walk, "MAX_ENTRIES", 10)

    assert problem_of(shelf) == FolderProblem.TOO_MANY

    monkeypatch.setattr(walk, "MAX_ENTRIES", 1000)
    for number in range(500):
        (shelf / f"{number}.mp4").touch()
    ticks = iter(range(0, 1000, 100))
    with pytest.raises(FolderUnusable) as refused:
        list_folder(str(shelf), Rules(max_bytes=1), deadline_s=60, clock=lambda: float(next(ticks)))
    assert refused.value.problem == FolderProblem.NO_ANSWER


def test_folders_are_followed_to_a_depth(shelf: Path) -> None:
    put(shelf.joinpath(*["d"] * 41) / "deep.txt")
    put(shelf.joinpath(*["d"] * 40) / "less.txt")

    listing = look(shelf)

    assert [path.rpartition("/")[2] for path in listing.files] == ["less.txt"]
    assert listing.left_out == {LeftOut.NAME: 1}


# ---- where a folder may lie ----------------------------------------------------------------------


def test_only_allowed_folders_are_read(shelf: Path, settings: Settings, tmp_path: Path) -> None:
    put(shelf / "sub" / "a.txt")

    assert list(look(shelf / "sub").files) == ["a.txt"]
    assert problem_of(shelf.parent / "secret") == FolderProblem.NOT_ALLOWED
    assert problem_of(shelf / ".." / "secret") == FolderProblem.NOT_ALLOWED
    assert problem_of(Path(f"{shelf}-2")) == FolderProblem.NOT_ALLOWED
    assert problem_of(shelf / "nowhere") == FolderProblem.GONE
    assert problem_of(shelf / "sub" / "a.txt") == FolderProblem.NOT_A_FOLDER

    settings.HEARTH_FOLDERS = ()
    assert problem_of(shelf) == FolderProblem.OFF


@pytest.mark.parametrize("root", ["data", "data/uploads", ".", "link-to-data", "/proc/self", "/sys"])
def test_a_folder_that_holds_the_sites_own_data_is_refused(
    shelf: Path, settings: Settings, tmp_path: Path, root: str
) -> None:
    (tmp_path / "link-to-data").symlink_to(tmp_path / "data")
    settings.HEARTH_FOLDERS = (Path(os.path.normpath(tmp_path / root)),)

    assert problem_of(settings.HEARTH_FOLDERS[0]) == FolderProblem.HOLDS_DATA


def test_the_allowed_folder_may_be_a_link_but_none_below_it(shelf: Path, settings: Settings, tmp_path: Path) -> None:
    put(shelf / "sub" / "a.txt")
    (tmp_path / "shortcut").symlink_to(shelf)
    (shelf / "link").symlink_to(shelf.parent / "secret")
    settings.HEARTH_FOLDERS = (tmp_path / "shortcut",)

    assert list(look(tmp_path / "shortcut").files) == ["sub/a.txt"]
    assert problem_of(tmp_path / "shortcut" / "link") == FolderProblem.NOT_A_FOLDER


def test_the_folders_to_choose_from_are_real_ones_in_sight(shelf: Path) -> None:
    put(shelf / "beta" / "a.txt")
    put(shelf / "Alpha" / "a.txt")
    put(shelf / ".hidden" / "a.txt")
    put(shelf / "file.txt")
    (shelf / "link").symlink_to(shelf.parent / "secret")

    assert opening.subfolders(str(shelf), 10) == ["Alpha", "beta"]
    assert opening.subfolders(str(shelf), 1) == ["Alpha"]
    with pytest.raises(FolderUnusable):
        opening.subfolders(str(shelf.parent), 10)


# ---- links ---------------------------------------------------------------------------------------


def test_links_that_lead_out_are_left_out_and_counted(shelf: Path) -> None:
    put(shelf / "a.txt")
    (shelf / "file").symlink_to(shelf.parent / "secret" / "salaries.txt")
    (shelf / "folder").symlink_to("../secret")
    (shelf / "chain").symlink_to("folder")
    (shelf / "broken").symlink_to("nowhere")
    (shelf / "self").symlink_to("self")

    listing = look(shelf)

    assert list(listing.files) == ["a.txt"]
    assert listing.left_out == {LeftOut.LINK_OUT: 3, LeftOut.LINK_BROKEN: 2}


def test_links_inside_are_followed_once_without_loops(shelf: Path) -> None:
    put(shelf / "a.txt")
    put(shelf / ".versions" / "v3" / "b.txt")
    put(shelf / ".versions" / "v3" / "c.txt")
    (shelf / ".versions" / "v3" / "up").symlink_to("../..")
    (shelf / "current").symlink_to(".versions/v3")
    (shelf / "again").symlink_to(shelf / ".versions" / "v3")
    (shelf / "same.txt").symlink_to("a.txt")
    (shelf / "round").symlink_to(".")

    listing = look(shelf)

    # "again" is the first that leads there; nothing comes twice.
    assert sorted(listing.files) == ["a.txt", "again/b.txt", "again/c.txt"]
    assert listing.files["again/b.txt"].real_path == ".versions/v3/b.txt"
    with opening.opened_folder(str(shelf)) as (folder, _):
        os.close(opening.opened_file(folder, ".versions/v3/b.txt"))


def test_a_link_does_not_lead_around_a_pattern(shelf: Path) -> None:
    put(shelf / "drafts" / "b.txt")
    (shelf / "way").symlink_to("drafts")
    (shelf / "file.txt").symlink_to("drafts/b.txt")

    assert look(shelf, exclude="drafts").files == {}


@pytest.mark.parametrize("path", ["sub/a.txt", "sub", "pipe", "nowhere", "../secret/salaries.txt", "/etc/hostname", ""])
def test_what_became_a_link_or_no_file_is_not_opened(shelf: Path, path: str) -> None:
    (shelf / "sub").symlink_to(shelf.parent / "secret")
    put(shelf.parent / "secret" / "a.txt")
    os.mkfifo(shelf / "pipe")

    with opening.opened_folder(str(shelf)) as (folder, _), pytest.raises(OSError):  # noqa: PT011
        opening.opened_file(folder, path)


def test_a_link_that_is_swapped_in_between_never_leads_out(shelf: Path) -> None:
    put(shelf / "sub" / "salaries.txt", "public")
    (shelf / ".link").symlink_to(shelf.parent / "secret")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(shelf / "sub", shelf / ".away")
            os.rename(shelf / ".link", shelf / "sub")
            os.rename(shelf / "sub", shelf / ".link")
            os.rename(shelf / ".away", shelf / "sub")

    swapping = threading.Thread(target=swap)
    swapping.start()
    read = set()
    try:
        for _ in range(500):
            for file in look(shelf).files.values():
                assert file.size_bytes == len("public")
            with opening.opened_folder(str(shelf)) as (folder, _):
                try:
                    descriptor = opening.opened_file(folder, "sub/salaries.txt")
                except OSError:
                    continue
            with os.fdopen(descriptor) as opened:
                read.add(opened.read())
    finally:
        stop.set()
        swapping.join()

    assert read == {"public"}
