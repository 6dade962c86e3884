from __future__ import annotations

import pytest

from inference import errors
from inference.server.conf import WrongSetting
from inference.terminal.server import connection_spec, sentence, server_url


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"), ("0.0.0.0:11500", "http://127.0.0.1:11500"), ("[::]:9", "http://127.0.0.1:9"),
        ("gpu.example:8080", "http://gpu.example:8080"), ("https://gpu.example", "https://gpu.example:443"),
        ("[::1]", "http://[::1]:11434"),
    ],
)  # fmt: skip
def test_the_server_is_where_ollama_host_says(host: str, url: str) -> None:
    assert server_url(host) == url


def test_nonsense_is_refused() -> None:
    with pytest.raises(WrongSetting, match="is no address"):
        server_url("a b")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.ModelNotFound("qwen3"), "model 'qwen3' not found"),
        (errors.ConnectionRefused("http://127.0.0.1:1"), "nothing answers at http://127.0.0.1:1. Start it with"),
        (errors.UpstreamTimeout("http://x"), "does not answer in time"),
        (errors.HostNotFound("http://x"), "no machine has the name"),
        (errors.WrongService("http://x"), "does not speak Ollama's API"),
        (errors.ConnectionLost("http://x"), "the connection to http://x broke"),
        (errors.UpstreamRefused(500, "the disk is full"), "the disk is full"),
        (errors.QueueFull(), "the server is busy"),
        (errors.BadCredentials(401, "no"), "the server wants a key"),
        (errors.BadCredentials(403, "it is only attached"), "it is only attached"),
        (errors.RunnerDied("qwen3"), "the process that held qwen3 ended"),
        (errors.GenerationStopped(), "the server refused: GenerationStopped"),
    ],
)
def test_every_failure_is_a_sentence(error: errors.InferenceError, words: str) -> None:
    assert words in sentence(error)


def test_the_key_is_ours_or_ollama_s() -> None:
    assert connection_spec({}).key is None
    assert connection_spec({"OLLAMA_API_KEY": " theirs "}).key == "theirs"
    assert connection_spec({"HEARTH_API_KEY": "ours, another", "OLLAMA_API_KEY": "theirs"}).key == "ours"
    with pytest.raises(WrongSetting, match="no header can carry"):
        connection_spec({"HEARTH_API_KEY": "a\nb"})
