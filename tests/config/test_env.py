from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from webui.config.env import Environment, WrongSettings, reachable_url, read_env_file

ROOT = Path(__file__).resolve().parents[2]

WRONG_VALUES: list[tuple[str, str, Callable[[Environment], Any], str]] = [
    ("PORT", "http", lambda env: env.integer("PORT", 3000, minimum=1, maximum=65535), "whole number"),
    ("PORT", "0", lambda env: env.integer("PORT", 3000, minimum=1, maximum=65535), "from 1 to 65535"),
    ("PORT", "-1", lambda env: env.integer("PORT", 3000, minimum=1, maximum=65535), "'-1'"),
    ("PORT", "9" * 5000, lambda env: env.integer("PORT", 3000, minimum=1, maximum=65535), "whole number"),
    ("DEBUG", "maybe", lambda env: env.boolean("DEBUG", False), "yes or no"),
    ("SIGNUP", "al", lambda env: env.choice("SIGNUP", "open", ("open", "closed")), "one of open, closed"),
    ("URLS", "http://box:1;notaurl", lambda env: env.urls("URLS"), "http:// or https://"),
    ("HOST", "a b", lambda env: env.host("HOST", "127.0.0.1"), "'a b'"),
    ("HOST", "localhost:3000", lambda env: env.host("HOST", "127.0.0.1"), "without a port"),
    ("HOSTS", "https://x.org", lambda env: env.hosts("HOSTS"), "without scheme"),
    ("NETWORKS", "10.0.0.0/40", lambda env: env.networks("NETWORKS"), "'10.0.0.0/40'"),
    ("URL", "chat.example.org", lambda env: env.origin("URL"), "URL without a path"),
    ("URL", "https://chat.example.org/sub", lambda env: env.origin("URL"), "without a path"),
    ("URL", "javascript:alert(1)", lambda env: env.origin("URL"), "URL"),
    ("REDIS", "http://x", lambda env: env.url("REDIS", "", ("redis",), "redis://x"), "redis://"),
    ("REDIS", "redis://[", lambda env: env.url("REDIS", "", ("redis",), "redis://x"), "redis://"),
    ("LISTEN", "host:port", lambda env: env.listen_address("LISTEN", ("127.0.0.1", 11434)), "host:port"),
    ("LISTEN", "127.0.0.1:99999", lambda env: env.listen_address("LISTEN", ("127.0.0.1", 11434)), "host:port"),
    ("DATABASE", "mysql://h/db", lambda env: env.database("DATABASE"), "PostgreSQL"),
    ("DATABASE", "postgres://h", lambda env: env.database("DATABASE"), "database name"),
]


@pytest.mark.parametrize(("name", "value", "read", "problem"), WRONG_VALUES)
def test_a_wrong_value_is_refused_with_name_problem_and_example(
    name: str, value: str, read: Callable[[Environment], Any], problem: str
) -> None:
    env = Environment({name: value})

    read(env)

    with pytest.raises(WrongSettings) as refused:
        env.refuse_wrong()
    (wrong,) = refused.value.settings
    assert wrong.name == name
    assert problem in wrong.problem
    assert wrong.example
    assert f"Example: {name}={wrong.example}" in str(wrong)


@pytest.mark.parametrize(("name", "value", "read", "problem"), WRONG_VALUES)
def test_an_example_is_itself_accepted(name: str, value: str, read: Callable[[Environment], Any], problem: str) -> None:
    env = Environment({name: value})
    read(env)
    with pytest.raises(WrongSettings) as refused:
        env.refuse_wrong()

    second = Environment({name: refused.value.settings[0].example})
    read(second)

    second.refuse_wrong()


def test_every_wrong_value_is_told_at_once() -> None:
    env = Environment({"PORT": "x", "DEBUG": "perhaps"})

    env.integer("PORT", 1, minimum=1, maximum=2)
    env.boolean("DEBUG", False)

    with pytest.raises(WrongSettings) as refused:
        env.refuse_wrong()
    assert [wrong.name for wrong in refused.value.settings] == ["PORT", "DEBUG"]


