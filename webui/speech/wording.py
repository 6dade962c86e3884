"""What went wrong with speech, in a sentence for whoever talks or listens."""

from __future__ import annotations

from django.utils.translation import gettext as _

from inference.errors import InferenceError, QueueFull, UpstreamRefused, UpstreamTimeout
from webui.speech.errors import NothingHeard, RecordingRefused, SpeechError, TooOften


def sentence_of(error: SpeechError | InferenceError) -> tuple[str, int]:
    """Return the words for an error, and its status of HTTP."""
    match error:
        case NothingHeard():
            return _("Nothing was heard. Say it again, a little closer to the microphone."), 422
        case RecordingRefused(problem=RecordingRefused.EMPTY):
            return _("Nothing was recorded."), 400
        case RecordingRefused(problem=RecordingRefused.NO_SOUND):
            return _("This is no sound that can be written down."), 415
        case RecordingRefused():
            return _("This is too long to be written down at once."), 413
        case TooOften():
            return _("That is too much for one minute. Wait a little."), 429
        case UpstreamTimeout():
            return _("The voice server takes too long. Try again in a moment."), 502
        case QueueFull() | UpstreamRefused(status=429):
            return _("The voice server is busy. Try again in a moment."), 502
        case UpstreamRefused():
            return _("The voice server refuses. Tell your administrator."), 502
    return _("The voice server cannot be reached. Try again, or tell your administrator."), 502
