"""What the page tells of how an answer came about."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import make_answer, make_chat
from webui.accounts.models import User
from webui.chats.models import Generation, Message
from webui.chats.views.answer_info import answer_info

pytestmark = pytest.mark.django_db

TIMINGS = {"queue_s": 0.25, "load_s": 2.0, "prompt_s": 0.5, "answer_s": 4.0, "token_p50_s": 0.01, "token_p95_s": 0.02}


def facts_of(answer: Message) -> dict[str, str]:
    return {fact.name: fact.value for part in answer_info(answer).parts for fact in part.facts}


def timed_answer(owner: User, **fields: object) -> Message:
    asked_at = timezone.now()
    return make_answer(
        make_chat(owner=owner, messages=1),
        created_at=asked_at,
        first_delta_at=asked_at + timedelta(seconds=2.75),
        finished_at=asked_at + timedelta(seconds=7),
        **fields,
    )


def test_tokens_speeds_and_times_are_told_with_their_units(alice: User) -> None:
    answer = timed_answer(alice, prompt_tokens=1200, cached_tokens=200, answer_tokens=100, timings=TIMINGS)

    facts = facts_of(answer)

    assert facts["Model"] == "tiny:latest"
    assert facts["State"] == "Finished"
    assert facts["Question and what went with it"].replace(",", "") == "1200 tokens"
    assert facts["Of these known from before"] == "200 tokens"
    assert facts["Answer"] == "100 tokens"
    assert facts["Speed of reading"].replace(",", "") == "2000 tokens a second"
    assert facts["Speed of writing"] == "25 tokens a second"
    assert facts["Waited for its turn"] == "250 ms"
    assert facts["Model loaded"] == "2.0 s"
    assert facts["Question read"] == "500 ms"
    assert facts["Until the first word"] == "2.8 s"
    assert facts["Answer written"] == "4.0 s"
    assert facts["Between two tokens, usually"] == "10 ms"
    assert facts["All together"] == "7.0 s"


def test_what_nobody_measured_is_not_told(alice: User) -> None:
    answer = make_answer(make_chat(owner=alice, messages=1), state=Generation.State.FAILED, prompt_tokens=10)

    facts = facts_of(answer)

    assert facts["State"] == "Failed"
    assert not {"Answer", "Speed of reading", "Speed of writing", "Until the first word", "All together"} & set(facts)


def test_an_answer_without_a_generation_tells_what_it_has(alice: User) -> None:
    answer = timed_answer(alice)
    Generation.objects.all().delete()
    answer.refresh_from_db()

    assert list(facts_of(answer)) == ["Model", "Asked"]


def test_the_panel_is_the_owners_and_only_of_what_has_ended(
    alice: User, alice_client: Client, bob_client: Client
) -> None:
    chat = make_chat(owner=alice, messages=2)
    answer = chat.messages.get(role="assistant")
    question = chat.messages.get(role="user")
    running = make_answer(chat, state=Generation.State.RUNNING)

    def status(client: Client, message: Message) -> int:
        return client.get(reverse("chats:message_info", args=[chat.uuid, message.uuid])).status_code

    assert status(alice_client, answer) == 200
    assert [status(alice_client, question), status(alice_client, running)] == [404, 404]
    assert status(bob_client, answer) == 404
