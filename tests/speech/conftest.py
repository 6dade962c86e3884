from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.doubles.voice_server import VoiceServer
from webui.speech import services
from webui.speech.models import Endpoint
from webui.speech.queries import forget_endpoints


@pytest.fixture
def voices() -> Iterator[VoiceServer]:
    with VoiceServer() as server:
        yield server


@pytest.fixture
def speaker(voices: VoiceServer, db: None) -> Endpoint:
    values = services.EndpointValues(base_url=voices.url, model="tts-1", voices=["alloy", "nova"], key="sk-secret")
    return _entered(Endpoint.Task.SPEAK, values)


@pytest.fixture
def listener(voices: VoiceServer, db: None) -> Endpoint:
    return _entered(Endpoint.Task.TRANSCRIBE, services.EndpointValues(base_url=voices.url, model="whisper-1"))


def _entered(task: Endpoint.Task, values: services.EndpointValues) -> Endpoint:
    # What a person asked for in another test was another person's.
    cache.clear()
    endpoint = services.keep_endpoint(task, values)
    forget_endpoints()
    return endpoint
