"""What people have read aloud and written down, over a server that follows OpenAI's API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client

from inference.connections import audio
from tests.doubles.sounds import mp4, wav, webm
from tests.doubles.voice_server import VoiceServer
from webui.accounts.models import User
from webui.speech import conf, services
from webui.speech.models import Endpoint
from webui.speech.queries import forget_endpoints

SAY = "/speech/say/"
WRITE_DOWN = "/speech/transcriptions/"
PREFERENCES = "/speech/"


def send(client: Client, sound: bytes) -> HttpResponse:
    # What it is called does not matter.
    response: HttpResponse = client.generic("POST", WRITE_DOWN, sound, content_type="text/html")
    return response


def test_a_sentence_comes_back_as_what_it_is(alice_client: Client, speaker: Endpoint, voices: VoiceServer) -> None:
    response = alice_client.post(SAY, {"text": "Good morning.", "voice": "nova", "speed": "1.5"})

    assert response.content == wav([(voices.seconds, 0.4)])
    assert (response["Content-Type"], response["Cache-Control"]) == ("audio/wav", "no-store")
    (spoken,) = voices.spoken
    assert (spoken.text, spoken.voice, spoken.model, spoken.form, spoken.speed) == (
        "Good morning.", "nova", "tts-1", "mp3", 1.5,
    )  # fmt: skip
    assert spoken.authorization == "Bearer sk-secret"


def test_a_voice_that_is_not_offered_is_the_usual_one(
    alice_client: Client, speaker: Endpoint, voices: VoiceServer
) -> None:
    alice_client.post(SAY, {"text": "Good morning.", "voice": "../../admin"})

    assert voices.spoken[0].voice == "alloy"


def test_a_recording_goes_on_as_what_it_is_and_comes_back_as_text(
    alice_client: Client, listener: Endpoint, voices: VoiceServer
) -> None:
    recording = webm([(0, [0, 500]), (1000, [0, 900])])

    response = send(alice_client, recording)

    assert response.json() == {"text": "Hello out there."}
    (heard,) = voices.heard
    assert (heard.data, heard.model, heard.name, heard.media_type) == (
        recording, "whisper-1", "recording.webm", "audio/webm",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sound", "status", "words"),
    [
        (b"", 400, "Nothing was recorded."),
        (b"<script>alert(1)</script>", 415, "no sound"),
        (webm([(0, [0]), (301_500, [0])]), 413, "too long"),
        (mp4(fragments=[(301 * 48_000, [24_000])]), 413, "too long"),
        (wav([(0.1, 0.4)]) + bytes(310 * 32_000)[: 5 * 1024 * 1024 - 4000], 200, ""),
        (wav([(0.1, 0.4)], rate=8_000) + bytes(302 * 16_000), 413, "too long"),
    ],
    ids=["empty", "no sound", "long webm", "long mp4", "large enough", "long wav"],
)
def test_what_is_no_recording_of_a_few_minutes_goes_nowhere(
    alice_client: Client, listener: Endpoint, voices: VoiceServer, sound: bytes, status: int, words: str
) -> None:
    response = send(alice_client, sound)

    assert (response.status_code, words in response.json().get("error", "")) == (status, True)
    assert len(voices.heard) == (1 if status == 200 else 0)


def test_a_body_beyond_the_limit_is_refused(alice_client: Client, listener: Endpoint, voices: VoiceServer) -> None:
    response = send(alice_client, wav([(0.1, 0.4)]) + bytes(conf.max_recording_bytes()))

    assert response.status_code == 413
    assert voices.heard == []


def test_a_recording_without_words_says_so(alice_client: Client, listener: Endpoint, voices: VoiceServer) -> None:
    voices.words = " \n"

    response = send(alice_client, wav([(0.5, 0.4)]))

    assert response.status_code == 422
    assert response.json()["error"].startswith("Nothing was heard.")


Break = Callable[[VoiceServer], None]


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("status", 401, "The voice server refuses. Tell your administrator."),
        ("status", 500, "The voice server refuses. Tell your administrator."),
        ("status", 429, "The voice server is busy."),
        ("hang", 0, "The voice server takes too long."),
        ("huge", 0, "The voice server cannot be reached."),
        ("html", 0, "The voice server cannot be reached."),
        ("json", 0, "The voice server cannot be reached."),
        ("redirect", 0, "The voice server cannot be reached."),
    ],
)
def test_each_fault_of_the_server_is_a_sentence_and_no_detail(
    alice_client: Client,
    speaker: Endpoint,
    listener: Endpoint,
    voices: VoiceServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    status: int,
    words: str,
) -> None:
    monkeypatch.setattr(audio, "SPEAK_TIMEOUT_S", 0.3 if fault == "hang" else 30)
    monkeypatch.setattr(audio, "TRANSCRIBE_TIMEOUT_S", 0.3 if fault == "hang" else 30)
    monkeypatch.setattr(audio, "MAX_SPOKEN_BYTES", 1024 * 1024)
    voices.fault, voices.status = fault, status  # type: ignore[assignment]

    answers = [alice_client.post(SAY, {"text": "Hello."})]
    if fault != "huge":
        answers.append(send(alice_client, wav([(0.2, 0.4)])))

    for answer in answers:
        assert answer.status_code == 502
        assert answer.json()["error"].startswith(words)
        assert "told to fail" not in answer.json()["error"]


def test_nothing_is_offered_while_no_server_is_in_use(
    alice_client: Client, speaker: Endpoint, listener: Endpoint, voices: VoiceServer
) -> None:
    Endpoint.objects.update(is_enabled=False)
    forget_endpoints()

    assert alice_client.post(SAY, {"text": "Hello."}).status_code == 404
    assert send(alice_client, wav([(0.2, 0.4)])).status_code == 404
    assert (voices.spoken, voices.heard) == ([], [])


@pytest.mark.usefixtures("speaker", "listener")
def test_strangers_and_scripts_of_other_sites_ask_for_nothing(client: Client, alice: User, voices: VoiceServer) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)

    assert client.post(SAY, {"text": "Hello."}).status_code == 302
    assert send(client, wav([(0.2, 0.4)])).status_code == 302
    assert strict.post(SAY, {"text": "Hello."}).status_code == 403
    assert send(strict, wav([(0.2, 0.4)])).status_code == 403
    assert (voices.spoken, voices.heard) == ([], [])


def test_one_person_cannot_take_the_server_from_the_others(
    alice_client: Client, bob_client: Client, speaker: Endpoint, voices: VoiceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conf, "PIECES_A_MINUTE", 2)
    monkeypatch.setattr("webui.speech.rates.time.time", lambda: 1000.0)

    statuses = [alice_client.post(SAY, {"text": "Hello."}).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert bob_client.post(SAY, {"text": "Hello."}).status_code == 200


@pytest.mark.parametrize("text", ["", "x" * (conf.MAX_TEXT_CHARS + 1)])
def test_a_piece_is_neither_empty_nor_a_book(
    alice_client: Client, speaker: Endpoint, voices: VoiceServer, text: str
) -> None:
    assert alice_client.post(SAY, {"text": text}).status_code == 422
    assert voices.spoken == []


def test_each_person_has_a_voice_of_their_own(alice_client: Client, alice: User, bob: User, speaker: Endpoint) -> None:
    page = alice_client.get(PREFERENCES).content.decode()
    assert '<option value="nova">nova</option>' in page

    alice_client.post(PREFERENCES, {"voice": "nova", "voice_speed": "1.25", "reads_aloud": "on"})

    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.voice, alice.voice_speed, alice.reads_aloud, alice.sends_dictation) == ("nova", 1.25, True, False)
    assert (bob.voice, bob.voice_speed, bob.reads_aloud) == ("", 1.0, False)
    refused = alice_client.post(PREFERENCES, {"voice": "nobody", "voice_speed": "1.0"})
    assert refused.status_code == 422


def test_the_chat_page_knows_what_there_is_without_a_query_of_its_own_each_time(
    alice_client: Client, speaker: Endpoint, listener: Endpoint
) -> None:
    page = alice_client.get("/").content.decode()

    assert 'data-say-url="/speech/say/"' in page
    assert 'data-recordings-url="/speech/transcriptions/"' in page
    assert "sk-secret" not in page


def test_a_key_stays_with_the_host_that_it_was_entered_for(speaker: Endpoint, voices: VoiceServer) -> None:
    same = services.EndpointValues(base_url=voices.url + "/", model="other", voices=["alloy"])
    other = services.EndpointValues(base_url="http://127.0.0.1:9/v1", model="tts-1", voices=["alloy"])

    assert services.with_values(Endpoint.Task.SPEAK, same).key() == "sk-secret"
    assert services.with_values(Endpoint.Task.SPEAK, other).key() is None
    assert "sk-secret" not in speaker.encrypted_key
