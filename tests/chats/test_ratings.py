"""Thumbs up and down: kept, explained, changed, taken back, and exported as pairs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from rag.services import knowledge as service
from tests.chats.test_kept_questions import answer_for
from tests.doubles.upstream import Upstream
from tests.factories import make_answer, make_chat, make_document, make_knowledge, make_message
from webui.accounts.models import User
from webui.chats.models import Message, Rating
from webui.chats.services import rating_export

OFFERS_KEEPING = 'data-offers="keep '

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_folder")]


@pytest.fixture
def answer(alice: User) -> Message:
    return answer_to("Why is the sky blue?", alice)


def answer_to(asked: str, owner: User, **fields: Any) -> Message:
    chat = make_chat(owner=owner)
    make_message(chat, content=asked)
    return make_answer(chat, content="It scatters.", **fields)


def address(view: str, answer: Message) -> str:
    return reverse(f"chats:{view}", args=[answer.chat.uuid, answer.uuid])


def rate(client: Client, answer: Message, value: str) -> str:
    response = client.post(address("rating", answer), {"value": value})
    assert response.status_code == 200
    return response.content.decode()


def shown(client: Client, answer: Message) -> str:
    return client.get(address("message", answer)).content.decode()


def exported(client: Client, view: str = "export_ratings") -> list[dict[str, Any]]:
    response = client.get(reverse(f"chats:{view}"))
    assert response.streaming
    return [json.loads(line) for line in b"".join(response).splitlines()]  # type: ignore[arg-type]  # not awaited here


def test_an_answer_that_failed_before_its_first_word_is_neither_rated_nor_copied(
    answer: Message, alice: User, alice_client: Client
) -> None:
    failed = make_answer(answer.chat, content="", state="failed", error_code="internal")

    html = shown(alice_client, failed)

    assert "data-rate=" not in html
    assert 'data-action="copy"' not in html
    assert 'data-action="copy"' in shown(alice_client, answer)


def test_an_answer_is_rated_and_shows_it(answer: Message, alice: User, alice_client: Client) -> None:
    before = shown(alice_client, answer)

    panel = rate(alice_client, answer, "good")

    assert re.findall(r'data-rate="(\w+)" aria-pressed="false"', before) == ["good", "bad"]
    assert "Say why" in panel
    rating = Rating.objects.get()
    assert (rating.message, rating.rated_by, rating.is_good) == (answer, alice, True)
    assert shown(alice_client, answer).index('aria-pressed="true"') < shown(alice_client, answer).index('"bad"')


def test_the_reasons_are_those_of_good_or_of_bad_answers(answer: Message, alice_client: Client) -> None:
    rate(alice_client, answer, "bad")

    wrong = alice_client.post(address("explain_rating", answer), {"reasons": ["correct"]})
    right = alice_client.post(address("explain_rating", answer), {"reasons": ["wrong", "long"], "comment": "In 1902."})

    assert (wrong.status_code, right.status_code) == (422, 204)
    rating = Rating.objects.get()
    assert (rating.reasons, rating.comment) == (["wrong", "long"], "In 1902.")
    panel = alice_client.get(address("rating", answer)).content.decode()
    assert "In 1902." in panel
    assert panel.count("checked") == 2


def test_a_comment_has_an_end(answer: Message, alice_client: Client) -> None:
    rate(alice_client, answer, "bad")

    assert alice_client.post(address("explain_rating", answer), {"comment": "x" * 1001}).status_code == 422


def test_a_person_has_one_rating_that_can_change(answer: Message, alice_client: Client) -> None:
    rate(alice_client, answer, "bad")
    alice_client.post(address("explain_rating", answer), {"reasons": ["wrong"], "comment": "No."})

    rate(alice_client, answer, "bad")
    assert Rating.objects.get().comment == "No."

    rate(alice_client, answer, "good")
    rating = Rating.objects.get()
    assert (rating.is_good, rating.reasons, rating.comment) == (True, [], "")


def test_a_rating_is_taken_back(answer: Message, alice_client: Client) -> None:
    rate(alice_client, answer, "good")

    assert alice_client.post(address("remove_rating", answer)).status_code == 204

    assert not Rating.objects.exists()
    assert alice_client.get(address("rating", answer)).status_code == 404
    assert alice_client.post(address("explain_rating", answer), {"comment": "x"}).status_code == 404


@pytest.mark.parametrize("value", ["", "excellent", "1"])
def test_there_is_nothing_between_good_and_bad(answer: Message, alice_client: Client, value: str) -> None:
    assert alice_client.post(address("rating", answer), {"value": value}).status_code == 422
    assert not Rating.objects.exists()


def test_questions_and_answers_that_are_being_written_are_not_rated(alice: User, alice_client: Client) -> None:
    running = answer_to("Why?", alice, state="running")
    question = running.parent
    assert question is not None

    for message in (question, running):
        assert alice_client.post(address("rating", message), {"value": "good"}).status_code == 404
        assert "data-rate" not in shown(alice_client, message)


def test_answers_of_others_are_not_rated(answer: Message, bob_client: Client) -> None:
    assert bob_client.post(address("rating", answer), {"value": "good"}).status_code == 404


def test_an_administrator_switches_it_off(answer: Message, alice_client: Client, settings: Settings) -> None:
    rate(alice_client, answer, "good")
    settings.HEARTH_PINNED_SETTINGS = {"answer_ratings": "off"}

    assert "data-rate" not in shown(alice_client, answer)
    assert alice_client.post(address("rating", answer), {"value": "bad"}).status_code == 404
    assert alice_client.post(address("explain_rating", answer), {"comment": "x"}).status_code == 404
    assert Rating.objects.get().is_good
    assert "switched that off" in alice_client.get(reverse("chats:ratings")).content.decode()
    assert alice_client.post(address("remove_rating", answer)).status_code == 204


def test_a_good_answer_offers_its_question_to_knowledge_that_one_may_change(
    alice: User, alice_client: Client, bob: User, bob_client: Client
) -> None:
    document = make_document(owner=alice, name="harbour.txt")
    answer = answer_for(alice, document)
    keep = address("keep_question", answer)

    nowhere = rate(alice_client, answer, "good")
    knowledge = make_knowledge(document, owner=alice, readers=[bob])
    good = rate(alice_client, answer, "good")
    bad = rate(alice_client, answer, "bad")

    assert [keep in panel for panel in (nowhere, good, bad)] == [False, True, False]
    bobs = answer_for(bob, document)
    assert address("keep_question", bobs) not in rate(bob_client, bobs, "good")
    service.grant(knowledge, user=bob, may_write=True)
    assert address("keep_question", bobs) in rate(bob_client, bobs, "good")


def test_where_nobody_rates_the_menu_of_the_answer_offers_its_question(
    alice: User, alice_client: Client, settings: Settings
) -> None:
    answer = answer_for(alice, make_document(owner=alice))
    assert OFFERS_KEEPING not in shown(alice_client, answer)

    settings.HEARTH_PINNED_SETTINGS = {"answer_ratings": "off"}
    assert OFFERS_KEEPING in shown(alice_client, answer)

    answer.citations.all().delete()
    assert OFFERS_KEEPING not in shown(alice_client, answer)


def test_a_good_answer_is_chosen_before_its_siblings(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, messages=2)
    question = make_message(chat, content="And why is it red at night?")
    good = make_answer(chat, content="A long way.", model="large:latest", parent=question)
    bad = make_answer(chat, content="It blushes.", parent=question)
    make_answer(chat, content="Dust.", parent=question)
    make_answer(chat, content="Half of", state="stopped", parent=question)
    rate(alice_client, good, "good")
    rate(alice_client, bad, "bad")
    alice_client.post(address("explain_rating", bad), {"reasons": ["invented"], "comment": "天空不会脸红"})

    first, second = exported(alice_client)

    assert (
        first["prompt"]
        == second["prompt"]
        == [
            {"role": "user", "content": "question 1"},
            {"role": "assistant", "content": "answer 1"},
            {"role": "user", "content": "And why is it red at night?"},
        ]
    )
    assert first["chosen"] == second["chosen"] == [{"role": "assistant", "content": "A long way."}]
    assert first["rejected"] == [{"role": "assistant", "content": "It blushes."}]
    assert second["rejected"] == [{"role": "assistant", "content": "Dust."}]
    assert (first["chosen_model"], first["rejected_model"]) == ("large:latest", "tiny:latest")
    assert first["rejected_rating"]["reasons"] == ["invented"]
    assert first["rejected_rating"]["comment"] == "天空不会脸红"
    assert second["rejected_rating"] is None


@pytest.mark.parametrize(("value", "side", "other"), [("good", "chosen", "rejected"), ("bad", "rejected", "chosen")])
def test_an_answer_without_another_stands_alone(
    answer: Message, alice_client: Client, value: str, side: str, other: str
) -> None:
    rate(alice_client, answer, value)

    (line,) = exported(alice_client)

    assert line[side] == [{"role": "assistant", "content": "It scatters."}]
    assert line[other] is line[f"{other}_model"] is line[f"{other}_rating"] is None


def test_everybodys_ratings_are_for_administrators_and_name_nobody(
    answer: Message, alice_client: Client, bob: User, bob_client: Client, root_client: Client
) -> None:
    rate(alice_client, answer, "good")
    rate(bob_client, answer_to("What is rope made of?", bob), "bad")

    assert [len(exported(client)) for client in (alice_client, bob_client, root_client)] == [1, 1, 0]
    everybodys = exported(root_client, "export_all_ratings")
    assert len(everybodys) == 2
    assert not any(name in json.dumps(everybodys).lower() for name in ("alice", "bob", "example.org"))
    assert "tiny:latest" in root_client.get(reverse("chats:all_ratings")).content.decode()
    for view in ("all_ratings", "export_all_ratings"):
        assert alice_client.get(reverse(f"chats:{view}")).status_code == 404


def test_ratings_go_with_a_deleted_chat(answer: Message, alice_client: Client, root_client: Client) -> None:
    rate(alice_client, answer, "good")

    alice_client.post(reverse("chats:delete", args=[answer.chat.uuid]))

    assert exported(alice_client) == exported(root_client, "export_all_ratings") == []
    assert "No answer is rated yet" in alice_client.get(reverse("chats:ratings")).content.decode()


def test_the_export_comes_in_pieces_however_much_is_rated(
    alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rating_export, "_PAGE", 2)
    answers = [answer_to(f"question {n}", alice) for n in range(5)]
    for answer in answers:
        Rating.objects.create(message=answer, rated_by=alice, is_good=True)

    pieces = list(rating_export.export_ratings(alice))

    assert [json.loads(piece)["prompt"][0]["content"] for piece in pieces] == [f"question {n}" for n in range(5)]


def test_a_chat_page_costs_the_same_however_many_answers_are_rated(
    alice: User, alice_client: Client, model_server: Upstream, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    chat = make_chat(owner=alice, messages=30)
    for answer in chat.messages.filter(role="assistant"):
        Rating.objects.create(message=answer, rated_by=alice, is_good=True)
    alice_client.get("/")

    # Not one of them for each answer.
    with django_assert_max_num_queries(17):
        page = alice_client.get(reverse("chats:chat", args=[chat.uuid])).content.decode()

    assert page.count('aria-pressed="true"') == 15
