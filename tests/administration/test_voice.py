"""The servers that read aloud and write down, as administrators enter and try them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from tests.doubles.voice_server import VoiceServer
from webui.administration import problems
from webui.speech.models import Endpoint

PAGE = "/administration/voice/"


@pytest.fixture(autouse=True)
def _outside_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "is_in_container", lambda: False)


@pytest.fixture
def voices() -> Iterator[VoiceServer]:
    with VoiceServer() as server:
        yield server


def typed(server: VoiceServer, **changes: str) -> dict[str, str]:
    values = {"base_url": server.url, "key": "", "model": "tts-1", "voices": "alloy, nova", "form": "wav"}
    return {**values, "is_enabled": "on", **changes}


def test_a_server_is_kept_and_its_key_is_on_no_page(root_client: Client, voices: VoiceServer) -> None:
    root_client.post(f"{PAGE}speak/", typed(voices, key="sk-secret", voices=" alloy ,nova,, alloy"))

    endpoint = Endpoint.objects.get()
    assert (endpoint.base_url, endpoint.voices, endpoint.form, endpoint.key()) == (
        voices.url, ["alloy", "nova"], "wav", "sk-secret",
    )  # fmt: skip
    page = root_client.get(PAGE).content.decode()
    assert "A key is stored." in page
    assert "sk-secret" not in page
    assert endpoint.encrypted_key not in page

    root_client.post(f"{PAGE}speak/", typed(voices, removes_key="on"))
    assert Endpoint.objects.get().key() is None
    root_client.post(f"{PAGE}speak/remove/")
    assert not Endpoint.objects.exists()


def test_trying_says_a_sentence_and_keeps_nothing(root_client: Client, voices: VoiceServer) -> None:
    response = root_client.post(f"{PAGE}speak/try/", typed(voices))

    assert response["Content-Type"] == "audio/wav"
    assert voices.texts == ["This is how answers will sound."]
    assert not Endpoint.objects.exists()


def test_trying_lets_the_server_listen(root_client: Client, voices: VoiceServer) -> None:
    voices.words = "you"

    page = root_client.post(f"{PAGE}transcribe/try/", typed(voices, model="whisper-1")).content.decode()

    assert "It works" in page
    assert "“you”" in page
    assert voices.heard[0].data[:4] == b"RIFF"


@pytest.mark.parametrize("task", ["speak", "transcribe"])
def test_each_problem_has_its_own_words(root_client: Client, voices: VoiceServer, task: str) -> None:
    voices.api_key = "sk-right"
    url = f"{PAGE}{task}/try/"

    def said(**changes: str) -> str:
        response = root_client.post(url, typed(voices, **changes))
        assert response.status_code == 422
        return response.content.decode()

    assert "The key is not accepted." in said(key="sk-wrong")
    assert f"{voices.url}</code>" in said(key="sk-right", base_url=voices.url.removesuffix("/v1"))
    assert "This is no address of a server" in said(base_url="file:///etc/passwd")
    voices.fault = "status"
    assert "told to fail" in said(key="sk-right")
    voices.fault = "html"
    assert "not OpenAI&#x27;s API" in said(key="sk-right")
    voices.fault = "redirect"
    assert "redirects to http://169.254.169.254" in said(key="sk-right")
    with VoiceServer() as gone:
        pass
    assert "Nothing listens at" in said(base_url=gone.url)


def test_a_stored_key_is_not_sent_to_another_host(root_client: Client, voices: VoiceServer) -> None:
    root_client.post(f"{PAGE}speak/", typed(voices, key="sk-secret"))

    with VoiceServer() as thief:
        root_client.post(f"{PAGE}speak/try/", typed(thief))

    assert thief.spoken[0].authorization == ""


def test_what_is_missing_is_said_beside_its_field(root_client: Client, voices: VoiceServer) -> None:
    response = root_client.post(f"{PAGE}speak/", typed(voices, voices=" , "))

    assert response.status_code == 422
    assert "Name at least one voice." in response.content.decode()
    assert not Endpoint.objects.exists()


def test_only_administrators_enter_servers(alice_client: Client, client: Client, voices: VoiceServer) -> None:
    assert alice_client.get(PAGE).status_code == 404
    for action in ("", "try/", "remove/"):
        for task in ("speak", "transcribe"):
            assert alice_client.post(f"{PAGE}{task}/{action}", typed(voices)).status_code == 404
            assert client.post(f"{PAGE}{task}/{action}", typed(voices)).status_code == 302
    assert voices.spoken == []
    assert not Endpoint.objects.exists()


def test_there_is_no_third_task(root_client: Client, voices: VoiceServer) -> None:
    assert root_client.post(f"{PAGE}sing/try/", typed(voices)).status_code == 404
