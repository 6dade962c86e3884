from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference.server.conf import ServerConfig, WrongSetting
from inference.server.durations import FOREVER, parse_duration

WEEK_S = 7 * 24 * 3600
KEY = "a-key-of-the-site"
OTHER_KEY = "a-key-of-another-client"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300), ("24h", 86400), ("1h30m", 5400), ("300", 300), (300, 300), ("1.5s", 1.5), ("500ms", 0.5),
        (0, 0), ("0", 0), ("0s", 0), (-1, FOREVER), ("-1", FOREVER), ("-5m", FOREVER), (2.5, 2.5),
    ],
)  # fmt: skip
def test_durations_are_read_as_ollama_reads_them(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 m", "m", "5x", "5m!", "nan", None, True, [], {}])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("", "127.0.0.1", 11434),
        ("0.0.0.0", "0.0.0.0", 11434),  # noqa: S104
        ("192.0.2.7:8080", "192.0.2.7", 8080),
        (":8080", "127.0.0.1", 8080),
        ("example.org", "example.org", 11434),
        ("http://example.org", "example.org", 80),
        ("https://example.org", "example.org", 443),
        ("http://127.0.0.1:11434/", "127.0.0.1", 11434),
        ("[::1]:8080", "::1", 8080),
        ("[::1]", "::1", 11434),
        ("::1", "::1", 11434),
        ('"127.0.0.1:9"', "127.0.0.1", 9),
    ],
)
def test_the_address_may_have_any_of_ollama_s_forms(text: str, host: str, port: int) -> None:
    config = ServerConfig.from_environ({"OLLAMA_HOST": text, "HEARTH_API_OPEN": "yes"})

    assert (config.host, config.port) == (host, port)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]:80", "192.0.2.7", "example.org"])  # noqa: S104
def test_an_address_that_others_reach_needs_a_key(host: str) -> None:
    with pytest.raises(WrongSetting) as error:
        ServerConfig.from_environ({"OLLAMA_HOST": host})
    config = ServerConfig.from_environ({"OLLAMA_HOST": host, "HEARTH_API_KEY": f"{KEY}, {OTHER_KEY},"})

    assert "HEARTH_API_KEY" in str(error.value)
    assert "HEARTH_API_OPEN" in str(error.value)
    assert config.keys == (KEY, OTHER_KEY)
    assert KEY not in repr(config)


@pytest.mark.parametrize("host", ["", "localhost:80", "127.1.2.3", "[::1]"])
def test_an_address_of_this_machine_alone_needs_none(host: str) -> None:
    assert ServerConfig.from_environ({"OLLAMA_HOST": host}).keys == ()


def test_a_key_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")

    config = ServerConfig.from_environ({"HEARTH_API_KEY_FILE": str(tmp_path / "key")})

    assert config.keys == (KEY,)


@pytest.mark.parametrize(
    "environ",
    [
        {"OLLAMA_HOST": "a b"}, {"OLLAMA_HOST": "127.0.0.1:port"}, {"OLLAMA_HOST": "127.0.0.1:99999"},
        {"OLLAMA_HOST": "u:p@host:1"}, {"OLLAMA_HOST": "[::1"}, {"OLLAMA_KEEP_ALIVE": "soon"},
        {"OLLAMA_MAX_QUEUE": "-1"},
        {"OLLAMA_NUM_PARALLEL": "many"}, {"OLLAMA_PORT": "0"}, {"OLLAMA_CONTEXT_LENGTH": "4k"},
        {"OLLAMA_MODELS": __file__}, {"HEARTH_API_KEY": "short"},
        {"HEARTH_API_KEY": f"{KEY},geheimnis-für-alle"}, {"HEARTH_API_KEY": "sixteen letters, or more"},
        {"OLLAMA_KV_CACHE_TYPE": "q5_1"}, {"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_FLASH_ATTENTION": "0"},
        {"HEARTH_API_KEY_FILE": "/nowhere"}, {"HEARTH_API_KEY_FILE": os.devnull},
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_in_one_sentence(environ: dict[str, str]) -> None:
    with pytest.raises(WrongSetting) as error:
        ServerConfig.from_environ(environ)

    assert next(iter(environ)) in str(error.value)
    assert "\n" not in str(error.value)


def test_nothing_set_gives_ollama_s_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert ServerConfig.from_environ({}) == ServerConfig(data=tmp_path / "data")


def test_every_variable_is_read(tmp_path: Path) -> None:
    config = ServerConfig.from_environ(
        {
            "HEARTH_DATA": str(tmp_path),
            "OLLAMA_MODELS": str(tmp_path / "ollama"),
            "OLLAMA_KEEP_ALIVE": "-1",
            "OLLAMA_NUM_PARALLEL": "2",
            "OLLAMA_MAX_QUEUE": "3",
            "OLLAMA_MAX_LOADED_MODELS": "4",
            "OLLAMA_CONTEXT_LENGTH": "5000",
            "OLLAMA_LOAD_TIMEOUT": "1m",
            "OLLAMA_ORIGINS": "https://a.example, https://*.b.example",
            "OLLAMA_KV_CACHE_TYPE": "q8_0",
            "OLLAMA_FLASH_ATTENTION": "1",
            "OLLAMA_DEBUG": "1",
            "OLLAMA_DEBUG_LOG_REQUESTS": "true",
        }
    )

    assert config == ServerConfig(
        data=tmp_path,
        ollama_models=tmp_path / "ollama",
        keep_alive_s=FOREVER,
        num_parallel=2,
        max_queue=3,
        max_loaded=4,
        context_length=5000,
        load_timeout_s=60,
        origins=("https://a.example", "https://*.b.example"),
        kv_type="q8_0",
        flash_attention=True,
        is_debug=True,
        logs_requests=True,
    )


@pytest.mark.parametrize(("text", "seconds"), [("", 300), ("0", WEEK_S), ("-1", WEEK_S), ("1m", 60), ("1h", 3600)])
def test_a_load_may_take_for_ever(text: str, seconds: float) -> None:
    assert ServerConfig.from_environ({"OLLAMA_LOAD_TIMEOUT": text}).load_timeout_s == seconds


@pytest.mark.parametrize(("text", "expected"), [("", None), ("1", True), ("0", False), ("false", False)])
def test_flash_attention_may_be_left_to_the_model(text: str, expected: bool | None) -> None:
    assert ServerConfig.from_environ({"OLLAMA_FLASH_ATTENTION": text}).flash_attention is expected


def test_zero_chooses_automatically() -> None:
    config = ServerConfig.from_environ({"OLLAMA_NUM_PARALLEL": "0", "OLLAMA_MAX_LOADED_MODELS": "0"})

    assert config.num_parallel is None
    assert config.max_loaded == 3


def test_the_port_variable_that_ollama_does_not_have_counts_without_a_port_and_is_noted() -> None:
    alone = ServerConfig.from_environ({"OLLAMA_PORT": "8080"})
    beside = ServerConfig.from_environ({"OLLAMA_PORT": "8080", "OLLAMA_HOST": "127.0.0.1:9090"})

    assert (alone.port, beside.port) == (8080, 9090)
    assert "OLLAMA_PORT" in alone.notes[0]
