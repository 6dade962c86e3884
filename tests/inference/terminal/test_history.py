from __future__ import annotations

from pathlib import Path

from inference.terminal import history
from inference.terminal.display import Display
from inference.terminal.history import QuestionHistory, history_path


def lines_of(path: Path) -> list[str]:
    return list(QuestionHistory(path, Display()).load_history_strings())


def test_what_was_asked_comes_back_latest_first(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history"
    for text in ("one", "two\nlines", "dreiß 你"):
        QuestionHistory(path, Display()).store_string(text)

    assert lines_of(path) == ["dreiß 你", "two\nlines", "one"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f'"{number}"\n' for number in range(history.MAX_KEPT + 5)))

    kept = lines_of(path)

    assert len(kept) == history.MAX_KEPT
    assert kept[-1] == "5"
    assert len(path.read_text().splitlines()) == history.MAX_KEPT
    assert list(tmp_path.iterdir()) == [path]


def test_lines_that_are_none_of_ours_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b'nonsense\n"kept"\n{"a": 1}\n\xff\n')

    assert lines_of(path) == ["kept"]


def test_a_file_that_cannot_be_written_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    kept = QuestionHistory(tmp_path / "state" / "history", Display())

    assert list(kept.load_history_strings()) == []
    kept.store_string("x")
    assert "cannot be" in kept.problem


def test_it_lies_in_the_folder_for_state(tmp_path: Path) -> None:
    assert history_path({}, tmp_path) == tmp_path / ".local" / "state" / "hearth" / "history"
    assert history_path({"XDG_STATE_HOME": "/var/x"}, tmp_path) == Path("/var/x/hearth/history")
    assert history_path({"XDG_STATE_HOME": "relative"}, tmp_path).is_relative_to(tmp_path)
