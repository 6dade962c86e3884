"""Golden questions through the search of answers: what is counted, what makes them run again, what cuts them off."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from inference import client
from inference.errors import ConnectionRefused
from rag import chunking, embedding, retrieval
from rag.chunking import Span
from rag.evaluation import loop
from rag.evaluation.loop import Settling, evaluate, run_due
from rag.models import Document, Evaluation, GoldenQuestion, IndexVersion, Knowledge
from rag.queries import current_version
from rag.services import evaluations, ingestion, questions, versions
from rag.services import knowledge as knowledge_service
from rag.services.documents import delete_document
from rag.services.questions import Expected, create_question
from rag.tasks import ingest
from rag.threads import in_thread
from rag.types import Extraction
from tests.doubles.embedder import FakeEmbedder
from tests.factories import make_document, make_knowledge
from tests.rag.fixtures import build_all
from webui.accounts.models import User

ROOT = Path(__file__).resolve().parents[3]
Ingest = Callable[[User, str, str], Document]

HARBOUR = "The lighthouse of Sandhagen was built in 1902. Its keeper was Ole Brandt.\n\n" + "\n\n".join(
    f"Boat number {n} of the harbour is called after the saint of day {n}, and has {n} oars." for n in range(1, 60)
)
BAKERY = "Bread is baked on Fridays. The oven belongs to Per Holm."


@pytest.fixture(autouse=True)
def _without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "REST_SHARE", 0)


@pytest.fixture
def ingested(shared_database: None, data_folder: Path, embedder: FakeEmbedder) -> Ingest:
    """Return a function that indexes a text; reading files is others' subject, and takes a process each."""

    def index(owner: User, text: str, name: str) -> Document:
        document = make_document(owner=owner, name=name, text=text, state=Document.State.EXTRACTING)
        ingestion.store_text(document, Extraction(media_type="text/plain", text=text), chunking.NAME)
        asyncio.run(ingest(document))
        document.refresh_from_db()
        assert document.is_ready
        return document

    return index


@pytest.fixture
def harbour(ingested: Ingest, alice: User) -> Document:
    return ingested(alice, HARBOUR, "harbour.txt")


@pytest.fixture
def bakery(ingested: Ingest, alice: User) -> Document:
    return ingested(alice, BAKERY, "bakery.txt")


@pytest.fixture
def knowledge(harbour: Document, bakery: Document, alice: User) -> Knowledge:
    return make_knowledge(harbour, bakery, owner=alice)


def keep(knowledge: Knowledge, question: str, document: Document, quote: str = "") -> GoldenQuestion:
    return create_question(knowledge, question, Expected(document=document, quote=quote), made_by=knowledge.owner)


@pytest.fixture
def asked(knowledge: Knowledge, harbour: Document, bakery: Document) -> list[GoldenQuestion]:
    return [
        keep(knowledge, "Who was the keeper of the lighthouse?", harbour, "Its keeper was Ole Brandt."),
        keep(knowledge, "When is bread baked?", bakery),
        # Its answer stands in the other document.
        keep(knowledge, "When was the lighthouse of Sandhagen built?", bakery),
        keep(knowledge, "Who composed the opera about elephants?", harbour),
    ]


def run_by(knowledge: Knowledge, user: User) -> Evaluation:
    run = evaluations.ask_for_run(knowledge, user)
    asyncio.run(evaluate(run))
    run.refresh_from_db()
    return run


def due_now() -> list[Evaluation]:
    """Let the loop look once, with nothing to wait out; return what it ran, oldest first."""
    before = set(Evaluation.objects.values_list("pk", flat=True))
    asyncio.run(run_due(Settling(settle_s=0)))
    return list(Evaluation.objects.exclude(pk__in=before).order_by("pk"))


# ---- what is counted -------------------------------------------------------------------------------


def test_a_run_counts_where_the_expected_passages_came(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User
) -> None:
    run = run_by(knowledge, alice)

    assert (run.state, run.error, run.n_questions) == (Evaluation.State.FINISHED, "", 4)
    ranks = evaluations.ranks_of(run)
    keeper, bread, built, opera = (ranks[question.pk] for question in asked)
    assert (keeper, bread, opera) == (1, 1, None)
    assert built != 1
    assert run.recall["1"] == 0.5
    assert run.mrr == pytest.approx((2 + (1 / built if built else 0)) / 4)


