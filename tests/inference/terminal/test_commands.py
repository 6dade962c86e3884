"""The commands, against the real model server and its double; some in a process of their own, as people run them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command

from tests.contracts.conftest import built_in_url as built_in_url
from tests.doubles.upstream import FakeModel, Upstream
from tests.management.commands import hearth


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


RunOn = Callable[..., Done]
Run = Callable[..., Done]


@pytest.fixture
def run_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunOn:
    """Run a command against the server at an address."""

    def run(url: str, *arguments: str) -> Done:
        monkeypatch.setenv("OLLAMA_HOST", url)
        try:
            call_command(*arguments)
        except SystemExit as exc:
            return Done(int(exc.code or 0), *capsys.readouterr())
        return Done(0, *capsys.readouterr())

    return run


@pytest.fixture
def run(run_on: RunOn, built_in_url: str) -> Run:
    """Run a command against the real model server."""
    return lambda *arguments: run_on(built_in_url, *arguments)


def test_models_are_listed(run: Run) -> None:
    done = run("list", "ti")

    head, *rows = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert head.split() == ["NAME", "ID", "SIZE", "MODIFIED"]
    assert [row.split()[0] for row in rows] == ["tiny:latest"]
    assert re.search(r" [0-9a-f]{12} +\d", rows[0])


def test_a_model_in_memory_is_listed_until_it_is_stopped(run: Run, built_in_url: str) -> None:
    httpx.post(f"{built_in_url}/api/generate", json={"model": "tiny"}, timeout=30, trust_env=False).raise_for_status()

    before, stopped, after = run("ps"), run("stop", "tiny"), run("ps")

    assert re.search(r"^tiny:latest .*100% CPU .* minutes from now$", before.stdout, re.MULTILINE)
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert "tiny" not in after.stdout


def test_a_model_is_shown(run: Run) -> None:
    shown, modelfile = run("show", "tiny"), run("show", "tiny", "--modelfile")

    assert "    context length" in shown.stdout
    assert "  Capabilities\n    completion" in shown.stdout
    assert "\nFROM " in modelfile.stdout


def test_the_variables_of_the_server_are_shown(run: Run) -> None:
    head, *rows = run("show", "--variables").stdout.splitlines()

    assert head.split() == ["NAME", "GIVEN", "DEFAULT", "SUPPORT", "MEANING"]
    support = {row.split()[0]: row[head.index("SUPPORT") :] for row in rows}
    assert re.match("honoured +How long a model stays loaded", support["OLLAMA_KEEP_ALIVE"])
    assert support["OLLAMA_SCHED_SPREAD"].startswith("built in ")
    assert support["OLLAMA_GPU_OVERHEAD"].startswith("not supported ")
    assert next(row for row in rows if row.startswith("OLLAMA_HOST ")).split()[1].startswith("127.0.0.1:")


@pytest.mark.parametrize("arguments", [(), ("tiny", "--variables")])
def test_either_a_model_or_the_variables_are_shown(arguments: tuple[str, ...], run: Run) -> None:
    with pytest.raises(CommandError, match="name a model, or ask for --variables"):
        run("show", *arguments)


@pytest.mark.parametrize("command", ["show", "stop", "rm"])
def test_an_unknown_model_is_an_error_with_its_name(command: str, run: Run) -> None:
    done = run(command, "nobody")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: model 'nobody' not found\n"


def test_several_models_are_deleted_up_to_the_first_that_is_not_there(run_on: RunOn) -> None:
    with Upstream(models=[FakeModel(name="one:latest"), FakeModel(name="two:latest")]) as upstream:
        done = run_on(upstream.url, "rm", "one:latest", "nobody", "two:latest")

        assert [model.name for model in upstream.models] == ["two:latest"]
    assert done.returncode == 1
    assert done.stdout == "deleted 'one:latest'\n"
    assert "nobody" in done.stderr


def test_a_download_tells_each_step_once(run_on: RunOn) -> None:
    with Upstream() as upstream:
        done = run_on(upstream.url, "pull", "qwen3:4b")

    assert done.returncode == 0
    assert done.stdout.splitlines()[:2] == ["pulling manifest", "pulling 1a2b"]
    assert done.stdout.splitlines()[-1] == "success"
    assert len(set(done.stdout.splitlines())) == len(done.stdout.splitlines())


def test_a_download_that_fails_says_why(run_on: RunOn) -> None:
    with Upstream(pull_steps=[{"status": "pulling manifest"}, {"error": "file does not exist"}]) as upstream:
        done = run_on(upstream.url, "pull", "nobody")

    assert (done.returncode, done.stderr) == (1, "Error: file does not exist\n")


def test_a_server_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with Upstream() as gone:
        url = gone.url

    done = hearth(tmp_path / "data", "list", OLLAMA_HOST=url)

    assert done.returncode == 1
    assert done.stderr.startswith("Error: nothing answers at")
    assert "hearth up" in done.stderr


def test_an_address_that_is_none_is_told(run_on: RunOn) -> None:
    done = run_on("not an address", "ps")

    assert done.returncode == 1
    assert "OLLAMA_HOST=not an address is no address" in done.stderr


def test_a_command_needs_no_data_folder_and_makes_none(tmp_path: Path) -> None:
    with Upstream() as upstream:
        done = hearth(tmp_path / "data", "list", OLLAMA_HOST=upstream.url)

    assert (done.returncode, done.stderr) == (0, "")
    assert "tiny:latest" in done.stdout
    assert not (tmp_path / "data").exists()


def test_a_model_is_measured(run: Run) -> None:
    done = run("bench", "tiny", "--users", "1,2", "--only-users")

    rows = [line.rpartition("  ")[0].strip() for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [row.partition("  ")[0] for row in rows if ":" in row and "user" in row][:6] == [
        "1 user: tokens a second",
        "1 user: first token, mean",
        "1 user: between tokens, p95",
        "2 users: tokens a second",
        "2 users: first token, mean",
        "2 users: between tokens, p95",
    ]
    assert "times as much" in done.stdout


@pytest.mark.parametrize("users", ["", "1,", "0", "one", "1000"])
def test_a_wrong_number_of_users_is_told(run: Run, users: str) -> None:
    done = run("bench", "tiny", "--users", users)

    assert (done.returncode, done.stdout) == (1, "")
    assert "--users takes numbers from 1 to 256" in done.stderr


def test_measuring_a_model_that_is_not_there_is_told(run: Run) -> None:
    done = run("bench", "nobody")

    assert done.returncode == 1
    assert "model 'nobody' not found" in done.stderr


def test_a_peer_that_does_not_answer_is_told(run: Run) -> None:
    done = run("bench", "tiny", "--only-users", "--users", "1", "--peer", "http://127.0.0.1:9")

    assert done.returncode == 1
    assert "nothing answers at http://127.0.0.1:9" in done.stderr
