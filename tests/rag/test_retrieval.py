from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from inference import client
from inference.errors import ConnectionRefused
from rag import embedding
from rag.api import delete_document, retrieve
from rag.models import Document, ExtractedText, IndexVersion
from rag.retrieval import candidates
from rag.services.documents import create_document
from rag.store import vector_store
from rag.threads import in_thread
from rag.types import Retrieval
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.pdf_files import text_pdf
from tests.rag.answers.quoted_questions import LIGHTHOUSE_ZH
from webui.accounts.models import User

Upload = Callable[..., Document]

LOCKERS = [f"Page {n} begins here. The code of locker {n * 7} is {n * 1111}. It ends here." for n in range(1, 13)]
CHINESE = "数据库的备份每天凌晨三点进行。\n\n恢复数据库需要管理员的密码。\n\n港口建于一九〇二年。"


def ask(user: User, question: str, documents: Collection[Document], limit: int = 6) -> Retrieval:
    ids = [document.pk for document in documents]
    return asyncio.run(retrieve(user_id=user.pk, question=question, document_ids=ids, limit=limit))


def test_the_best_passage_comes_first_with_its_page_and_place(ingested: Upload, alice: User) -> None:
    document = ingested(alice, text_pdf(LOCKERS), "lockers.pdf")

    best = ask(alice, "What is the code of locker 35?", [document]).passages[0]

    assert "is 5555" in best.text
    assert (best.document_uuid, best.document_name, best.page) == (document.uuid, "lockers.pdf", 5)
    assert ExtractedText.objects.get().text[best.start : best.end] == best.text


def test_chinese_is_found_by_its_words(ingested: Upload, alice: User) -> None:
    document = ingested(alice, CHINESE, "手册.txt")

    found = ask(alice, "怎么恢复数据库？", [document])

    assert "管理员的密码" in found.passages[0].text
    assert found.trace.dense_trust == 0


def test_the_latin_word_of_a_chinese_question_weighs_as_much_as_its_pairs(ingested: Upload, alice: User) -> None:
    documents = [ingested(alice, text, f"{n}.txt") for n, text in enumerate(("备份文件要小心。", "rsync 能省流量。"))]

    candidates = ask(alice, "rsync 备份文件", documents).trace.candidates

    assert max(candidates, key=lambda candidate: candidate.lexical).document_name == "1.txt"


def test_a_short_chinese_question_for_a_person_finds_the_passage(ingested: Upload, alice: User) -> None:
    document = ingested(alice, "公司的年会将于十二月二十四日在成都举行，由李明主持。", "notice.txt")

    found = ask(alice, "谁主持年会？", [document])

    assert "李明" in found.passages[0].text


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("数据库坏掉以后，要有什么才能把它恢复回来？", "管理员的密码"),
        ("备份数据库的工作一般是安排在几点钟进行的？", "凌晨三点"),
    ],
)
def test_a_chinese_question_in_peoples_own_words_gets_passages(
    ingested: Upload, alice: User, question: str, answer: str
) -> None:
    document = ingested(alice, CHINESE, "手册.txt")

    found = ask(alice, question, [document])

    assert answer in found.passages[0].text
    assert found.trace.dense_trust == 0


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("圖書館的閉館時間是晚上九點。\n\n門票六十元。", "图书馆几点闭馆？"),
        ("图书馆的闭馆时间是晚上九点。\n\n门票六十元。", "圖書館幾點閉館？"),
    ],
)
def test_traditional_and_simplified_characters_find_each_other(
    ingested: Upload, alice: User, text: str, question: str
) -> None:
    document = ingested(alice, text, "通知.txt")

    assert text.splitlines()[0] in ask(alice, question, [document]).passages[0].text


@pytest.mark.parametrize("question", ["红烧肉要炖几个小时才好吃？", "谁在二〇一四年得了足球世界杯冠军？"])
def test_a_chinese_question_about_anything_else_gets_none(ingested: Upload, alice: User, question: str) -> None:
    document = ingested(alice, CHINESE, "手册.txt")

    assert ask(alice, question, [document]).is_empty


