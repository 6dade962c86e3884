"""How passages were found, as the owner of a chat reads it and as others do not."""

from __future__ import annotations

import uuid
from itertools import count
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from rag.models import Chunk, Document
from tests.doubles.upstream import Upstream
from tests.factories import make_answer, make_chat, make_document
from webui.accounts.models import User
from webui.chats.models import Chat, Citation, Message
from webui.documents.wording import place_in_words

TEXT = "The lighthouse was built in 1902."
QUESTION = "When was the lighthouse built?"


def a_candidate(document: Document, **values: Any) -> dict[str, Any]:
    return {
        "document_id": document.pk, "document_name": document.name, "page": None, "start": 0, "end": len(TEXT),
        "lexical": 1.0, "coverage": 0.8, "dense": 0.71, "fused": 0.8, "outcome": "kept",
        "page_kind": "page", "page_name": "", "rerank": None,
    } | values  # fmt: skip


def a_trace(*candidates: dict[str, Any], **values: Any) -> dict[str, Any]:
    numbers = count(1)
    for candidate in candidates:
        candidate.setdefault("passage", next(numbers) if candidate["outcome"] == "kept" else None)
    return {
        "question": QUESTION, "searched": QUESTION, "rewritten_by": "", "rewrite_problem": "", "rewrite_s": 0.0,
        "reranker": "", "rerank_problem": "", "rerank_s": 0.0,
        "terms": ["lighthous", "built"], "embedder": "all-minilm", "dense_trust": 1.0,
        "dense_problem": "", "candidates": list(candidates),
        "lexical_s": 0.002, "embed_s": 0.05, "vector_s": 0.0004, "total_s": 0.06, "room_tokens": 0, "whole_tokens": 0,
    } | values  # fmt: skip


def a_document(owner: User, name: str = "harbour.txt") -> Document:
    document = make_document(owner=owner, name=name, text=TEXT)
    Chunk.objects.create(document=document, position=0, start=0, end=len(TEXT), text=TEXT)
    return document


def an_answer(owner: User, *candidates: dict[str, Any], ledger: dict[str, Any] | None = None, **trace: Any) -> Message:
    chat = make_chat(owner=owner, messages=1)
    return make_answer(
        chat, content="In 1902 [1].", ledger={"retrieval": a_trace(*candidates, **trace), **(ledger or {})}
    )


def cite(message: Message, document: Document, number: int = 1) -> None:
    values = {"document_name": document.name, "start": 0, "end": len(TEXT), "text": TEXT}
    Citation.objects.create(message=message, number=number, document=document, **values)


def panel(client: Client, message: Message) -> str:
    response = client.get(reverse("chats:trace", args=[message.chat.uuid, message.uuid]))
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return " ".join(response.content.decode().split())


def as_json(client: Client, message: Message) -> dict[str, Any]:
    response = client.get(reverse("chats:trace_json", args=[message.chat.uuid, message.uuid]))
    assert response["Content-Type"] == "application/json"
    body: dict[str, Any] = response.json()
    return body


def test_the_panel_tells_question_scores_and_times(alice: User, alice_client: Client) -> None:
    document = a_document(alice)
    message = an_answer(alice, a_candidate(document))
    cite(message, document)

    html = panel(alice_client, message)

    for shown in (QUESTION, "harbour.txt", TEXT, "Cited as 1", "1.00", "0.71", "0.80", "80 %", "2 ms", "under 1 ms"):
        assert shown in html
    assert f"/documents/{document.uuid}/?start=0" in html


@pytest.mark.parametrize(
    ("by", "because"),
    [
        ("joined", "so the question before it was joined to it"),
        ("exchanged", "what it names was put into the question before it"),
    ],
)
def test_the_panel_tells_what_was_searched_when_it_is_not_what_was_asked(
    alice: User, alice_client: Client, by: str, because: str
) -> None:
    message = an_answer(
        alice, a_candidate(a_document(alice)), question="And the second one?", rewritten_by=by, rewrite_s=0.0002
    )

    html = panel(alice_client, message)

    assert html.index(QUESTION) < html.index("As it was asked: And the second one?")
    assert because in html
    assert "Question rewritten" in html


def test_a_translated_question_is_shown_as_it_was_searched(alice: User, alice_client: Client) -> None:
    asked = "灯塔是哪年建的？"
    message = an_answer(alice, a_candidate(a_document(alice)), question=asked, rewritten_by="translated", rewrite_s=0.4)

    html = panel(alice_client, message)

    assert html.index(QUESTION) < html.index("the model translated it") < html.index(asked)
    assert "Question rewritten" in html


