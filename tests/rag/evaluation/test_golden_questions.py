"""Entering golden questions, and carrying them elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rag.errors import QuestionRefused
from rag.evaluation.measures import Span
from rag.models import Document, ExtractedText, GoldenQuestion, Knowledge
from rag.queries import told_questions
from rag.services import knowledge as knowledge_service
from rag.services import questions
from rag.services.documents import delete_document
from rag.services.questions import Expected, create_question, expected_span, exported, import_questions
from rag.types import Unfindable
from tests.doubles.pdf_files import text_pdf
from tests.factories import make_document, make_knowledge
from webui.accounts.models import User

TEXT = "The lighthouse was built in 1902. Its keeper\nwas Ole Brandt. The lighthouse was built in 1902."

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(alice: User) -> Document:
    return make_document(owner=alice, name="harbour.txt", text=TEXT)


@pytest.fixture
def knowledge(document: Document, alice: User) -> Knowledge:
    return make_knowledge(document, owner=alice)


def keep(
    knowledge: Knowledge, document: Document, question: str = "Who?", quote: str = "", start: int | None = None
) -> GoldenQuestion:
    expected = Expected(document=document, quote=quote, start=start)
    return create_question(knowledge, question, expected, made_by=knowledge.owner)


def test_a_question_expects_a_document_or_words_in_it(knowledge: Knowledge, document: Document, alice: User) -> None:
    whole = keep(knowledge, document)
    words = keep(knowledge, document, quote="keeper was  Ole Brandt")

    assert (whole.quote, expected_span(whole)) == ("", Span(document_id=document.pk))
    # The words as they stand there, whatever spaces somebody typed.
    assert words.quote == "keeper\nwas Ole Brandt"
    assert expected_span(words) == Span(document_id=document.pk, start=38, end=59)
    assert (words.made_by, words.origin, words.document_name) == (alice, "hand", "harbour.txt")


def test_of_several_places_the_one_that_was_picked_counts(knowledge: Knowledge, document: Document) -> None:
    quote = "The lighthouse was built in 1902."
    second = TEXT.rindex(quote)

    assert keep(knowledge, document, quote=quote).start == 0
    assert keep(knowledge, document, "When?", quote=quote, start=second).start == second
    assert keep(knowledge, document, "And when?", quote=quote, start=7).start == 0


def test_a_quote_on_a_page_knows_its_page(ingested: Callable[..., Document], alice: User) -> None:
    pages = [f"Page {n}. The code of locker {n * 7} is {n * 1111}." for n in range(1, 4)]
    document = ingested(alice, text_pdf(pages), "lockers.pdf")

    assert keep(make_knowledge(document, owner=alice), document, quote="locker 14 is 2222").page == 2


@pytest.mark.parametrize(
    ("question", "quote", "reason"),
    [
        (" \n", "", QuestionRefused.EMPTY),
        ("q" * 2001, "", QuestionRefused.TOO_LONG),
        ("Who?", "q" * 4001, QuestionRefused.TOO_LONG),
        ("Who?", "the cook was Per", QuestionRefused.NO_QUOTE),
        ("Who?", "(.*)+$", QuestionRefused.NO_QUOTE),
    ],
)
def test_what_cannot_be_tried_is_refused(
    knowledge: Knowledge, document: Document, question: str, quote: str, reason: str
) -> None:
    with pytest.raises(QuestionRefused) as refused:
        keep(knowledge, document, question, quote)

    assert refused.value.reason == reason
    assert not GoldenQuestion.objects.exists()


def test_only_documents_of_the_knowledge_can_be_expected(knowledge: Knowledge, alice: User) -> None:
    with pytest.raises(QuestionRefused) as refused:
        keep(knowledge, make_document(owner=alice, name="other.txt"))

    assert refused.value.reason == QuestionRefused.NO_DOCUMENT


def test_the_same_question_is_kept_once(knowledge: Knowledge, document: Document) -> None:
    first = keep(knowledge, document)
    with pytest.raises(QuestionRefused):
        keep(knowledge, document)
    other = keep(knowledge, document, quote="Ole Brandt")
    with pytest.raises(QuestionRefused):
        questions.change_question(other, first.question, Expected(document=document))

    assert set(GoldenQuestion.objects.values_list("question", "quote")) == {("Who?", ""), ("Who?", "Ole Brandt")}


def test_there_is_an_end_to_them(knowledge: Knowledge, document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MAX_QUESTIONS", 2)
    keep(knowledge, document, "One?")
    keep(knowledge, document, "Two?")

    with pytest.raises(QuestionRefused) as refused:
        keep(knowledge, document, "Three?")

    assert refused.value.reason == QuestionRefused.TOO_MANY


def test_words_are_found_again_after_the_document_was_read_anew(knowledge: Knowledge, document: Document) -> None:
    golden = keep(knowledge, document, quote="Ole Brandt")
    ExtractedText.objects.filter(document=document).update(text=f"A new first line.\n{TEXT}")

    found = expected_span(golden)

    assert found == Span(document_id=document.pk, start=67, end=77)


def test_what_cannot_be_found_any_more_says_why(knowledge: Knowledge, document: Document) -> None:
    golden = keep(knowledge, document, quote="Ole Brandt")
    ExtractedText.objects.filter(document=document).update(text="Another text.")
    assert expected_span(golden) == Unfindable.QUOTE_GONE

    Document.objects.filter(pk=document.pk).update(state=Document.State.FAILED)
    golden.refresh_from_db()
    assert expected_span(golden) == Unfindable.DOCUMENT_UNREAD

    knowledge_service.remove_documents(knowledge, knowledge.memberships.all())
    assert expected_span(golden) == Unfindable.DOCUMENT_GONE


def test_a_question_outlives_its_document(knowledge: Knowledge, document: Document, alice: User) -> None:
    keep(knowledge, document, quote="Ole Brandt")
    delete_document(document)

    left = told_questions(knowledge, alice).get()

    assert (left.document, left.shown_name) == (None, "harbour.txt")
    assert expected_span(left) == Unfindable.DOCUMENT_GONE


def test_what_is_expected_is_told_to_those_alone_who_may_read_it(
    knowledge: Knowledge, document: Document, alice: User, bob: User, charlie: User
) -> None:
    knowledge_service.grant(knowledge, user=bob, may_write=True)
    keep(knowledge, document, quote="Ole Brandt")

    def is_told(user: User) -> bool:
        return told_questions(knowledge, user).exists()

    assert (is_told(alice), is_told(bob), is_told(charlie)) == (True, True, False)

    # Taken out it is Alice's alone again, and stays so when she deletes it.
    knowledge_service.remove_documents(knowledge, knowledge.memberships.all())
    assert (is_told(alice), is_told(bob)) == (True, False)
    delete_document(document)
    assert (is_told(alice), is_told(bob)) == (True, False)


def test_questions_travel_to_another_knowledge_and_are_not_doubled(
    knowledge: Knowledge, document: Document, alice: User, bob: User
) -> None:
    keep(knowledge, document, "Who kept it?", quote="Ole Brandt")
    keep(knowledge, document, "What is it about?")
    rows = exported(knowledge.golden_questions.all())
    elsewhere = make_knowledge(make_document(owner=bob, name="harbour.txt", text=TEXT), owner=bob)

    first = import_questions(elsewhere, rows, made_by=bob)
    again = import_questions(elsewhere, rows, made_by=bob)

    assert (first.n_new, first.n_known, first.refusals) == (2, 0, ())
    assert (again.n_new, again.n_known, again.refusals) == (0, 2, ())
    assert exported(elsewhere.golden_questions.all()) == rows


def test_an_import_tells_of_each_row_that_it_did_not_take(knowledge: Knowledge, document: Document) -> None:
    knowledge_service.add_document(
        knowledge, make_document(owner=knowledge.owner, name="harbour.txt", text="The other harbour has a crane.")
    )
    rows = [
        {"question": "Who kept it?", "document": "harbour.txt", "quote": "Ole Brandt"},
        {"question": "Who kept it?", "document": "harbour.txt"},
        {"question": "Who kept it?", "document": "unknown.txt"},
        {"document": "harbour.txt", "quote": "a crane"},
        {"question": "What has a crane?", "document": "harbour.txt", "quote": "has a crane"},
    ]

    report = import_questions(knowledge, rows, made_by=knowledge.owner)

    assert report.n_new == 2
    assert [(refusal.row, refusal.reason) for refusal in report.refusals] == [
        (2, QuestionRefused.SEVERAL_DOCUMENTS),
        (3, QuestionRefused.NO_DOCUMENT),
        (4, QuestionRefused.EMPTY),
    ]