def test_a_result_keeps_the_passages_as_they_came(
    knowledge: Knowledge, asked: list[GoldenQuestion], harbour: Document, alice: User
) -> None:
    result = run_by(knowledge, alice).results.get(question=asked[0])

    found = asyncio.run(
        retrieval.retrieve(
            user_id=alice.pk, question=asked[0].question, document_ids=(), knowledge_ids=[knowledge.pk], limit=10
        )
    )
    assert result.passages == [[p.document_id, p.start, p.end] for p in found.passages]
    assert result.passages[0][0] == harbour.pk
    assert (result.rank, result.document_rank) == (1, 1)
    assert result.took_s > 0


def test_the_right_document_at_another_passage_is_not_the_passage(
    knowledge: Knowledge, harbour: Document, alice: User
) -> None:
    golden = keep(knowledge, "Who was the keeper of the lighthouse?", harbour, "Boat number 59 of the harbour")

    result = run_by(knowledge, alice).results.get(question=golden)

    assert (result.rank, result.document_rank) == (None, 1)


def test_a_run_records_what_it_ran_under(knowledge: Knowledge, asked: list[GoldenQuestion], alice: User) -> None:
    version = current_version()
    assert version is not None

    assert run_by(knowledge, alice).configuration == {
        "embedder": "all-minilm", "digest": "d" * 64, "n_dims": 64, "chunker": chunking.NAME,
        "search": retrieval.NAME, "reranker": "",
    }  # fmt: skip


def test_a_document_that_is_gone_is_not_found_and_says_so(
    knowledge: Knowledge, asked: list[GoldenQuestion], bakery: Document, alice: User
) -> None:
    delete_document(bakery)

    result = run_by(knowledge, alice).results.get(question=asked[1])

    assert (result.rank, result.problem) == (None, "document_gone")


def test_a_run_reads_what_whoever_asked_may_read(
    knowledge: Knowledge, asked: list[GoldenQuestion], bob: User, charlie: User
) -> None:
    grant = knowledge_service.grant(knowledge, user=bob, may_write=True)

    assert run_by(knowledge, bob).recall["1"] == 0.5

    run = evaluations.ask_for_run(knowledge, bob)
    knowledge_service.revoke(grant)
    asyncio.run(evaluate(run))
    run.refresh_from_db()

    assert (run.state, run.error) == (Evaluation.State.FAILED, "unreadable")
    assert not run.results.exists()


def test_a_search_without_meanings_is_no_result(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User, embedder: FakeEmbedder
) -> None:
    embedder.error = ConnectionRefused("nobody there")

    run = run_by(knowledge, alice)

    assert (run.state, run.error, run.mrr) == (Evaluation.State.FAILED, "ConnectionRefused", None)


def test_an_order_without_its_reranker_is_no_result(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User, settings: Settings
) -> None:
    settings.HEARTH_RERANKER = "gone"

    run = run_by(knowledge, alice)

    assert (run.state, run.error) == (Evaluation.State.FAILED, "reranker")


# ---- what differs ----------------------------------------------------------------------------------


