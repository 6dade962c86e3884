"""Servers that speak and listen as OpenAI's do: Kokoro, Speaches, Piper, whisper.cpp and many more.

Source: OpenAI's API reference, "Create speech" and "Create transcription".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp

from inference.conf import ConnectionSpec
from inference.connections.http import UpstreamHttp
from inference.errors import UpstreamRefused, WrongService
from inference.sounds import sound_kind
from inference.types import Recording, SpeechRequest

SPEAK_TIMEOUT_S = 60.0
TRANSCRIBE_TIMEOUT_S = 120.0
MAX_SPOKEN_BYTES = 32 * 1024 * 1024
"""Three minutes of the largest form, WAV with 24 kHz and 32 bits, are 17 MB."""


class AudioConnection:
    def __init__(self, session: aiohttp.ClientSession, spec: ConnectionSpec) -> None:
        self.spec = spec
        self._http = UpstreamHttp(session, spec)

    async def speak(self, request: SpeechRequest) -> bytes:
        """Return a text as sound."""
        body = {
            "model": request.model,
            "input": request.text,
            "voice": request.voice,
            "response_format": request.form,
            # Some servers know no speed, and few people change it.
            **({"speed": request.speed} if request.speed != 1 else {}),
        }
        with self._expecting("/audio/speech") as path:
            sound = await self._http.fetch(path, body, timeout_s=SPEAK_TIMEOUT_S, limit=MAX_SPOKEN_BYTES)
        if sound_kind(sound) is None:
            raise WrongService(self.spec.url, "what it answers is no sound that browsers play")
        return sound

    async def transcribe(self, recording: Recording) -> str:
        """Return what is said in a recording; nothing when nothing is."""
        form = aiohttp.FormData()
        form.add_field("model", recording.model)
        form.add_field("response_format", "json")
        kind = recording.kind
        form.add_field(
            "file", BytesIO(recording.data), filename=f"recording.{kind.ending}", content_type=kind.media_type
        )
        with self._expecting("/audio/transcriptions") as path:
            body = await self._http.post_form(path, form, timeout_s=TRANSCRIBE_TIMEOUT_S)
        text = body.get("text")
        if not isinstance(text, str):
            raise WrongService(self.spec.url, "there is no text in what it answers")
        return text.strip()

    @contextmanager
    def _expecting(self, path: str) -> Iterator[str]:
        """Tell an address that ends too early, before "/v1", from a server that knows no such model."""
        try:
            yield path
        except UpstreamRefused as exc:
            if exc.status == 404 and not urlsplit(self.spec.url).path.strip("/"):
                raise WrongService(self.spec.url, f"nothing at {path}") from exc
            raise