def test_a_question_that_no_model_translated_says_so(alice: User, alice_client: Client) -> None:
    message = an_answer(alice, a_candidate(a_document(alice)), rewrite_problem="TimeoutError", rewrite_s=6.0)

    assert "so it was searched as it was asked" in panel(alice_client, message)


def test_the_panel_tells_scores_of_a_reranker_and_what_was_joined(alice: User, alice_client: Client) -> None:
    document = a_document(alice)
    joined = a_candidate(document, outcome="joined", passage=1, rerank=0.31)
    message = an_answer(alice, a_candidate(document, rerank=0.92), joined, reranker="ranker", rerank_s=0.4)

    html = panel(alice_client, message)

    for shown in ("Reranked", "0.92", "0.31", "Passages reranked", "400 ms", "It stands next to a better passage"):
        assert shown in html


def test_a_reranker_that_fails_is_named(alice: User, alice_client: Client) -> None:
    message = an_answer(alice, a_candidate(a_document(alice)), reranker="ranker", rerank_problem="TimeoutError")

    assert "The reranking model ranker did not answer" in panel(alice_client, message)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("below cut-off", "Too far in meaning, and too few of the words stand in it."),
        ("near-duplicate", "It says almost the same as a better passage."),
        ("beyond limit", "Enough better passages were found."),
    ],
)
def test_what_was_left_out_says_why(alice: User, alice_client: Client, outcome: str, words: str) -> None:
    document = a_document(alice)
    message = an_answer(alice, a_candidate(document), a_candidate(document, fused=0.2, outcome=outcome))

    html = panel(alice_client, message)

    assert words in html
    assert "1 passage that was left out" in html


def test_a_passage_without_room_in_the_prompt_was_left_out(alice: User, alice_client: Client) -> None:
    first, second = a_document(alice, "a.txt"), a_document(alice, "b.txt")
    message = an_answer(alice, a_candidate(first), a_candidate(second, fused=0.5), ledger={"passages": [{"number": 1}]})

    shown = as_json(alice_client, message)["candidates"]

    assert [(item["name"], item["outcome"]) for item in shown] == [("a.txt", "kept"), ("b.txt", "no room")]
    assert "did not fit" in shown[1]["reason"]


def test_the_json_has_all_that_the_panel_shows(alice: User, alice_client: Client) -> None:
    document = a_document(alice)
    message = an_answer(alice, a_candidate(document, page=3))
    cite(message, document)

    assert as_json(alice_client, message) == {
        "question": QUESTION,
        "searched": QUESTION,
        "rewritten_by": "",
        "rewrite_problem": "",
        "terms": ["lighthous", "built"],
        "embedder": "all-minilm",
        "dense_trust": 1.0,
        "dense_problem": "",
        "shortcomings": [],
        "candidates": [
            {
                "document": str(document.uuid), "name": "harbour.txt", "place": "page 3", "page": 3,
                "start": 0, "end": len(TEXT), "opening": TEXT,
                "lexical": 1.0, "coverage": 0.8, "dense": 0.71, "fused": 0.8, "rerank": None,
                "outcome": "kept", "reason": "", "passage": 1, "citation": 1,
            }
        ],
        "reranker": "",
        "rerank_problem": "",
        "seconds": {
            "rewriting": 0.0, "lexical": 0.002, "embedding": 0.05, "vectors": 0.0004, "reranking": 0.0, "total": 0.06,
        },
        "is_whole": False,
        "room_tokens": 0,
        "whole_tokens": 0,
        "folder": "",
        "folder_tokens": 0,
    }  # fmt: skip


def test_documents_that_were_given_whole_are_told_with_what_the_answer_cites(alice: User, alice_client: Client) -> None:
    first, second = a_document(alice, "harbour.txt"), a_document(alice, "tower.txt")
    parts = [
        a_candidate(document, outcome="whole", passage=number, start=start, dense=None)
        for number, (document, start) in enumerate([(first, 0), (first, 40), (second, 0)], 1)
    ]
    message = an_answer(alice, *parts, dense_trust=0.0, whole_tokens=3120, room_tokens=4096)
    cite(message, second, number=3)

    html, shown = panel(alice_client, message), as_json(alice_client, message)

    assert "Given from beginning to end" in html
    assert "about 3,120 tokens, and there was room for 4,096" in html
    assert "nothing was searched, and nothing left out" in html
    assert html.count("harbour.txt") == html.count("tower.txt") == 1
    assert "2 passages" in html and "Cited as 3" in html
    for score in ("Coverage", "Together", "found by words alone", "What the numbers mean"):
        assert score not in html
    assert (shown["is_whole"], shown["whole_tokens"], shown["room_tokens"]) == (True, 3120, 4096)
    assert [item["outcome"] for item in shown["candidates"]] == ["whole"] * 3


