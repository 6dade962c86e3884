"""What `hearth` says without a command, and to one that it does not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.doubles.upstream import Upstream
from tests.management.commands import hearth
from webui.management.overview import names, overview


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["-h"]])
def test_every_command_has_a_line_and_nothing_is_written(tmp_path: Path, arguments: list[str]) -> None:
    done = hearth(tmp_path / "data", *arguments)

    assert (done.returncode, done.stderr) == (0, "")
    for name in (
        "up",
        "serve",
        "web",
        "prepare",
        "run",
        "list",
        "ps",
        "pull",
        "rm",
        "show",
        "stop",
        "adduser",
        "restore",
    ):
        assert f"\n  hearth {name} " in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_line_is_the_first_sentence_of_the_command_s_own_help() -> None:
    lines = {line.split()[1]: line for line in overview().splitlines() if line.startswith("  hearth ")}

    assert set(lines) == names()
    for name in names():
        help_text = load_command_class(get_commands()[name], name).help
        assert lines[name].endswith(f"  {help_text.split('. ')[0].removesuffix('.')}.")
        assert len(lines[name]) <= 120


def test_ollama_s_other_names_work(tmp_path: Path) -> None:
    with Upstream() as upstream:
        done = hearth(tmp_path / "data", "ls", OLLAMA_HOST=upstream.url)

    assert (done.returncode, done.stderr) == (0, "")
    assert "tiny:latest" in done.stdout


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("qwen2:7b", "'qwen2:7b' is no command. To talk with a model of that name: hearth run qwen2:7b"),
        ("hf.co/people/model", "hearth run hf.co/people/model"),
        ("push", "Hearth uploads no models to a registry."),
    ],
)
def test_a_wrong_command_is_one_sentence(tmp_path: Path, command: str, words: str) -> None:
    done = hearth(tmp_path / "data", command)

    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