def test_a_broken_chunker_turns_the_report_red(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_by(knowledge, alice)

    def of_three_characters(text: str, page_spans: Sequence[Sequence[int]] = ()) -> list[Span]:
        return [Span(start, min(start + 3, len(text)), None) for start in range(0, len(text), 3)]

    monkeypatch.setattr(chunking, "NAME", "broken")
    monkeypatch.setattr(chunking, "chunk_spans", of_three_characters)
    version = current_version()
    assert version is not None
    versions.begin_build(asyncio.run(embedding.probe(version.embedder)))
    build_all()
    (run,) = due_now()

    changes = evaluations.changes_of(run)
    assert run.reason == Evaluation.Reason.CHUNKER
    assert asked[0].pk in changes.lost
    assert run.n_lost == len(changes.lost)


def test_a_change_in_the_documents_is_seen_question_by_question(
    knowledge: Knowledge, asked: list[GoldenQuestion], ingested: Ingest, alice: User
) -> None:
    questions.delete_question(asked[2])
    run_by(knowledge, alice)
    score = ingested(alice, "The opera about elephants was composed by Ada Lind.", "opera.txt")
    knowledge_service.add_document(knowledge, score)
    opera = questions.change_question(asked[3], asked[3].question, Expected(document=score))
    knowledge_service.remove_documents(knowledge, knowledge.memberships.filter(document__name="bakery.txt"))

    run = run_by(knowledge, alice)

    changes = evaluations.changes_of(run)
    assert (run.n_found, run.n_lost, evaluations.n_newly_lost(knowledge)) == (1, 1, 1)
    assert (changes.found, changes.lost) == ((opera.pk,), (asked[1].pk,))


# ---- by itself -------------------------------------------------------------------------------------


def test_questions_run_by_themselves_once(knowledge: Knowledge, asked: list[GoldenQuestion]) -> None:
    (first,) = due_now()

    assert (first.state, first.reason, first.asked_by) == (Evaluation.State.FINISHED, Evaluation.Reason.FIRST, None)
    assert due_now() == []


def test_knowledge_without_questions_does_not_run(knowledge: Knowledge) -> None:
    assert due_now() == []


def _another_document(knowledge: Knowledge, ingested: Ingest) -> None:
    knowledge_service.add_document(knowledge, ingested(knowledge.owner, "A third text.", "third.txt"))


def _one_document_less(knowledge: Knowledge, ingested: Ingest) -> None:
    knowledge_service.remove_documents(knowledge, knowledge.memberships.filter(document__name="bakery.txt"))


def _a_question_deleted(knowledge: Knowledge, ingested: Ingest) -> None:
    questions.delete_question(knowledge.golden_questions.all()[2])


def _another_embedder(knowledge: Knowledge, ingested: Ingest) -> None:
    versions.begin_build(asyncio.run(embedding.probe("another")))
    build_all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_another_document, Evaluation.Reason.DOCUMENTS),
        (_one_document_less, Evaluation.Reason.DOCUMENTS),
        (_a_question_deleted, Evaluation.Reason.QUESTIONS),
        (_another_embedder, Evaluation.Reason.EMBEDDER),
    ],
)
def test_a_change_makes_them_run_again_and_is_named(
    knowledge: Knowledge,
    asked: list[GoldenQuestion],
    ingested: Ingest,
    change: Callable[[Knowledge, Ingest], None],
    reason: str,
) -> None:
    due_now()
    change(knowledge, ingested)

    assert [run.reason for run in due_now()] == [reason]
    assert due_now() == []


def test_another_way_to_search_makes_them_run_again(
    knowledge: Knowledge, asked: list[GoldenQuestion], monkeypatch: pytest.MonkeyPatch
) -> None:
    due_now()
    monkeypatch.setattr(retrieval, "NAME", "by dice")

    assert [run.reason for run in due_now()] == [Evaluation.Reason.SEARCH]


