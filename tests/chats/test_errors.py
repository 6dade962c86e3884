from __future__ import annotations

import pytest

from inference import errors as inference_errors
from webui.chats import errors
from webui.chats.errors import ChatError
from webui.chats.failures import failure_of
from webui.chats.wording import REFUSALS, explain, refusal_text

FAILURES = [
    (inference_errors.ModelNotFound("tiny"), "model_not_found"),
    (inference_errors.BadModelFile("tiny", "truncated"), "bad_model_file"),
    (inference_errors.ModelLoadFailed("tiny", "no memory"), "model_load_failed"),
    (inference_errors.InvalidRequest("too long"), "invalid_request"),
    (inference_errors.QueueFull(), "queue_full"),
    (inference_errors.RunnerDied("tiny", -9), "runner_died"),
    (inference_errors.ConnectionRefused("http://box:11434/x"), "connection_refused"),
    (inference_errors.HostNotFound("http://box"), "host_not_found"),
    (inference_errors.UpstreamTimeout("http://box"), "upstream_timeout"),
    (inference_errors.WrongService("http://box"), "wrong_service"),
    (inference_errors.ConnectionFailed("http://box"), "connection_failed"),
    (inference_errors.BadCredentials(401, "no"), "bad_credentials"),
    (inference_errors.UpstreamRefused(500, "crashed"), "upstream_refused"),
    (errors.DocumentsUnreadable("a.pdf"), "document_unreadable"),
    (errors.DocumentsLate("a.pdf"), "document_late"),
    (errors.RetrievalFailed(), "retrieval_failed"),
    (errors.AnswerEmpty(), "answer_empty"),
    (errors.AnswerTooLong(), "answer_too_long"),
    (ValueError("secret detail"), "internal"),
]


@pytest.mark.parametrize(("error", "code"), FAILURES, ids=[code for _, code in FAILURES])
def test_every_failure_has_a_code_and_whole_sentences(error: BaseException, code: str) -> None:
    failure = failure_of(error)
    words = explain(failure.code, failure.facts)

    assert failure.code == code
    assert words.title.endswith(".")
    assert words.advice.endswith(".")
    assert "?" not in words.title
    assert "%(" not in words.title + words.advice


def test_the_text_of_an_unexpected_error_is_shown_to_nobody() -> None:
    failure = failure_of(ValueError("secret detail"))

    assert "secret" not in str(failure) + str(explain(failure.code, failure.facts))


def test_of_an_address_only_host_and_port_are_told() -> None:
    failure = failure_of(inference_errors.ConnectionRefused("http://me:secret@box:11434/path?key=1"))

    assert failure.facts["host"] == "box:11434"
    assert "secret" not in str(failure.facts)


def test_an_upstreams_words_are_cut() -> None:
    failure = failure_of(inference_errors.UpstreamRefused(500, "x" * 10_000))

    assert len(str(failure.facts["detail"])) == 500


def test_an_unknown_code_and_missing_facts_break_no_page() -> None:
    assert explain("from_the_future", {}).title
    assert "?" in explain("model_not_found", {}).title


def kinds_of(base: type[ChatError]) -> list[type[ChatError]]:
    return [kind for sub in base.__subclasses__() for kind in (sub, *kinds_of(sub))]


# They have a code for each of their causes.
OF_MANY_CODES = (errors.ModelUnreachable, errors.WordRefused)


@pytest.mark.parametrize("kind", [kind for kind in kinds_of(ChatError) if kind not in OF_MANY_CODES])
def test_every_refusal_has_a_sentence(kind: type[ChatError]) -> None:
    assert kind.code in REFUSALS


def test_a_refusal_names_its_facts() -> None:
    assert refusal_text(errors.MessageTooLong(12, 10)) == "The message has 12 characters; at most 10 can be sent."
