"""What stopped an answer: a code and facts as they are stored, never a sentence."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from inference import errors as inference_errors
from webui.chats.errors import (
    AnswerEmpty,
    AnswerTooLong,
    DocumentsLate,
    DocumentsUnreadable,
    DraftsTooLong,
    Failure,
    RetrievalFailed,
)
from webui.imagery import errors as imagery_errors


def failure_of(error: BaseException) -> Failure:
    """Name what stopped a generation, with the facts its sentence needs."""
    for kind, code in _FAILURE_CODES:
        if isinstance(error, kind):
            return Failure(code=code, facts=_facts_of(error))
    return Failure(code="internal", facts={})


# The first match wins: subclasses stand before their bases.
_FAILURE_CODES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (inference_errors.ModelNotFound, "model_not_found"),
    (inference_errors.BadModelFile, "bad_model_file"),
    (inference_errors.ModelLoadFailed, "model_load_failed"),
    (inference_errors.InvalidRequest, "invalid_request"),
    (inference_errors.QueueFull, "queue_full"),
    (inference_errors.RunnerDied, "runner_died"),
    (inference_errors.ConnectionRefused, "connection_refused"),
    (inference_errors.HostNotFound, "host_not_found"),
    (inference_errors.UpstreamTimeout, "upstream_timeout"),
    (inference_errors.WrongService, "wrong_service"),
    (inference_errors.ConnectionFailed, "connection_failed"),
    (inference_errors.KeyUnreadable, "bad_credentials"),
    (inference_errors.BadCredentials, "bad_credentials"),
    (imagery_errors.DrawingFailed, "drawing_failed"),
    (imagery_errors.NoPicture, "no_picture"),
    (imagery_errors.PictureElsewhere, "picture_elsewhere"),
    (imagery_errors.WorkflowRefused, "workflow_refused"),
    (inference_errors.UpstreamRefused, "upstream_refused"),
    (DocumentsUnreadable, "document_unreadable"),
    (DocumentsLate, "document_late"),
    (RetrievalFailed, "retrieval_failed"),
    (DraftsTooLong, "drafts_too_long"),
    (AnswerEmpty, "answer_empty"),
    (AnswerTooLong, "answer_too_long"),
)

_FACT_NAMES = ("model", "detail", "status", "name", "problem", "exit_code", "n_tokens", "window")
_DETAIL_MAX_CHARS = 500


def _facts_of(error: BaseException) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {}
    for name in _FACT_NAMES:
        value = getattr(error, name, None)
        if isinstance(value, str):
            facts[name] = value[:_DETAIL_MAX_CHARS]
        elif isinstance(value, int):
            facts[name] = value
    url = getattr(error, "url", None)
    if isinstance(url, str):
        facts["host"] = _host_of(url)
    return facts


def _host_of(url: str) -> str:
    """Return host and port alone: a path or credentials are nobody's business but the administrator's."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError:
        return ""
