"""What is stored is found at once, and what is deleted is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.chats.search.test_finding import make_indexed
from tests.chats.services.test_generations import begun
from tests.factories import make_chat, make_message
from webui.accounts import services as accounts
from webui.accounts.models import User
from webui.chats.conf import UNDO_WINDOW
from webui.chats.models import Chat, Generation, Message
from webui.chats.search import index
from webui.chats.search.finding import find_chats, find_messages
from webui.chats.search.typed import read_query
from webui.chats.services.afterthoughts import give_title
from webui.chats.services.chats import delete_chat, rename_chat, undo_delete_chat
from webui.chats.services.forks import fork_chat
from webui.chats.services.generations import Ending, JournalEntry, end_generation, interrupt_abandoned, write_journal
from webui.chats.services.messages import edit_message, regenerate_answer, send_message
from webui.chats.services.purging import purge_deleted
from webui.chats.services.removals import delete_message, purge_removed
from webui.chats.services.sharing import copy_shared, share_chat

pytestmark = pytest.mark.django_db


def messages_with(user: User, typed: str) -> list[str]:
    return [message.content for message in find_messages(user, read_query(typed)).rows]


def titles_with(user: User, typed: str) -> list[str]:
    return [chat.title for chat in find_chats(user, read_query(typed)).rows]


def n_entries() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chats_search")
        return int(cursor.fetchone()[0])


def test_a_question_and_its_chats_title_are_found_when_it_is_sent(alice: User) -> None:
    send_message(alice, content="Where is the lighthouse keeper?", model="tiny:latest")

    assert messages_with(alice, "lighthouse") == ["Where is the lighthouse keeper?"]
    assert titles_with(alice, "keeper") == ["Where is the lighthouse keeper?"]


def test_an_answer_is_found_from_its_end_on_and_not_before(alice: User) -> None:
    task = begun(send_message(alice, content="Who?", model="tiny:latest"))
    entry = JournalEntry(message_id=task.message_id, generation_id=task.generation_id, content="Ingrid", thinking="")
    write_journal([entry], [task.generation_id])
    while_it_runs = messages_with(alice, "Ingrid")

    end_generation(task, Ending(state="finished", content="Ingrid, since 1902."))

    assert while_it_runs == []
    assert messages_with(alice, "Ingrid") == ["Ingrid, since 1902."]


def test_what_a_crash_has_left_of_an_answer_is_found(alice: User) -> None:
    task = begun(send_message(alice, content="Who?", model="tiny:latest"))
    entry = JournalEntry(message_id=task.message_id, generation_id=task.generation_id, content="Ingrid", thinking="")
    write_journal([entry], [task.generation_id])

    interrupt_abandoned(timezone.now() + timedelta(minutes=1))

    assert messages_with(alice, "Ingrid") == ["Ingrid"]


def test_what_a_message_was_edited_into_and_what_it_was_are_both_found(alice: User) -> None:
    asked = send_message(alice, content="Tell me of rowing", model="tiny:latest")
    end_generation(begun(asked), Ending(state="finished", content="It is done with oars."))
    question = Message.objects.get(role="user")
    chat, message = asked.chat.uuid, question.uuid

    edited = edit_message(
        alice, chat_uuid=chat, message_uuid=message, content="Tell me of sailing", model="tiny:latest"
    )
    end_generation(begun(edited), Ending(state="finished", content="It is done with wind."))
    regenerate_answer(alice, chat_uuid=chat, message_uuid=edited.answer.uuid, model="tiny:latest")

    assert messages_with(alice, "tell me") == ["Tell me of sailing", "Tell me of rowing"]


def test_a_renamed_chat_is_found_by_its_new_name_alone(alice: User) -> None:
    chat = send_message(alice, content="Harbour", model="tiny:latest").chat

    rename_chat(alice, chat.uuid, "Lighthouse")

    assert titles_with(alice, "Lighthouse") == ["Lighthouse"]
    assert titles_with(alice, "Harbour") == []


def test_a_deleted_chat_is_not_found_until_it_is_brought_back(alice: User) -> None:
    chat = send_message(alice, content="Harbour", model="tiny:latest").chat

    delete_chat(alice, chat.uuid)
    while_deleted = messages_with(alice, "harbour"), titles_with(alice, "harbour")
    undo_delete_chat(alice, chat.uuid)

    assert while_deleted == ([], [])
    assert messages_with(alice, "harbour") == ["Harbour"]


def test_a_purged_chat_leaves_nothing_in_the_index(alice: User) -> None:
    kept = send_message(alice, content="Kept", model="tiny:latest")
    n_before = n_entries()
    chat = send_message(alice, content="Harbour", model="tiny:latest").chat
    delete_chat(alice, chat.uuid)

    purge_deleted(timezone.now() + UNDO_WINDOW + timedelta(seconds=1))

    assert Chat.objects.get() == kept.chat
    assert n_entries() == n_before


def test_the_chats_of_a_deleted_person_leave_the_index(alice: User, charlie: User) -> None:
    send_message(alice, content="Kept", model="tiny:latest")
    n_before = n_entries()
    send_message(charlie, content="Harbour", model="tiny:latest")

    accounts.delete_person(charlie)

    assert n_entries() == n_before


def test_deleted_messages_leave_the_index(alice: User) -> None:
    message = make_message(make_chat(owner=alice), content="Harbour")
    n_before = n_entries()
    index.index_messages(alice.pk, [message])
    assert n_entries() == n_before + 1

    index.forget_messages(alice.pk, [message.pk])

    assert n_entries() == n_before


def test_a_chat_that_comes_as_a_whole_is_found(alice: User, charlie: User) -> None:
    chat = make_indexed(charlie, "Where is the harbour?", title="Harbour")

    copy_shared(alice, share_chat(chat, is_live=True))

    assert messages_with(alice, "harbour") == ["Where is the harbour?"]
    assert titles_with(alice, "harbour") == ["Harbour"]


def test_a_chat_that_goes_on_from_another_is_found_too(alice: User) -> None:
    chat = make_indexed(alice, "Where is the harbour?", "At Northport.", title="Harbour")

    fork_chat(alice, chat.uuid, chat.messages.get(content="At Northport.").uuid)

    assert messages_with(alice, "harbour") == ["Where is the harbour?"] * 2
    assert titles_with(alice, "harbour") == ["Harbour"] * 2


def test_a_deleted_message_is_not_found_and_leaves_the_index_for_good(alice: User) -> None:
    chat = make_indexed(alice, "Where is the harbour?", "At Northport.", title="Sea")
    n_before = n_entries()

    delete_message(alice, chat.uuid, chat.messages.get(role="user").uuid, with_branch=True)
    while_it_can_be_undone = messages_with(alice, "harbour")
    purge_removed(timezone.now() + UNDO_WINDOW + timedelta(seconds=1))

    assert while_it_can_be_undone == []
    assert n_entries() == n_before - 2


def test_a_chat_that_a_model_names_is_found_by_that_name(alice: User) -> None:
    task = begun(send_message(alice, content="Where does the ship go?", model="tiny:latest"))

    assert give_title(task, "Harbour")

    assert titles_with(alice, "harbour") == ["Harbour"]
    assert titles_with(alice, "ship") == []


def test_only_what_people_and_models_wrote_is_indexed(alice: User) -> None:
    chat = make_chat(owner=alice)
    messages = [make_message(chat, role=role, content=f"of {role}") for role in ("system", "user", "assistant", "tool")]

    index.index_messages(alice.pk, messages)

    assert messages_with(alice, "of") == ["of assistant", "of user"]
    assert not Generation.objects.exists()