def test_the_words_count_of_what_only_its_meaning_has_found(
    ingested: Upload, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [ingested(alice, f"The lighthouse was {what} in 1902.", f"{what}.txt") for what in ("built", "painted")]
    monkeypatch.setattr(candidates, "N_LEXICAL", 1)

    found = ask(alice, "When was the lighthouse built?", documents)

    assert [candidate.document_name for candidate in found.trace.candidates] == ["built.txt", "painted.txt"]
    assert all(candidate.lexical > 0 for candidate in found.trace.candidates)


def test_nothing_comes_back_when_nothing_matches(ingested: Upload, alice: User) -> None:
    document = ingested(alice, text_pdf(LOCKERS), "lockers.pdf")

    found = ask(alice, "Who composed the opera about elephants?", [document])

    assert found.is_empty
    assert all(candidate.outcome == "below cut-off" for candidate in found.trace.candidates)


def test_only_the_documents_of_the_question_are_searched(ingested: Upload, alice: User) -> None:
    ingested(alice, "The lighthouse was built in 1902.", "a.txt")
    other = ingested(alice, "The lighthouse was painted in 1950.", "b.txt")

    found = ask(alice, "When was the lighthouse built?", [other])

    assert {passage.document_name for passage in found.passages} == {"b.txt"}


def test_charlie_finds_nothing_in_alices_documents(ingested: Upload, alice: User, charlie: User) -> None:
    document = ingested(alice, "The lighthouse was built in 1902.", "a.txt")

    found = ask(charlie, "When was the lighthouse built?", [document])

    assert found.is_empty
    assert found.trace.candidates == ()


@pytest.mark.parametrize("state", [s for s in Document.State if s != Document.State.READY])
def test_half_a_document_is_never_drawn_on(ingested: Upload, alice: User, state: str) -> None:
    document = ingested(alice, "The lighthouse was built in 1902.", "a.txt")
    Document.objects.update(state=state)

    assert ask(alice, "When was the lighthouse built?", [document]).is_empty


def test_a_right_that_goes_while_a_slow_search_runs_is_gone(
    ingested: Upload, alice: User, charlie: User, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = ingested(alice, "The lighthouse was built in 1902.", "a.txt")
    embed = embedder.embed

    async def slow(model: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        await in_thread(Document.objects.filter(pk=document.pk).update, owner=charlie)
        return await embed(model, texts)

    monkeypatch.setattr(client, "embed", slow)
    monkeypatch.setattr(candidates, "RECHECK_AFTER_S", 0.0)

    assert ask(alice, "When was the lighthouse built?", [document]).trace.candidates == ()


def test_what_others_have_is_not_proposed_when_all_of_ones_own_is_searched(
    ingested: Upload, alice: User, charlie: User
) -> None:
    document = ingested(alice, "The lighthouse was built in 1902.", "a.txt")
    ingested(charlie, "The lighthouse was painted in 1950.", "b.txt")

    found = ask(alice, "When was the lighthouse painted?", [document])

    assert [candidate.document_name for candidate in found.trace.candidates] == ["a.txt"]


def test_a_deleted_document_is_gone_from_the_next_answer(ingested: Upload, alice: User) -> None:
    document = ingested(alice, "The lighthouse was built in 1902.", "a.txt")
    pk = document.pk
    delete_document(document)

    found = asyncio.run(retrieve(user_id=alice.pk, question="lighthouse", document_ids=[pk]))

    assert found.is_empty


def test_without_an_embedder_the_words_decide_and_the_trace_says_so(
    ingested: Upload, alice: User, embedder: FakeEmbedder
) -> None:
    document = ingested(alice, "The lighthouse was built in 1902.", "a.txt")
    embedder.error = ConnectionRefused("http://127.0.0.1:1")

    found = ask(alice, "When was the lighthouse built?", [document])

    assert len(found.passages) == 1
    assert found.trace.dense_problem == "ConnectionRefused"


def test_an_embedder_that_hangs_does_not_hold_the_answer(
    ingested: Upload, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = ingested(alice, "The lighthouse was built in 1902.", "a.txt")

    async def never(model: str, question: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(embedding, "embed_question", never)
    monkeypatch.setattr("rag.retrieval.candidates.EMBED_TIMEOUT_S", 0.05)

    assert ask(alice, "When was the lighthouse built?", [document]).trace.dense_problem == "TimeoutError"


def test_the_same_passage_twice_is_given_once(ingested: Upload, alice: User) -> None:
    first = ingested(alice, "The lighthouse was built in 1902 by the harbour board.", "a.txt")
    second = ingested(alice, "The lighthouse was built in 1902 by the harbour board. ", "copy.txt")

    found = ask(alice, "When was the lighthouse built?", [first, second])

    assert len(found.passages) == 1
    assert [candidate.outcome for candidate in found.trace.candidates] == ["kept", "near-duplicate"]


def test_the_limit_holds_and_the_trace_tells_what_was_left_out(ingested: Upload, alice: User) -> None:
    document = ingested(alice, text_pdf(LOCKERS), "lockers.pdf")

    found = ask(alice, "What is the code of locker 35?", [document], limit=2)

    assert len(found.passages) == 2
    assert "beyond limit" in {candidate.outcome for candidate in found.trace.candidates}


def test_the_trace_can_be_stored_as_json(ingested: Upload, alice: User) -> None:
    document = ingested(alice, text_pdf(LOCKERS), "lockers.pdf")
    trace = ask(alice, "What is the code of locker 35?", [document]).trace

    assert json.loads(json.dumps(trace.as_dict()))["terms"] == ["code", "locker", "35"]
    assert trace.total_s > 0


@pytest.mark.parametrize("question", ["", "???", '"', "a OR b NOT *", "x" * 100_000, "\x00", "NEAR(a b)", "terms:a"])
def test_any_question_can_be_asked(ingested: Upload, alice: User, question: str) -> None:
    document = ingested(alice, "The lighthouse was built in 1902.", "a.txt")

    ask(alice, question, [document])


def test_vectors_left_behind_never_reach_an_answer(ingested: Upload, alice: User) -> None:
    document = ingested(alice, "The lighthouse was built in 1902.", "a.txt")
    version = IndexVersion.objects.get()
    vector_store().add(version.collection, document.pk, [999], np.ones((1, version.n_dims), dtype=np.float32))

    found = ask(alice, "When was the lighthouse built?", [document])

    assert len(found.trace.candidates) == 1


def test_an_unfinished_upload_is_not_searched(shared_database: None, embedder: FakeEmbedder, alice: User) -> None:
    document = create_document(alice, SimpleUploadedFile("a.txt", b"The lighthouse was built in 1902."))

    assert ask(alice, "When was the lighthouse built?", [document]).is_empty


@pytest.mark.parametrize("question", ["灯塔有多高？", "台阶有多少级？", "灯是哪一年点亮的？", "谁在暴风雨中救了人？"])
def test_a_short_chinese_question_is_not_cut_off_for_the_pairs_between_its_words(
    ingested: Upload, alice: User, question: str
) -> None:
    document = ingested(alice, LIGHTHOUSE_ZH, "灯塔.txt")

    assert not ask(alice, question, [document]).is_empty
    assert ask(alice, "蒙古的首都是哪里？", [document]).is_empty