def test_addresses_are_separated_by_semicolons() -> None:
    env = Environment({"URLS": "http://one:11434; https://two.example.org/v1 ;"})

    assert env.urls("URLS") == ["http://one:11434", "https://two.example.org/v1"]
    env.refuse_wrong()


def test_an_empty_value_counts_as_not_given() -> None:
    env = Environment({"PORT": "  "})

    assert env.integer("PORT", 3000, minimum=1, maximum=65535) == 3000
    assert not env.is_given("PORT")
    env.refuse_wrong()


@pytest.mark.parametrize(("text", "value"), [("1", True), ("YES", True), ("on", True), ("False", False), ("0", False)])
def test_yes_and_no_have_several_spellings(text: str, value: bool) -> None:
    assert Environment({"X": text}).boolean("X", not value) is value


def test_a_secret_comes_from_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")

    assert Environment({"KEY_FILE": str(file)}).secret("KEY") == "from the file"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"])
def test_a_secret_file_that_cannot_be_used_is_named_without_its_content(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    env = Environment({"KEY_FILE": str(file)})

    env.secret("KEY")

    with pytest.raises(WrongSettings, match="KEY_FILE"):
        env.refuse_wrong()


def test_a_secret_given_twice_is_refused_without_repeating_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("one")
    env = Environment({"KEY": "the other", "KEY_FILE": str(file)})

    env.secret("KEY")

    with pytest.raises(WrongSettings) as refused:
        env.refuse_wrong()
    assert "the other" not in str(refused.value)


def test_a_url_with_a_password_is_never_repeated() -> None:
    env = Environment({"REDIS": "http://:hunter2@host"})

    env.url("REDIS", "", ("redis",), "redis://localhost")

    with pytest.raises(WrongSettings) as refused:
        env.refuse_wrong()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0", ("0.0.0.0", 11434)),  # noqa: S104
        (":1234", ("127.0.0.1", 1234)),
        ("gpu.local:80", ("gpu.local", 80)),
        ("http://127.0.0.1:1234/", ("127.0.0.1", 1234)),
        ("[::1]:1234", ("::1", 1234)),
        ("", ("127.0.0.1", 11434)),
    ],
)
def test_the_model_server_address_is_read_as_ollama_writes_it(text: str, address: tuple[str, int]) -> None:
    env = Environment({"OLLAMA_HOST": text})

    assert env.listen_address("OLLAMA_HOST", ("127.0.0.1", 11434)) == address
    env.refuse_wrong()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),  # noqa: S104
        ("::", "http://[::1]:1"),
        ("::1", "http://[::1]:1"),
    ],
)
def test_a_listen_address_is_reached_at(host: str, url: str) -> None:
    assert reachable_url(host, 1) == url


def test_folders_are_absolute_paths() -> None:
    env = Environment({"FOLDERS": "/srv/a; /srv/b/../c;/srv/a", "WRONG": "/srv/a;b", "ALL": "/"})

    assert env.folders("FOLDERS") == (Path("/srv/a"), Path("/srv/c"))
    assert (env.folders("NONE"), env.folders("WRONG"), env.folders("ALL")) == ((), (), ())
    with pytest.raises(WrongSettings) as wrong:
        env.refuse_wrong()
    assert [setting.name for setting in wrong.value.settings] == ["WRONG", "ALL"]


