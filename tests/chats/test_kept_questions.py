"""The question of an answer, kept as a golden question with a passage that the answer cites."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from rag.models import Document, GoldenQuestion, Knowledge
from rag.services import knowledge as service
from tests.factories import make_answer, make_chat, make_document, make_knowledge, make_message
from webui.accounts.models import User
from webui.chats.models import Citation, Message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_folder")]

TEXT = "The lighthouse was built in 1902. Its keeper was Ole Brandt."
QUOTE = "Its keeper was Ole Brandt."


@pytest.fixture
def document(alice: User) -> Document:
    return make_document(owner=alice, name="harbour.txt", text=TEXT)


@pytest.fixture
def knowledge(document: Document, alice: User) -> Knowledge:
    return make_knowledge(document, owner=alice, name="Harbour")


def answer_for(user: User, document: Document, *, asked: str = "And who kept it?", searched: str = "") -> Message:
    chat = make_chat(owner=user)
    make_message(chat, content=asked)
    ledger = {"retrieval": {"question": asked, "searched": searched}} if searched else {}
    answer = make_answer(chat, content="Ole Brandt [1].", ledger=ledger)
    Citation.objects.create(
        message=answer, number=1, document=document, document_name=document.name, text=QUOTE,
        start=TEXT.index(QUOTE), end=len(TEXT), is_of_own_document=document.owner_id == user.pk,
    )  # fmt: skip
    return answer


def address(answer: Message) -> str:
    return reverse("chats:keep_question", args=[answer.chat.uuid, answer.uuid])


def test_it_is_kept_with_the_cited_words(
    knowledge: Knowledge, document: Document, alice: User, alice_client: Client
) -> None:
    answer = answer_for(alice, document, searched="Who kept the lighthouse?")
    form = alice_client.get(address(answer)).content.decode()
    assert all(words in form for words in ("Who kept the lighthouse?", "harbour.txt", QUOTE, "in Harbour"))

    values = {"question": "Who was the keeper?", "expected": f"1:{knowledge.uuid}"}
    response = alice_client.post(address(answer), values)

    assert response.headers["Location"] == reverse("knowledge:questions", args=[knowledge.uuid])
    golden = GoldenQuestion.objects.get()
    assert (golden.question, golden.document, golden.quote) == ("Who was the keeper?", document, QUOTE)
    assert (golden.start, golden.origin, golden.made_by) == (TEXT.index(QUOTE), "answer", alice)


def test_without_a_search_on_record_the_question_is_what_was_written(
    knowledge: Knowledge, document: Document, alice: User, alice_client: Client
) -> None:
    answer = answer_for(alice, document)

    assert "And who kept it?" in alice_client.get(address(answer)).content.decode()


@pytest.mark.parametrize("expected", ["", "2:{uuid}", "1:00000000-0000-0000-0000-000000000000", "nonsense"])
def test_what_is_not_offered_is_not_kept(
    knowledge: Knowledge, document: Document, alice: User, alice_client: Client, expected: str
) -> None:
    answer = answer_for(alice, document)

    values = {"question": "Who?", "expected": expected.format(uuid=knowledge.uuid)}
    response = alice_client.post(address(answer), values)

    assert response.status_code == 422
    assert "Choose the passage that answers it." in response.content.decode()
    assert not GoldenQuestion.objects.exists()


def test_keeping_it_twice_is_refused_in_words(
    knowledge: Knowledge, document: Document, alice: User, alice_client: Client
) -> None:
    answer = answer_for(alice, document)
    values = {"question": "Who was the keeper?", "expected": f"1:{knowledge.uuid}"}
    alice_client.post(address(answer), values)

    response = alice_client.post(address(answer), values)

    assert "This question is there already." in response.content.decode()
    assert GoldenQuestion.objects.count() == 1


def test_knowledge_that_one_may_only_read_is_not_offered(
    knowledge: Knowledge, document: Document, bob: User, bob_client: Client
) -> None:
    grant = service.grant(knowledge, user=bob)
    answer = answer_for(bob, document)
    values = {"question": "Who?", "expected": f"1:{knowledge.uuid}"}

    only_read = bob_client.get(address(answer)).content.decode()
    refused = bob_client.post(address(answer), values)
    service.grant(knowledge, user=bob, may_write=True)
    may_write = bob_client.get(address(answer)).content.decode()
    service.revoke(grant)
    revoked = bob_client.get(address(answer)).content.decode()

    assert "There is no knowledge to keep it in" in only_read
    assert refused.status_code == 422
    assert "in Harbour" in may_write
    assert not any(words in page for page in (only_read, revoked) for words in ("harbour.txt", QUOTE, "Harbour"))
    assert not GoldenQuestion.objects.exists()


def test_others_answers_and_own_questions_cannot_be_kept(
    knowledge: Knowledge, document: Document, alice: User, alice_client: Client, charlie_client: Client
) -> None:
    answer = answer_for(alice, document)
    question = answer.parent
    assert question is not None

    assert charlie_client.get(address(answer)).status_code == 404
    assert charlie_client.post(address(answer), {"question": "?"}).status_code == 404
    assert alice_client.get(address(question)).status_code == 404
