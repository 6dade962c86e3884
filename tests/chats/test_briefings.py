from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rag.models import Document, Knowledge
from tests.factories import make_chat, make_document, make_knowledge, make_message
from webui.accounts.models import User
from webui.chats.briefings import Briefing, joined_system
from webui.chats.services.messages import send_message
from webui.chats.services.tasks import Task, task_of
from webui.chats.shown_branch import new_messages


def briefed(asker: User, *briefings: Briefing, chat: Any = None, **fields: Any) -> Task:
    asked = send_message(asker, content="When?", model="tiny:latest", chat_uuid=chat and chat.uuid, **fields)
    return task_of(asked.generation, new_messages(asked.new_messages, asked.attached, have_siblings=False), briefings)


def test_the_chat_has_the_last_word() -> None:
    briefings = [Briefing(system="As the preset says.\n"), Briefing(), Briefing(system=" As the folder says.")]

    assert joined_system(briefings, "As I say.") == "As the preset says.\n\nAs the folder says.\n\nAs I say."
    assert joined_system([Briefing()]) == ""


def test_briefings_come_before_the_branch(alice: User) -> None:
    task = briefed(alice, Briefing(system="Be brief."), Briefing(system="Be kind."))

    assert [(t.uuid is None, t.role, t.content) for t in task.turns] == [
        (True, "system", "Be brief.\n\nBe kind."),
        (False, "user", "When?"),
    ]


def test_a_system_message_of_the_chat_is_joined_and_stays_itself(alice: User) -> None:
    chat = make_chat(owner=alice)
    own = make_message(chat, role="system", content="Answer in verse.")

    task = briefed(alice, Briefing(system="Be brief."), chat=chat)

    assert (task.turns[0].uuid, task.turns[0].content) == (str(own.uuid), "Be brief.\n\nAnswer in verse.")
    assert [turn.role for turn in task.turns] == ["system", "user"]


def test_without_briefings_nothing_is_said(alice: User) -> None:
    assert [turn.role for turn in briefed(alice, Briefing()).turns] == ["user"]


def test_briefed_documents_and_knowledge_are_searched_as_far_as_the_asker_may_read_them(alice: User, bob: User) -> None:
    own, shared, private = make_document(owner=bob), make_document(owner=alice), make_document(owner=alice)
    readable = make_knowledge(shared, owner=alice, readers=[bob])
    secret = make_knowledge(private, owner=alice)
    everything = Briefing(documents=Document.objects.all(), knowledge=Knowledge.objects.all())

    task = briefed(bob, everything, Briefing(documents=Document.objects.filter(pk=own.pk)))

    assert task.document_ids == [own.pk, shared.pk]
    assert task.knowledge_ids == [readable.pk]
    assert task.question_document_ids == []
    assert secret.pk not in task.knowledge_ids


def test_what_is_briefed_joins_what_is_attached_in_one_query(
    alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    attached, briefing = make_document(owner=alice), make_document(owner=alice)
    knowledge = make_knowledge(owner=alice)
    chat = make_chat(owner=alice, messages=2)
    chat.messages.order_by("pk")[0].documents.add(attached)
    given = Briefing(documents=Document.objects.filter(pk=briefing.pk), knowledge=Knowledge.objects.all())
    asked = send_message(alice, content="When?", model="tiny:latest", chat_uuid=chat.uuid)
    new = new_messages(asked.new_messages, asked.attached, have_siblings=False)

    # The branch above, and all that goes with it.
    with django_assert_num_queries(2):
        task = task_of(asked.generation, new, [given])

    assert task.document_ids == [attached.pk, briefing.pk]
    assert task.knowledge_ids == [knowledge.pk]