def test_how_much_was_given_is_not_told_when_a_part_of_it_was_taken_away(
    alice: User, bob: User, alice_client: Client
) -> None:
    taken, own = a_document(alice, "secret plan.txt"), a_document(alice, "own.txt")
    parts = [a_candidate(document, outcome="whole", passage=n) for n, document in enumerate([taken, own], 1)]
    message = an_answer(alice, *parts, whole_tokens=3120, room_tokens=4096)
    Document.objects.filter(pk=taken.pk).update(owner=bob)

    html, shown = panel(alice_client, message), as_json(alice_client, message)

    assert "secret plan.txt" not in html and "own.txt" in html
    assert "3,120" not in html
    assert shown["whole_tokens"] is None


def test_a_place_is_told_as_a_citation_tells_it(alice: User, alice_client: Client) -> None:
    document = a_document(alice, "budget.xlsx")
    message = an_answer(alice, a_candidate(document, page=2, page_kind="sheet", page_name="Budget"))

    assert as_json(alice_client, message)["candidates"][0]["place"] == place_in_words("sheet", 2, "Budget")
    assert "Budget" in panel(alice_client, message)


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        ({"dense_problem": "ModelNotFound"}, "The embedding model is not there"),
        ({"dense_problem": "TimeoutError"}, "The embedding model did not answer"),
        ({"dense_problem": "Permission denied"}, "The meanings could not be compared"),
        ({"dense_problem": "no documents"}, "None of the documents could be searched"),
        ({"dense_trust": 0.0}, "does not know the language of the question"),
        ({"dense_trust": 0.4}, "meaning counted 40 % of what it usually does"),
    ],
)
def test_what_the_search_had_to_do_without_is_said(
    alice: User, alice_client: Client, trace: dict[str, Any], words: str
) -> None:
    message = an_answer(alice, **trace)

    assert words in panel(alice_client, message)
    assert words in as_json(alice_client, message)["shortcomings"][0]


def test_when_nothing_was_found_it_says_so_and_why(alice: User, alice_client: Client) -> None:
    weak = a_candidate(a_document(alice), dense=0.1, fused=0.1, outcome="below cut-off")

    html = panel(alice_client, an_answer(alice, weak))

    assert "Nothing in your documents matches" in html
    assert "1 passage was weighed: it was too weak." in html
    assert '<details class="fold" open>' in html


def test_when_nothing_was_even_weighed_it_says_why(alice: User, alice_client: Client) -> None:
    html = panel(alice_client, an_answer(alice))

    assert "Nothing in your documents matches" in html
    assert "No passage holds a word of the question or is near to it in meaning." in html


def test_meanings_that_were_not_compared_are_no_reason(alice: User, alice_client: Client) -> None:
    html = panel(alice_client, an_answer(alice, dense_trust=0.0, embed_s=0.0))

    assert "No passage holds a word of the question." in html
    assert '<dt>Meanings compared</dt><dd class="numbers">not done</dd>' in html


def test_a_document_that_was_taken_away_leaves_neither_name_nor_number(
    alice: User, bob: User, alice_client: Client
) -> None:
    taken, own = a_document(alice, "secret plan.txt"), a_document(alice, "own.txt")
    message = an_answer(alice, a_candidate(taken), a_candidate(own, fused=0.5))
    cite(message, own, number=2)
    assert "secret plan.txt" in panel(alice_client, message)

    Document.objects.filter(pk=taken.pk).update(owner=bob)

    html = panel(alice_client, message)
    shown = alice_client.get(reverse("chats:trace_json", args=[message.chat.uuid, message.uuid])).content.decode()
    assert "own.txt" in html
    for body in (html, shown):
        assert "secret plan.txt" not in body
        assert str(taken.uuid) not in body
    assert [item["name"] for item in as_json(alice_client, message)["candidates"]] == ["own.txt"]


def test_a_number_that_the_answer_does_not_show_tells_nothing_of_what_stood_before_it(
    alice: User, bob: User, alice_client: Client
) -> None:
    taken, own = a_document(alice, "secret plan.txt"), a_document(alice, "own.txt")
    message = an_answer(alice, a_candidate(taken), a_candidate(own, fused=0.5))
    Document.objects.filter(pk=taken.pk).update(owner=bob)

    (shown,) = as_json(alice_client, message)["candidates"]

    assert (shown["name"], shown["citation"]) == ("own.txt", None)


def test_a_deleted_document_leaves_nothing(alice: User, alice_client: Client) -> None:
    document = a_document(alice, "secret plan.txt")
    message = an_answer(alice, a_candidate(document))
    document.delete()

    assert "secret plan.txt" not in panel(alice_client, message)
    assert as_json(alice_client, message)["candidates"] == []


