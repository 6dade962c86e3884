from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.factories import make_answer, make_chat, make_document, make_message
from webui.accounts.models import User
from webui.chats.services.asking import Asked
from webui.chats.services.messages import edit_message, regenerate_answer, send_message
from webui.chats.shown_branch import (
    WINDOW,
    Branch,
    branch_messages,
    earlier_messages,
    is_on_shown_branch,
    new_messages,
    newest_messages,
    one_message,
)
from webui.chats.views.fragments import message_views, render_messages


def test_a_branch_costs_the_same_however_long_it_is(alice: User, django_assert_num_queries: Callable[..., Any]) -> None:
    chat = make_chat(owner=alice)
    for number in range(30):
        make_message(chat, content=f"q{number}").documents.add(make_document(owner=alice))
        make_answer(chat, content=f"a{number} [1]")
    make_answer(chat, content="a29b", parent=chat.messages.get(content="q29"))

    # Tree, messages, documents, knowledge, citations.
    with django_assert_num_queries(8):
        views = list(message_views(chat, branch_messages(chat)))

    assert len(views) == 60
    assert views[0].documents[0].name == "notes.txt"


def test_the_branch_is_the_shown_one(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)
    make_message(chat, content="other", parent=chat.messages.get(content="answer 1"))

    assert [m.content for m in branch_messages(chat).messages] == ["question 1", "answer 1", "other"]


def test_a_chat_whose_leaf_is_not_set_shows_its_newest_message(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    chat.current_message = None

    assert [m.content for m in branch_messages(chat).messages] == ["question 1", "answer 1"]


def test_an_empty_chat_has_an_empty_branch(alice: User) -> None:
    assert branch_messages(make_chat(owner=alice)).messages == ()


# ---- what was just asked -------------------------------------------------------------------------


def new_of(asked: Asked) -> Branch:
    return new_messages(asked.new_messages, asked.attached, have_siblings=asked.has_siblings)


def test_a_new_chat_is_shown_without_a_query(alice: User, django_assert_num_queries: Callable[..., Any]) -> None:
    document = make_document(owner=alice)
    asked = send_message(alice, content="When?", model="tiny:latest", documents=[document.uuid])

    with django_assert_num_queries(0):
        html = render_messages(asked.chat, new_of(asked))

    assert html == render_messages(asked.chat, branch_messages(asked.chat))
    assert "notes.txt" in html


def test_what_is_new_in_a_chat_is_shown_as_the_whole_branch_shows_it(
    alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    chat = make_chat(owner=alice, messages=4)
    question = chat.messages.get(content="question 2")

    asked = edit_message(alice, chat_uuid=chat.uuid, message_uuid=question.uuid, content="better", model="tiny:latest")

    with django_assert_num_queries(1):
        html = render_messages(asked.chat, new_of(asked))
    assert "2/2" in html
    assert render_messages(asked.chat, branch_messages(asked.chat)).endswith(html)


def test_a_regenerated_answer_is_shown_among_its_siblings(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    old = chat.messages.get(content="answer 1")

    asked = regenerate_answer(alice, chat_uuid=chat.uuid, message_uuid=old.uuid, model="tiny:latest")

    new = new_of(asked)
    assert new.messages == [asked.answer]
    assert new.positions[asked.answer.pk].number == 2
    assert new.uuids[old.pk] == old.uuid


def test_one_message_reads_its_siblings_and_nothing_else_of_the_tree(
    alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    chat = make_chat(owner=alice, messages=6)
    second = make_message(chat, content="other", parent=chat.messages.get(content="answer 1"))

    with django_assert_num_queries(4):  # siblings, documents, knowledge, pictures
        branch = one_message(second)

    assert (branch.positions[second.pk].number, branch.positions[second.pk].count) == (2, 2)
    assert len(branch.uuids) == 2


def test_the_first_questions_of_a_chat_are_siblings(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    make_chat(owner=alice, messages=2)
    first = chat.messages.get(content="question 1")

    asked = edit_message(alice, chat_uuid=chat.uuid, message_uuid=first.uuid, content="other", model="tiny:latest")

    assert new_of(asked).positions[asked.new_messages[0].pk].count == 2


def test_a_long_branch_is_shown_from_its_end_and_read_upwards(
    alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    chat = make_chat(owner=alice, messages=2 * WINDOW + 5)
    everything = [message.pk for message in branch_messages(chat).messages]

    with django_assert_num_queries(7):
        shown = newest_messages(chat)
    above = earlier_messages(shown.messages[0])
    first = earlier_messages(above.messages[0])

    parts = [first, above, shown]
    assert [message.pk for part in parts for message in part.messages] == everything
    assert [len(part.messages) for part in parts] == [5, WINDOW, WINDOW]
    assert [part.is_cut for part in parts] == [False, True, True]
    assert earlier_messages(first.messages[0]).messages == []


def test_what_goes_before_a_message_is_the_same_whichever_branch_is_shown(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)
    question, answer, *_ = chat.messages.order_by("pk")
    make_message(chat, content="another way", parent=question)

    assert not is_on_shown_branch(answer)
    assert is_on_shown_branch(question)
    assert list(earlier_messages(answer).messages) == [question]
