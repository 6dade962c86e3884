"""The pages of golden questions: what they show, to whom, and what is done with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from rag.evaluation import loop
from rag.evaluation.loop import evaluate
from rag.models import Document, Evaluation, EvaluationResult, GoldenQuestion, Knowledge
from rag.services import evaluations
from rag.services import knowledge as service
from rag.services.questions import Expected, create_question
from tests.factories import make_document, make_knowledge
from webui.accounts.models import User
from webui.documents import question_files
from webui.documents.question_files import BadFile

TEXT = "The lighthouse of Sandhagen was built in 1902. Its keeper was Ole Brandt."
QUESTION = "Who was the keeper of the lighthouse?"


@pytest.fixture
def document(db: None, data_folder: object, alice: User) -> Document:
    return make_document(owner=alice, name="harbour.txt", text=TEXT)


@pytest.fixture
def knowledge(document: Document, alice: User, bob: User) -> Knowledge:
    return make_knowledge(document, owner=alice, name="Harbour", readers=[bob])


@pytest.fixture
def golden(knowledge: Knowledge, document: Document, alice: User) -> GoldenQuestion:
    return create_question(
        knowledge, QUESTION, Expected(document=document, quote="Its keeper was Ole Brandt."), made_by=alice
    )


def url(name: str, knowledge: Knowledge, *args: object) -> str:
    return reverse(f"knowledge:{name}", args=[knowledge.uuid, *args])


def shown(client: Client, knowledge: Knowledge) -> str:
    response = client.get(url("questions", knowledge))
    assert response.status_code == 200
    return response.content.decode()


def finished_run(golden: GoldenQuestion, rank: int | None, **fields: object) -> Evaluation:
    run = Evaluation.objects.create(
        knowledge=golden.knowledge, reason="documents", state="finished", n_questions=1, mrr=1 / rank if rank else 0,
        recall={str(k): float(bool(rank and rank <= k)) for k in (1, 3, 5, 10)},
    )  # fmt: skip
    EvaluationResult.objects.create(evaluation=run, question=golden, rank=rank, took_s=0.1, **fields)
    return run


def messages_of(response: HttpResponse) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# ---- what is shown ---------------------------------------------------------------------------------


def test_a_question_shows_what_is_expected_and_where_it_came(golden: GoldenQuestion, alice_client: Client) -> None:
    assert "Not asked yet" in shown(alice_client, golden.knowledge)
    finished_run(golden, 2)

    page = shown(alice_client, golden.knowledge)

    assert all(words in page for words in (QUESTION, "harbour.txt", "Its keeper was Ole Brandt.", "Place 2", "0.500"))


def test_what_was_lost_since_the_run_before_is_red_and_counted(golden: GoldenQuestion, alice_client: Client) -> None:
    finished_run(golden, 1)
    finished_run(golden, None, document_rank=3)

    page = shown(alice_client, golden.knowledge)

    assert "1 newly lost" in page
    assert 'badge badge--danger">Newly lost' in page
    assert "another passage of the document at place 3" in page
    assert "\u22121.00" in page


def test_what_was_found_since_the_run_before_is_green(golden: GoldenQuestion, alice_client: Client) -> None:
    finished_run(golden, None)
    finished_run(golden, 1)

    page = shown(alice_client, golden.knowledge)

    assert "1 newly found" in page
    assert 'badge badge--success">Newly found' in page
    assert "+1.00" in page


def test_a_run_that_failed_says_why(golden: GoldenQuestion, alice_client: Client) -> None:
    Evaluation.objects.create(knowledge=golden.knowledge, reason="asked", state="failed", error="ModelNotFound")

    assert "The embedding model is not there." in shown(alice_client, golden.knowledge)


def test_a_page_with_many_questions_asks_the_database_no_more_often(
    golden: GoldenQuestion, document: Document, alice: User, alice_client: Client,
    django_assert_max_num_queries: Callable[[int], object],
) -> None:  # fmt: skip
    for n in range(20):
        create_question(golden.knowledge, f"Question {n}?", Expected(document=document), made_by=alice)
    finished_run(golden, 1)
    finished_run(golden, 2)

    with django_assert_max_num_queries(16):  # type: ignore[attr-defined]
        shown(alice_client, golden.knowledge)


def test_the_page_of_the_knowledge_says_that_questions_were_lost(
    golden: GoldenQuestion, alice_client: Client, bob_client: Client
) -> None:
    Evaluation.objects.filter(pk=finished_run(golden, None).pk).update(n_lost=3)
    address = url("knowledge", golden.knowledge)

    assert "\u22123</span>" in alice_client.get(address).content.decode()
    assert "\u22123</span>" not in bob_client.get(address).content.decode()


# ---- to whom ---------------------------------------------------------------------------------------


def test_readers_see_how_questions_fare_and_change_nothing(
    golden: GoldenQuestion, bob_client: Client, charlie_client: Client
) -> None:
    finished_run(golden, 1)

    page = shown(bob_client, golden.knowledge)

    assert all(words in page for words in (QUESTION, "Place 1", "harbour.txt"))
    assert not any(words in page for words in ("New question", "Import questions", "Ask them now", "Earlier runs"))
    assert charlie_client.get(url("questions", golden.knowledge)).status_code == 404


@pytest.mark.parametrize("name", ["run_questions", "new_question", "import_questions", "question", "delete_question"])
@pytest.mark.parametrize("who", ["bob_client", "charlie_client"])
def test_only_writers_enter_and_run_them(
    golden: GoldenQuestion, request: pytest.FixtureRequest, who: str, name: str
) -> None:
    client: Client = request.getfixturevalue(who)
    args = [golden.uuid] if name in ("question", "delete_question") else []

    response = client.post(url(name, golden.knowledge, *args), {"question": "Mine?"})

    assert response.status_code == 404
    assert (GoldenQuestion.objects.count(), Evaluation.objects.count()) == (1, 0)


def test_a_question_of_another_knowledge_cannot_be_reached(
    golden: GoldenQuestion, charlie: User, charlie_client: Client
) -> None:
    own = make_knowledge(owner=charlie)

    assert charlie_client.get(url("question", own, golden.uuid)).status_code == 404
    assert charlie_client.post(url("delete_question", own, golden.uuid)).status_code == 404


def test_of_a_document_taken_out_nothing_is_told_to_others(
    golden: GoldenQuestion, document: Document, bob: User, bob_client: Client, alice_client: Client
) -> None:
    knowledge = golden.knowledge
    finished_run(golden, 1)
    service.remove_documents(knowledge, knowledge.memberships.all())

    reader_sees = shown(bob_client, knowledge)
    service.grant(knowledge, user=bob, may_write=True)
    writer_sees = shown(bob_client, knowledge)
    form = bob_client.get(url("question", knowledge, golden.uuid)).content.decode()
    exported = bob_client.get(url("export_questions", knowledge, "json")).content.decode()

    assert QUESTION not in reader_sees
    assert "figures" not in reader_sees
    assert "A document that you may not read" in writer_sees
    hidden = ("harbour.txt", "Ole Brandt", str(document.uuid))
    for page in (reader_sees, writer_sees, form, exported):
        assert not any(words in page for words in hidden)
    assert "harbour.txt" in shown(alice_client, knowledge)


# ---- entering --------------------------------------------------------------------------------------


def test_a_passage_is_picked_from_what_a_search_finds(
    ingested: Callable[..., Document], alice: User, alice_client: Client
) -> None:
    document = ingested(alice, TEXT, "harbour.txt")
    knowledge = make_knowledge(document, owner=alice)
    passage = f"{document.uuid}:0:{len(TEXT)}"

    searched = alice_client.post(url("new_question", knowledge), {"question": QUESTION, "find": "1"})
    kept = alice_client.post(url("new_question", knowledge), {"question": QUESTION, "expected": passage})

    assert searched.status_code == 200
    assert f'value="{passage}"' in searched.content.decode()
    assert f'value="{document.uuid}"' in searched.content.decode()
    assert kept.status_code == 302
    golden = GoldenQuestion.objects.get()
    assert (golden.question, golden.document, golden.quote) == (QUESTION, document, TEXT)
    assert (golden.start, golden.end, golden.origin, golden.made_by) == (0, len(TEXT), "hand", alice)


def test_a_document_can_be_expected_as_a_whole_and_found_by_its_name(
    knowledge: Knowledge, document: Document, alice_client: Client
) -> None:
    page = alice_client.post(url("new_question", knowledge), {"question": "?", "q": "harb", "find": "1"})
    kept = alice_client.post(url("new_question", knowledge), {"question": QUESTION, "expected": str(document.uuid)})

    assert f'value="{document.uuid}"' in page.content.decode()
    assert kept.status_code == 302
    assert (GoldenQuestion.objects.get().document, GoldenQuestion.objects.get().quote) == (document, "")


@pytest.mark.parametrize(
    "expected", ["", "nonsense", "{uuid}:5", "{uuid}:9:3", "{uuid}:a:b", "{uuid}:0:99999", "{uuid}:1:2:3"]
)
def test_without_a_passage_or_document_nothing_is_kept(
    knowledge: Knowledge, document: Document, alice_client: Client, expected: str
) -> None:
    values = {"question": QUESTION, "expected": expected.format(uuid=document.uuid)}

    response = alice_client.post(url("new_question", knowledge), values)

    assert response.status_code == 422
    assert not GoldenQuestion.objects.exists()


def test_a_document_outside_the_knowledge_cannot_be_expected(
    knowledge: Knowledge, alice: User, alice_client: Client
) -> None:
    other = make_document(owner=alice, name="other.txt")

    response = alice_client.post(url("new_question", knowledge), {"question": "Q?", "expected": str(other.uuid)})

    assert response.status_code == 404
    assert not GoldenQuestion.objects.exists()


def test_a_question_is_changed_and_deleted(golden: GoldenQuestion, document: Document, alice_client: Client) -> None:
    address = url("question", golden.knowledge, golden.uuid)
    form = alice_client.get(address).content.decode()
    assert f'value="{document.uuid}:{golden.start}:{golden.end}" checked' in form

    alice_client.post(address, {"question": "Who kept it?", "expected": str(document.uuid)})
    golden.refresh_from_db()
    assert (golden.question, golden.quote) == ("Who kept it?", "")

    alice_client.post(url("delete_question", golden.knowledge, golden.uuid))
    assert not GoldenQuestion.objects.exists()


def test_the_same_question_twice_is_refused_in_words(
    golden: GoldenQuestion, document: Document, alice_client: Client
) -> None:
    values = {"question": QUESTION, "expected": f"{document.uuid}:{golden.start}:{golden.end}"}

    response = alice_client.post(url("new_question", golden.knowledge), values)

    assert response.status_code == 422
    assert "This question is there already." in response.content.decode()


# ---- running ---------------------------------------------------------------------------------------


def test_they_are_run_with_progress(
    ingested: Callable[..., Document], alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "REST_SHARE", 0)
    document = ingested(alice, TEXT, "harbour.txt")
    knowledge = make_knowledge(document, owner=alice)
    create_question(knowledge, QUESTION, Expected(document=document), made_by=alice)

    alice_client.post(url("run_questions", knowledge))
    waiting = shown(alice_client, knowledge)
    run = Evaluation.objects.get()
    evaluations.take_up(run)
    under_way = alice_client.get(url("questions", knowledge), headers={"HX-Target": "questions"}).content.decode()
    asyncio.run(evaluate(run))

    assert "Waiting for its turn" in waiting
    assert "Asking: 0 of 1" in under_way
    assert "<html" not in under_way
    page = shown(alice_client, knowledge)
    assert "Place 1" in page
    assert "Run by hand" in page
    assert "every 1500ms" not in page


def test_without_questions_nothing_runs(knowledge: Knowledge, alice_client: Client) -> None:
    alice_client.post(url("run_questions", knowledge))

    assert not Evaluation.objects.exists()


# ---- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "json"])
def test_questions_are_exported_and_imported(
    golden: GoldenQuestion, bob: User, bob_client: Client, alice_client: Client, form: str
) -> None:
    exported = alice_client.get(url("export_questions", golden.knowledge, form))
    elsewhere = make_knowledge(make_document(owner=bob, name="harbour.txt", text=TEXT), owner=bob)
    upload = SimpleUploadedFile(f"questions.{form}", exported.content)

    response = bob_client.post(url("import_questions", elsewhere), {"file": upload}, follow=True)

    assert exported.headers["Content-Disposition"] == f'attachment; filename="harbour-questions.{form}"'
    assert messages_of(response) == ["1 question is new."]
    assert (elsewhere.golden_questions.get().quote, elsewhere.golden_questions.get().question) == (
        golden.quote, QUESTION,
    )  # fmt: skip


def test_an_import_tells_what_it_did_not_take(golden: GoldenQuestion, alice_client: Client) -> None:
    rows = [{"question": f"{n}?", "document": "unknown.txt"} for n in range(7)]
    upload = SimpleUploadedFile("questions.json", json.dumps(rows).encode())

    response = alice_client.post(url("import_questions", golden.knowledge), {"file": upload}, follow=True)

    told = messages_of(response)
    assert told[0] == "Row 1 (unknown.txt): This document is not in the knowledge."
    assert told[-1] == "2 more rows were not taken."
    assert GoldenQuestion.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfe\x00", BadFile.NOT_TEXT),
        (b"", BadFile.NOT_CSV),
        (b"name,words\na,b\n", BadFile.NOT_CSV),
        (b'question,document\n"a', BadFile.NOT_CSV),
        (b"question,document\n", BadFile.NO_ROWS),
        (b"[", BadFile.NOT_JSON),
        (b"[1, 2]", BadFile.NOT_JSON),
        (b'{"question": "a"}', BadFile.NOT_JSON),
        (b"[" * 100_000, BadFile.NOT_JSON),
        (b"[]", BadFile.NO_ROWS),
        (b"[{}, {}, {}]", BadFile.TOO_MANY),
    ],
)
def test_a_file_that_is_no_list_of_questions_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadFile) as refused:
        question_files.read(data, max_rows=2)

    assert refused.value.reason == reason


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_file_is_read_as_it_was_written(form: str) -> None:
    rows = [
        {"question": "=1+1?", "document": "a, b.txt", "quote": 'two\nlines "quoted"'},
        {"question": "谁主持年会？", "document": "通知.txt", "quote": ""},
    ]

    text = question_files.written(rows, form)

    assert question_files.read(text.encode(), max_rows=2) == rows
    # No spreadsheet takes it for a formula.
    assert "\n=" not in text


def test_a_file_that_is_too_large_or_missing_is_refused(
    knowledge: Knowledge, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.documents.views.golden.FILE_MAX_BYTES", 3)
    upload = SimpleUploadedFile("questions.json", b"[{}]")

    for values in ({"file": upload}, {}):
        response = alice_client.post(url("import_questions", knowledge), values, follow=True)
        assert messages_of(response) == ["A file with questions has up to 2 MB."]
