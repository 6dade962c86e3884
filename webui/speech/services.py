"""Reads aloud and writes down, through the servers that an administrator has entered. No sound is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from asgiref.sync import async_to_sync
from django.db import transaction

from inference import client
from inference.keys import is_same_host
from inference.sounds import duration_s, sound_kind
from inference.types import Recording, SpeechForm, SpeechRequest
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.models import User
from webui.speech import conf, queries, rates
from webui.speech.errors import NothingHeard, NotOffered, RecordingRefused
from webui.speech.models import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointValues:
    """What an administrator says of a server.

    Attributes:
        key: A new key, "" for none, None to keep the one that is stored.
    """

    base_url: str
    model: str
    key: str | None = None
    voices: Sequence[str] = ()
    form: str = Endpoint.Form.MP3
    is_enabled: bool = True


def say(user: User, text: str, *, voice: str = "", speed: float = 1.0) -> bytes:
    """Return a piece of text as sound, in a voice that is offered, else the usual one.

    Raises:
        NotOffered, TooOften
        InferenceError: The server does not answer, or not with sound.
    """
    endpoint = queries.offered(Endpoint.Task.SPEAK)
    if endpoint is None:
        raise NotOffered
    rates.count(user, endpoint.task, conf.PIECES_A_MINUTE)
    return speak(endpoint, text, voice=voice, speed=speed)


def speak(endpoint: Endpoint, text: str, *, voice: str = "", speed: float = 1.0) -> bytes:
    """Have a server say something, whether people can use it yet or not. Raises InferenceError."""
    request = SpeechRequest(
        model=endpoint.model,
        text=text,
        voice=voice if voice in endpoint.voices else endpoint.voices[0],
        form=cast(SpeechForm, endpoint.form),
        speed=min(max(speed, conf.MIN_SPEED), conf.MAX_SPEED),
    )
    return async_to_sync(client.speak)(endpoint.base_url, endpoint.key(), request)


def write_down(user: User, data: bytes) -> str:
    """Return what is said in a recording.

    Raises:
        NotOffered, RecordingRefused, TooOften, NothingHeard
        InferenceError: The server does not answer, or not with text.
    """
    endpoint = queries.offered(Endpoint.Task.TRANSCRIBE)
    if endpoint is None:
        raise NotOffered
    recording = checked_recording(data, model=endpoint.model)
    rates.count(user, endpoint.task, conf.RECORDINGS_A_MINUTE)
    text = transcribe(endpoint, recording)
    if not text:
        raise NothingHeard
    return text


def transcribe(endpoint: Endpoint, recording: Recording) -> str:
    """Have a server write something down, whether people can use it yet or not. Raises InferenceError."""
    return async_to_sync(client.transcribe)(endpoint.base_url, endpoint.key(), recording)


def checked_recording(data: bytes, *, model: str) -> Recording:
    """Refuse what is no recording of a few minutes, by what it is and not by what it is called.

    Raises RecordingRefused.
    """
    if not data:
        raise RecordingRefused(RecordingRefused.EMPTY)
    if len(data) > conf.max_recording_bytes():
        raise RecordingRefused(RecordingRefused.TOO_LARGE)
    kind = sound_kind(data)
    if kind is None:
        raise RecordingRefused(RecordingRefused.NO_SOUND)
    if (duration_s(data, kind) or 0) > conf.MAX_RECORDING_S + 1:
        raise RecordingRefused(RecordingRefused.TOO_LONG)
    return Recording(model=model, data=data, kind=kind)


@transaction.atomic
def keep_endpoint(task: Endpoint.Task, values: EndpointValues) -> Endpoint:
    """Enter the server for a task, or change it. A kept key never moves to another host."""
    endpoint = with_values(task, values)
    endpoint.save()
    record(Event.VOICE_SERVER_KEPT, task.value, detail=endpoint.base_url)
    transaction.on_commit(queries.forget_endpoints)
    return endpoint


def with_values(task: Endpoint.Task, values: EndpointValues) -> Endpoint:
    """Return the server for a task as it would be with these values. Does not save."""
    endpoint = queries.endpoint_of(task) or Endpoint(task=task)
    key = values.key
    if key is None and not is_same_host(endpoint.base_url, values.base_url):
        key = ""
    if key is not None:
        endpoint.set_key(key)
    endpoint.base_url, endpoint.model, endpoint.form = values.base_url, values.model, values.form
    endpoint.voices, endpoint.is_enabled = list(values.voices), values.is_enabled
    return endpoint


@transaction.atomic
def remove_endpoint(task: Endpoint.Task) -> None:
    Endpoint.objects.filter(task=task).delete()
    record(Event.VOICE_SERVER_REMOVED, task.value)
    transaction.on_commit(queries.forget_endpoints)