@pytest.mark.parametrize("folders", ["{data}", "{data}/uploads", "{above}"])
def test_folders_that_hold_the_sites_own_data_are_refused(tmp_path: Path, folders: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HEARTH_DATA": str(tmp_path / "data"),
        "HEARTH_FOLDERS": folders.format(data=tmp_path / "data", above=tmp_path),
        "HEARTH_ENV_FILE": os.devnull,
    }

    ended = subprocess.run(  # noqa: S603
        [sys.executable, str(ROOT / "manage.py"), "check"], env=environment, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 2
    assert "HEARTH_FOLDERS must not hold HEARTH_DATA or lie in it" in ended.stderr


def test_the_parts_of_a_database_url_are_decoded() -> None:
    env = Environment({"DATABASE_URL": "postgres://me:p%40ss@db:5433/hearth?sslmode=require"})

    address = env.database("DATABASE_URL")

    assert address is not None
    assert (address.user, address.password, address.host, address.port) == ("me", "p@ss", "db", "5433")
    assert (address.name, address.options) == ("hearth", {"sslmode": "require"})


def test_a_command_with_wrong_settings_lists_them_and_ends_with_2(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HEARTH_DATA": str(tmp_path / "data"),
        "HEARTH_PORT": "x",
        "HEARTH_SIGNUP": "al",
        "HEARTH_ENV_FILE": os.devnull,
    }

    ended = subprocess.run(  # noqa: S603
        [sys.executable, str(ROOT / "manage.py"), "check"], env=environment, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 2
    assert "HEARTH_PORT must be" in ended.stderr
    assert "HEARTH_SIGNUP must be" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_of_variables_in_the_folder_of_the_start_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HEARTH_PORT=x\nHEARTH_SIGNUP=al\n")

    ended = checked_in(tmp_path, HEARTH_SIGNUP="open")

    assert ended.returncode == 2
    assert "HEARTH_PORT must be" in ended.stderr
    assert "HEARTH_SIGNUP" not in ended.stderr


def test_a_file_of_variables_that_is_no_text_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"HEARTH_PORT=\xff")

    ended = checked_in(tmp_path)

    assert ended.returncode == 2
    assert "HEARTH_ENV_FILE names a file that cannot be read (not a text file)" in ended.stderr
    assert "Traceback" not in ended.stderr


def checked_in(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [sys.executable, str(ROOT / "manage.py"), "check"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HEARTH_DATA": str(folder / "data"), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_is_shown_of_an_environment_holds_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file")
    env = Environment({
        "KEY": "hunter2", "OTHER_FILE": str(file), "REDIS": "redis://me:hunter2@host:6379/0",
        "BASES": "http://a:hunter2@one:1; https://two.example.org/v1@2", "DATABASE": "postgres://me:hunter2@db/hearth",
        "PORT": "3001", "EMPTY": " ", "UNREAD": "hunter2",
    })  # fmt: skip

    env.secret("KEY")
    env.secret("OTHER")
    env.url("REDIS", "", ("redis",), "redis://localhost")
    env.urls("BASES")
    env.database("DATABASE")
    env.integer("PORT", 3000, minimum=1, maximum=65535)
    env.text("EMPTY")

    assert env.shown == {
        "KEY": "", "OTHER_FILE": str(file), "REDIS": "redis://host:6379/0",
        "BASES": "http://one:1; https://two.example.org/v1@2", "DATABASE": "", "PORT": "3001",
    }  # fmt: skip


def test_the_file_of_variables_decides_what_the_environment_has_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("HEARTH_TEST_A=one\nHEARTH_TEST_B='two'\nHEARTH_TEST_C=three\nHEARTH_TEST_D=\n")
    for name in "ABCD":
        # Taken back afterwards, whoever sets it.
        monkeypatch.setenv(f"HEARTH_TEST_{name}", "")
        del os.environ[f"HEARTH_TEST_{name}"]
    monkeypatch.setenv("HEARTH_TEST_B", "from the environment")
    # As in a process that another one started, which has read the file.
    monkeypatch.setenv("HEARTH_TEST_C", "three")

    assert read_env_file(file) == {"HEARTH_TEST_A", "HEARTH_TEST_C"}
    assert read_env_file(tmp_path / "none") == frozenset()
    assert os.environ["HEARTH_TEST_A"] == "one"
