from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from inference.types import Usage
from rag.types import PageKind, Passage
from tests.factories import make_answer, make_chat, make_document, make_message
from webui.accounts.models import User
from webui.chats.errors import Failure
from webui.chats.models import Citation, Generation
from webui.chats.services.asking import Asked
from webui.chats.services.generations import Ending, JournalEntry, end_generation, interrupt_abandoned, write_journal
from webui.chats.services.messages import regenerate_answer, send_message
from webui.chats.services.tasks import Task, task_of
from webui.chats.shown_branch import new_messages


def begun(asked: Asked) -> Task:
    new = new_messages(asked.new_messages, asked.attached, have_siblings=asked.has_siblings)
    return task_of(asked.generation, new)


@pytest.fixture
def task(alice: User) -> Task:
    return begun(send_message(alice, content="When?", model="tiny:latest"))


def stored(task: Task) -> Generation:
    return Generation.objects.select_related("message").get(pk=task.generation_id)


def test_a_task_holds_the_branch_and_its_documents(alice: User) -> None:
    first, second = make_document(owner=alice), make_document(owner=alice)
    chat = make_chat(owner=alice)
    make_message(chat, content="one").documents.add(first)
    make_answer(chat, content="")
    asked = send_message(alice, chat_uuid=chat.uuid, content="two", model="tiny:latest", documents=[second.uuid])

    task = begun(asked)

    assert [(t.role, t.content) for t in task.turns] == [("user", "one"), ("user", "two")]
    assert task.question == "two"
    assert task.document_ids == [first.pk, second.pk]
    assert task.question_document_ids == [second.pk]
    assert stored(task).state == Generation.State.QUEUED


def test_siblings_are_not_part_of_the_branch(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    make_answer(chat, content="answer 1b", parent=chat.messages.get(content="question 1"))

    task = begun(send_message(alice, chat_uuid=chat.uuid, content="question 2", model="tiny:latest"))

    assert [t.content for t in task.turns] == ["question 1", "answer 1b", "question 2"]


def test_a_regenerated_answer_has_the_documents_of_its_question(alice: User) -> None:
    document = make_document(owner=alice)
    chat = make_chat(owner=alice)
    make_message(chat, content="one").documents.add(document)
    old = make_answer(chat, content="first")

    task = begun(regenerate_answer(alice, chat_uuid=chat.uuid, message_uuid=old.uuid, model="tiny:latest"))

    assert [t.content for t in task.turns] == ["one"]
    assert task.question_document_ids == [document.pk]


def test_the_journal_of_many_answers_is_few_statements(
    alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    tasks = [begun(send_message(alice, content=f"{n}", model="tiny:latest")) for n in range(20)]
    entries = [
        JournalEntry(message_id=t.message_id, generation_id=t.generation_id, content=f"so far {n}", thinking="")
        for n, t in enumerate(tasks)
    ]

    # A savepoint and its release, one statement for all texts and one for all heartbeats.
    with django_assert_num_queries(4):
        write_journal(entries, [t.generation_id for t in tasks])

    assert stored(tasks[7]).message.content == "so far 7"


def test_the_journal_renews_the_heartbeat(task: Task) -> None:
    Generation.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))

    write_journal([], [task.generation_id])

    assert timezone.now() - stored(task).heartbeat_at < timedelta(minutes=1)


def test_the_journal_comes_too_late_for_an_answer_that_has_ended(task: Task) -> None:
    end_generation(task, Ending(state="finished", content="In 1902."))

    write_journal(
        [JournalEntry(message_id=task.message_id, generation_id=task.generation_id, content="In", thinking="")],
        [task.generation_id],
    )

    assert stored(task).message.content == "In 1902."


def test_an_end_stores_everything(task: Task, alice: User) -> None:
    document = make_document(owner=alice)
    passage = Passage(
        document_id=document.pk, document_uuid=document.uuid, document_name="notes.txt", page=2, start=4, end=9,
        text="light", score=0.75, page_kind=PageKind.SHEET, page_name="Budget",
    )  # fmt: skip
    usage = Usage(prompt_tokens=10, answer_tokens=4, answer_s=0.5)

    assert end_generation(
        task,
        Ending(
            state="finished", content="In 1902 [1].", thinking="hm", usage=usage, ledger={"sent": []},
            citations={1: passage}, first_delta_at=timezone.now(),
        ),
    )  # fmt: skip

    generation = stored(task)
    assert generation.state == Generation.State.FINISHED
    assert (generation.prompt_tokens, generation.answer_tokens) == (10, 4)
    assert generation.timings == {"answer_s": 0.5}
    assert generation.ledger == {"sent": []}
    assert (generation.message.content, generation.message.thinking) == ("In 1902 [1].", "hm")
    citation = Citation.objects.get()
    assert (citation.number, citation.document, citation.start, citation.end) == (1, document, 4, 9)
    assert (citation.page_kind, citation.page, citation.page_name) == ("sheet", 2, "Budget")


def test_a_citation_outlives_its_document(task: Task, alice: User) -> None:
    document = make_document(owner=alice)
    passage = Passage(
        document_id=document.pk, document_uuid=document.uuid, document_name="notes.txt", page=2, start=0, end=3,
        text="The", score=0.5,
    )  # fmt: skip
    document.delete()

    end_generation(task, Ending(state="finished", content="So [1].", citations={1: passage}))

    citation = Citation.objects.get()
    assert (citation.document, citation.document_name, citation.text) == (None, "notes.txt", "The")


def test_a_failure_keeps_the_text_with_its_reason(task: Task) -> None:
    failure = Failure(code="runner_died", facts={"model": "tiny"})

    end_generation(task, Ending(state="failed", content="half of", failure=failure))

    generation = stored(task)
    assert (generation.state, generation.error_code, generation.error_facts) == (
        "failed", "runner_died", {"model": "tiny"}
    )  # fmt: skip
    assert generation.message.content == "half of"


def test_a_generation_ends_once(task: Task) -> None:
    assert end_generation(task, Ending(state="stopped", content="first"))
    assert not end_generation(task, Ending(state="finished", content="second"))

    assert stored(task).state == "stopped"
    assert stored(task).message.content == "first"


def test_the_end_of_a_chat_that_is_gone_is_no_error(task: Task) -> None:
    stored(task).message.chat.delete()

    assert not end_generation(task, Ending(state="finished", content="too late"))


def test_what_nobody_renews_is_interrupted_with_its_text(task: Task) -> None:
    write_journal(
        [JournalEntry(message_id=task.message_id, generation_id=task.generation_id, content="so far", thinking="")], []
    )
    Generation.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=60))

    assert interrupt_abandoned(timezone.now() - timedelta(seconds=30)) == 1

    generation = stored(task)
    assert (generation.state, generation.error_code) == ("interrupted", "interrupted")
    assert generation.message.content == "so far"


def test_what_is_renewed_goes_on(task: Task) -> None:
    write_journal([], [task.generation_id])

    assert interrupt_abandoned(timezone.now() - timedelta(seconds=30)) == 0
    assert stored(task).state == "running"


def test_a_process_that_was_only_slow_has_the_last_word(task: Task) -> None:
    interrupt_abandoned(timezone.now() + timedelta(seconds=30))

    assert end_generation(task, Ending(state="finished", content="whole"))

    assert stored(task).state == "finished"
    assert stored(task).error_code == ""