def test_a_reranker_makes_them_run_again(
    knowledge: Knowledge, asked: list[GoldenQuestion], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def as_they_are(model: str, query: str, documents: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.linspace(1, 0, len(documents), dtype=np.float32)

    monkeypatch.setattr(client, "rerank", as_they_are)
    due_now()
    settings.HEARTH_RERANKER = "judge"

    assert [run.reason for run in due_now()] == [Evaluation.Reason.SEARCH]


def test_an_index_being_built_beside_changes_nothing_yet(
    knowledge: Knowledge, asked: list[GoldenQuestion], embedder: FakeEmbedder
) -> None:
    due_now()
    versions.begin_build(asyncio.run(embedding.probe("another")))

    assert IndexVersion.objects.count() == 2
    assert due_now() == []


def test_changes_are_waited_out() -> None:
    settling = Settling(settle_s=20)
    marks = {n: evaluations.Marks({}, f"{n}", "") for n in (1, 2)}
    changed = {**marks, 2: evaluations.Marks({}, "new", "")}

    assert list(settling.settled(marks, 100)) == []
    assert list(settling.settled(changed, 110)) == []
    assert list(settling.settled(changed, 120)) == [1]
    assert list(settling.settled(changed, 130)) == [1, 2]
    assert list(settling.settled({}, 140)) == []
    assert list(settling.settled(marks, 150)) == []


def test_reading_documents_comes_first(knowledge: Knowledge, asked: list[GoldenQuestion], alice: User) -> None:
    Document.objects.filter(name="bakery.txt").update(state=Document.State.EMBEDDING)
    assert due_now() == []

    # Somebody who waits for it is not made to wait for that.
    run = evaluations.ask_for_run(knowledge, alice)
    due_now()
    run.refresh_from_db()

    assert run.state == Evaluation.State.FINISHED


async def test_a_run_by_itself_stands_back_for_one_that_somebody_waits_for(
    knowledge: Knowledge, asked: list[GoldenQuestion], harbour: Document, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await in_thread(make_knowledge, harbour, owner=alice, name="Other")
    await in_thread(keep, other, "Who was the keeper?", harbour)
    await in_thread(evaluations.begin_due_run, knowledge.pk, (await in_thread(evaluations.marks_now))[knowledge.pk])
    record, finished = evaluations.record, []

    def recorded(run: Evaluation, *args: object) -> None:
        record(run, *args)  # type: ignore[arg-type]
        if run.results.count() == 2 and not other.evaluations.exists():
            evaluations.ask_for_run(other, alice)

    def finish(run: Evaluation) -> bool:
        finished.append((run.knowledge_id, run.results.count()))
        return close(run)

    close = evaluations.finish
    monkeypatch.setattr(evaluations, "record", recorded)
    monkeypatch.setattr(evaluations, "finish", finish)

    # Nothing but the one by itself is known at the first look; at the second, both.
    await run_due(Settling(settle_s=1000))
    await run_due(Settling(settle_s=1000))

    assert finished == [(other.pk, 1), (knowledge.pk, 4)]


def test_a_run_by_itself_stands_back_for_documents_that_come(
    knowledge: Knowledge, asked: list[GoldenQuestion], harbour: Document
) -> None:
    run = evaluations.begin_due_run(knowledge.pk, evaluations.marks_now()[knowledge.pk])
    assert run is not None
    make_document(owner=knowledge.owner, name="new.txt", state=Document.State.QUEUED)

    asyncio.run(evaluate(run))
    run.refresh_from_db()

    assert (run.state, run.results.count()) == (Evaluation.State.RUNNING, 0)


def test_it_gives_way_to_an_answer_being_written(
    knowledge: Knowledge, asked: list[GoldenQuestion], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([True, True, True, *[False] * 20])
    asked_for = []

    async def is_answering() -> bool:
        asked_for.append(len(run.results.all()) if (run := Evaluation.objects.first()) else 0)
        return next(answers)

    monkeypatch.setattr(loop, "ANSWER_POLL_S", 0.001)
    monkeypatch.setattr(loop, "_is_answering", is_answering)
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    due_now()

    # Three times it looked, and had asked one question only.
    assert asked_for == [1, 1, 1, 1, 2, 3, 4]


def test_knowledge_of_somebody_who_is_suspended_rests(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)

    assert due_now() == []


async def test_the_loop_runs_what_somebody_asks_for(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User
) -> None:
    running = asyncio.create_task(loop.evaluation_loop())
    try:
        run = await in_thread(evaluations.ask_for_run, knowledge, alice)
        async with asyncio.timeout(20):
            while run.state != Evaluation.State.FINISHED:
                await asyncio.sleep(0.02)
                await in_thread(run.refresh_from_db)
    finally:
        running.cancel()

    assert run.recall["1"] == 0.5


# ---- cut off -----------------------------------------------------------------------------------------


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Evaluation, int], None]]:
    """Return a function that lets a run end, as a kill does, after so many questions."""

    def begin(run: Evaluation, n: int) -> None:
        trials = evaluations.take_up(run)
        for trial in trials[:n]:
            evaluations.record(run, trial, (), 0.5)

    yield begin


def test_a_run_that_was_cut_off_goes_on_where_it_was(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User, cut_off: Callable[[Evaluation, int], None]
) -> None:
    run = evaluations.ask_for_run(knowledge, alice)
    cut_off(run, 2)

    due_now()
    run.refresh_from_db()

    assert run.state == Evaluation.State.FINISHED
    # Not asked again: what was recorded for them before is untouched.
    assert [result.took_s == 0.5 for result in run.results.all()] == [True, True, False, False]


def test_a_run_that_was_cut_off_begins_again_when_documents_changed(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User, cut_off: Callable[[Evaluation, int], None]
) -> None:
    run = evaluations.ask_for_run(knowledge, alice)
    cut_off(run, 2)
    knowledge_service.remove_documents(knowledge, knowledge.memberships.filter(document__name="bakery.txt"))

    due_now()

    assert all(result.took_s != 0.5 for result in run.results.all())
    assert run.results.count() == 4


def test_a_run_under_which_the_documents_change_is_not_closed(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User
) -> None:
    run = evaluations.ask_for_run(knowledge, alice)
    trials = evaluations.take_up(run)
    for trial in trials:
        evaluations.record(run, trial, (), 0.5)
    knowledge_service.remove_documents(knowledge, knowledge.memberships.filter(document__name="bakery.txt"))

    assert not evaluations.finish(run)

    due_now()
    run.refresh_from_db()
    assert (run.state, run.recall["1"]) == (Evaluation.State.FINISHED, 0.25)


def test_a_run_that_ends_the_process_each_time_is_given_up(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User
) -> None:
    run = evaluations.ask_for_run(knowledge, alice)
    for _ in range(evaluations.MAX_ATTEMPTS):
        evaluations.take_up(run)

    due_now()
    run.refresh_from_db()

    assert (run.state, run.error) == (Evaluation.State.FAILED, "crashed")


def test_a_run_by_itself_that_failed_is_tried_again_later_in_the_same_line(
    knowledge: Knowledge, asked: list[GoldenQuestion], embedder: FakeEmbedder
) -> None:
    embedder.error = ConnectionRefused("nobody there")
    (run,) = due_now()
    embedder.error = None
    assert run.state == Evaluation.State.FAILED

    assert due_now() == []
    Evaluation.objects.update(finished_at=timezone.now() - timedelta(minutes=11))
    due_now()
    run.refresh_from_db()

    assert (run.state, run.error, Evaluation.objects.count()) == (Evaluation.State.FINISHED, "", 1)


def test_a_question_deleted_under_a_run_does_no_harm(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User
) -> None:
    run = evaluations.ask_for_run(knowledge, alice)
    trials = evaluations.take_up(run)
    questions.delete_question(asked[1])
    for trial in trials:
        evaluations.record(run, trial, (), 0.5)

    assert run.results.count() == 3


def test_knowledge_deleted_under_a_run_does_no_harm(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User
) -> None:
    run = evaluations.ask_for_run(knowledge, alice)
    knowledge_service.delete_knowledge(knowledge)

    asyncio.run(evaluate(run))

    assert not Evaluation.objects.exists()


def test_the_history_has_an_end(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluations, "KEPT_RUNS", 2)
    runs = [run_by(knowledge, alice) for _ in range(3)]

    assert list(knowledge.evaluations.all()) == [runs[2], runs[1]]


def test_pressing_twice_runs_once(knowledge: Knowledge, asked: list[GoldenQuestion], alice: User) -> None:
    assert evaluations.ask_for_run(knowledge, alice) == evaluations.ask_for_run(knowledge, alice)


def test_a_run_by_itself_that_somebody_asks_for_does_not_make_them_wait(
    knowledge: Knowledge, asked: list[GoldenQuestion], alice: User
) -> None:
    by_itself = evaluations.begin_due_run(knowledge.pk, evaluations.marks_now()[knowledge.pk])

    run = evaluations.ask_for_run(knowledge, alice)

    assert run == by_itself
    assert (run.asked_by, run.reason) == (alice, Evaluation.Reason.ASKED)


def test_a_run_killed_in_its_middle_asks_only_what_is_left(tmp_path: Path) -> None:
    """kill -9, with real processes, a real database file and a real index."""

    def start(step: str) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603  (our own module)
            [sys.executable, "-m", "tests.rag.evaluation.interrupted_evaluation", step],
            cwd=ROOT, env={**os.environ, "HEARTH_DATA": str(tmp_path)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    with start("begin") as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "standing still\n"
        killed.kill()
    with start("go_on") as resumed:
        output, _ = resumed.communicate(timeout=120)

    facts = json.loads(output)
    assert (facts["state"], facts["n_results"], facts["n_asked"]) == ("finished", 6, 3)
    assert facts["recall"]["1"] == 1
