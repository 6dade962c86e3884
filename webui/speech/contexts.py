"""What pages are told about voice."""

from __future__ import annotations

from dataclasses import dataclass

from webui.accounts.models import User
from webui.accounts.permissions import Permission, may
from webui.speech import conf, queries
from webui.speech.models import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceView:
    """How answers are read to somebody, and what they say is written down.

    Attributes:
        has_speaker: A server reads aloud; else the browser's own voices do.
        voice: The name of one; empty for the usual one.
        has_listener: A server writes down what is said.
        may_use_browser: Else the browser may, where it can.
        max_recording_s: After this a recording ends by itself.
    """

    has_speaker: bool
    voice: str
    speed: float
    reads_aloud: bool
    has_listener: bool
    may_use_browser: bool
    sends_dictation: bool
    max_recording_s: int = conf.MAX_RECORDING_S


def strangers_voice() -> VoiceView:
    """Return how answers are read to somebody without an account: by their browser, as it likes."""
    return VoiceView(
        has_speaker=False,
        voice="",
        speed=1.0,
        reads_aloud=False,
        has_listener=False,
        may_use_browser=False,
        sends_dictation=False,
    )


def voice_view(user: User) -> VoiceView:
    may_use_servers = may(user, Permission.VOICE)
    return VoiceView(
        has_speaker=may_use_servers and queries.offered(Endpoint.Task.SPEAK) is not None,
        voice=user.voice,
        speed=user.voice_speed,
        reads_aloud=user.reads_aloud,
        has_listener=may_use_servers and queries.offered(Endpoint.Task.TRANSCRIBE) is not None,
        may_use_browser=queries.may_browser_write_down(),
        sends_dictation=user.sends_dictation,
    )
