"""A server that speaks and listens by OpenAI's API for sound on a real loopback port, and misbehaves when told to.

Source: OpenAI's API reference, "Create speech" and "Create transcription".
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

from tests.doubles.serving import MAX_BODY_BYTES, AiohttpDouble
from tests.doubles.sounds import wav

Fault = Literal["", "status", "hang", "huge", "html", "json", "redirect"]
FORMS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One text that was to be said; `at` is the time.monotonic() at which it was asked for."""

    text: str
    voice: str
    model: str
    form: str
    speed: float
    authorization: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One recording as it arrived."""

    model: str
    name: str
    media_type: str
    data: bytes
    at: float


@dataclass
class VoiceServer(AiohttpDouble):
    """One running double. Use as a context manager; every attribute may be changed while it runs."""

    api_key: str = ""
    words: str = "Hello out there."
    seconds: float = 0.3
    """How long each sound lasts that it says."""
    delay_s: float = 0.0
    fault: Fault = ""
    status: int = 500
    spoken: list[Spoken] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def texts(self) -> list[str]:
        return [spoken.text for spoken in self.spoken]

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.add_routes(
            [web.post("/v1/audio/speech", self._speak), web.post("/v1/audio/transcriptions", self._transcribe)]
        )
        return application

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not body.get("input") or not body.get("model") or not body.get("voice"):
            return _error("input, model and voice are required", 400)
        form = body.get("response_format", "mp3")
        if form not in FORMS or not 0.25 <= body.get("speed", 1.0) <= 4:
            return _error("response_format or speed is not supported", 400)
        spoken = Spoken(
            text=body["input"], voice=body["voice"], model=body["model"], form=form, speed=body.get("speed", 1.0),
            authorization=request.headers.get("Authorization", ""), at=time.monotonic(),
        )  # fmt: skip
        self.spoken.append(spoken)
        refusal = await self._misbehave(request)
        # Players tell sounds apart by their bytes; so may a server that knows one form only.
        return refusal or web.Response(body=wav([(self.seconds, 0.4)]), content_type="audio/mpeg")

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        file, model = form.get("file"), form.get("model")
        if not isinstance(file, web.FileField) or not isinstance(model, str):
            return _error("file and model are required", 400)
        heard = Heard(
            model=model, name=file.filename, media_type=file.content_type, data=file.file.read(), at=time.monotonic()
        )
        file.file.close()
        self.heard.append(heard)
        return await self._misbehave(request) or web.json_response({"text": self.words})

    async def _misbehave(self, request: web.Request) -> web.StreamResponse | None:
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return _error("invalid api key", 401)
        await asyncio.sleep(self.delay_s)
        match self.fault:
            case "status":
                return _error("told to fail", self.status)
            case "hang":
                await asyncio.Event().wait()
            case "huge":
                return await _endless(request)
            case "html":
                return web.Response(text="<!doctype html><title>Router login</title>", content_type="text/html")
            case "json":
                return web.json_response({"detail": "no sound and no text today"})
            case "redirect":
                return web.Response(status=307, headers={"Location": "http://169.254.169.254/latest/"})
        return None


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
    await response.prepare(request)
    while True:
        await response.write(b"\xff\xfb" * 512 * 1024)


def _error(message: str, status: int) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "invalid_request_error"}}, status=status)