@pytest.mark.parametrize("whole_tokens", [0, 200])
def test_when_what_an_answer_cites_is_gone_it_does_not_say_that_nothing_matched(
    alice: User, alice_client: Client, whole_tokens: int
) -> None:
    document, other = a_document(alice, "secret plan.txt"), a_document(alice, "other.txt")
    weak = a_candidate(other, outcome="below cut-off", passage=None)
    message = an_answer(alice, a_candidate(document), weak, whole_tokens=whole_tokens)
    cite(message, document)
    assert "not shared with you any more" not in panel(alice_client, message)

    document.delete()

    html = panel(alice_client, message)
    assert "What the answer rests on was deleted or changed" in html
    assert "Nothing in your documents matches" not in html
    assert "was weighed" not in html


@pytest.mark.parametrize("name", ["chats:trace", "chats:trace_json"])
def test_other_peoples_traces_do_not_exist(alice: User, charlie_client: Client, root_client: Client, name: str) -> None:
    message = an_answer(alice, a_candidate(a_document(alice)))

    for client in (charlie_client, root_client):
        assert client.get(reverse(name, args=[message.chat.uuid, message.uuid])).status_code == 404


@pytest.mark.parametrize("name", ["chats:trace", "chats:trace_json"])
def test_a_message_is_only_found_in_its_own_chat(alice: User, charlie: User, charlie_client: Client, name: str) -> None:
    message = an_answer(alice, a_candidate(a_document(alice)))
    own = make_chat(owner=charlie)

    assert charlie_client.get(reverse(name, args=[own.uuid, message.uuid])).status_code == 404


def test_an_answer_without_documents_has_no_trace(alice: User, alice_client: Client, model_server: Upstream) -> None:
    chat = make_chat(owner=alice, messages=1)
    question = chat.current_message
    assert question is not None
    answer = make_answer(chat)

    for message in (question, answer):
        address = reverse("chats:trace", args=[chat.uuid, message.uuid])
        assert alice_client.get(address).status_code == 404
        assert address not in page_of(alice_client, chat)
    assert alice_client.get(reverse("chats:trace", args=[chat.uuid, uuid.uuid4()])).status_code == 404


def test_the_sources_of_an_answer_lead_to_its_trace(alice: User, alice_client: Client, model_server: Upstream) -> None:
    document = a_document(alice)
    message = an_answer(alice, a_candidate(document))
    cite(message, document)

    html = page_of(alice_client, message.chat)

    assert f'data-trace="{reverse("chats:trace", args=[message.chat.uuid, message.uuid])}"' in html
    assert "How these passages were found" in html


def test_an_answer_that_cites_nothing_leads_to_its_trace_as_well(
    alice: User, alice_client: Client, model_server: Upstream
) -> None:
    message = an_answer(alice)

    html = page_of(alice_client, message.chat)

    assert "How the documents were searched" in html
    assert "How these passages were found" not in html


def test_a_hostile_question_and_name_are_no_markup(alice: User, alice_client: Client) -> None:
    attack = "<img src=x onerror=alert(1)>"
    document = a_document(alice, attack)
    message = an_answer(alice, a_candidate(document), question=attack, terms=[attack])

    html = panel(alice_client, message)

    assert attack not in html
    assert escape(attack) in html


def test_a_longer_trace_costs_no_more_queries(
    alice: User, alice_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    message = an_answer(alice, *(a_candidate(a_document(alice, f"{n}.txt"), fused=1 / (n + 1)) for n in range(30)))

    # Session, person, chat, message, generation, documents, chunks, citations, and what the person's frame reads.
    with django_assert_max_num_queries(9):
        panel(alice_client, message)


def page_of(client: Client, chat: Chat) -> str:
    return client.get(reverse("chats:chat", args=[chat.uuid])).content.decode()


def test_what_the_folder_of_the_chat_gave_is_told(alice: User, alice_client: Client) -> None:
    given = {"source": "folder", "name": "Harbour", "tokens": 7, "documents": 2, "knowledge": 0}
    told = an_answer(alice, a_candidate(a_document(alice)), ledger={"briefings": [given]})
    quotes = an_answer(alice, a_candidate(a_document(alice)), ledger={"briefings": [given | {"tokens": 0}]})
    outside = an_answer(alice, a_candidate(a_document(alice)))

    assert "The instructions of the folder went along, about 7 tokens." in panel(alice_client, told)
    assert (as_json(alice_client, told)["folder"], as_json(alice_client, told)["folder_tokens"]) == ("Harbour", 7)
    assert "What the folder “Harbour” has of documents and knowledge was asked." in panel(alice_client, quotes)
    assert "instructions" not in panel(alice_client, quotes)
    assert "Harbour" not in panel(alice_client, outside)
