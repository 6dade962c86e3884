from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.factories import make_answer, make_chat, make_document, make_folder, make_message
from webui.accounts.models import User
from webui.chats.models import Chat, Message, Tag, tag_key
from webui.chats.search import finding, index
from webui.chats.search.finding import CHATS_PER_PAGE, MESSAGES_PER_PAGE, find_chats, find_messages
from webui.chats.search.typed import read_query
from webui.ui.keyset import BadCursor

pytestmark = pytest.mark.django_db


def make_indexed(owner: User, *contents: str, title: str = "A chat", **fields: Any) -> Chat:
    """Make a chat of questions and answers in turns, all of them in the index."""
    chat = make_chat(owner=owner, title=title, **fields)
    for number, content in enumerate(contents):
        (make_answer if number % 2 else make_message)(chat, content=content)
    index.index_messages(owner.pk, chat.messages.all())
    index.index_title(chat)
    return chat


def messages_with(user: User, typed: str) -> list[str]:
    return [message.content for message in find_messages(user, read_query(typed)).rows]


def titles_with(user: User, typed: str) -> list[str]:
    return [chat.title for chat in find_chats(user, read_query(typed)).rows]


@pytest.mark.parametrize(
    ("typed", "is_found"),
    [
        ("lighthouse", True),
        ("LIGHTHOUSE", True),
        ("ghthou", True),
        ("keeper lighthouse", True),
        ('"lighthouse keeper"', True),
        ('"keeper lighthouse"', False),
        ("lighthouse island", False),
        ("cafe", True),
        ("c#", True),
        ("in", True),
        ("l", True),
        ("ht", False),
        ("灯塔", True),
        ("塔", True),
        ("塔守护", True),
        ("守护 1902", True),
        ("护守", False),
        ("&amp;", False),
        ("% _", False),
        ('*"', False),
        ("- OR NOT ( NEAR", False),
    ],
)
def test_words_and_parts_of_them_are_found(alice: User, typed: str, is_found: bool) -> None:
    text = "The lighthouse keeper, in 1902, drank at the Café & wrote C#. 灯塔守护"
    make_indexed(alice, text)

    assert messages_with(alice, typed) == ([text] if is_found else [])


def test_words_of_a_title_are_found_in_titles(alice: User) -> None:
    make_indexed(alice, title="About the 灯塔")
    make_indexed(alice, title="About rowing")

    assert titles_with(alice, "about 灯塔") == ["About the 灯塔"]
    assert titles_with(alice, "about") == ["About rowing", "About the 灯塔"]


def test_people_find_nothing_but_their_own(alice: User, charlie: User) -> None:
    make_indexed(alice, "lighthouse", "灯塔", title="lighthouse")

    for typed in ("lighthouse", "灯", "l", "has:file", "model:tiny", "after:2000"):
        assert messages_with(charlie, typed) == []
        assert titles_with(charlie, typed) == []


def test_deleted_and_temporary_chats_are_never_found_and_archived_ones_when_asked_for(alice: User) -> None:
    now = timezone.now()
    for title, fields in {
        "kept": {},
        "deleted": {"deleted_at": now},
        "temporary": {"temporary_until": now + timedelta(days=1)},
        "archived": {"archived_at": now},
        "archived and deleted": {"archived_at": now, "deleted_at": now},
    }.items():
        make_indexed(alice, f"harbour {title}", title=f"harbour {title}", **fields)

    assert messages_with(alice, "harbour") == titles_with(alice, "harbour") == ["harbour kept"]
    assert messages_with(alice, "harbour in:archive") == ["harbour archived"]
    assert titles_with(alice, "in:archive") == ["harbour archived"]


def test_filters_leave_the_chats_that_fulfil_all_of_them(alice: User, charlie: User) -> None:
    sea = make_folder(owner=alice, name="Sée")
    chats = {name: make_indexed(alice, f"harbour {name}", title=name) for name in ("tagged", "filed", "asked", "old")}
    tag = Tag.objects.create(owner=alice, name="Boats", key=tag_key("Boats"))
    chats["tagged"].tags.add(tag)
    Chat.objects.filter(pk=chats["filed"].pk).update(folder=sea)
    make_answer(chats["asked"], model="llama3.2:3b")
    chats["old"].messages.get().documents.add(make_document(owner=alice))
    long_ago = timezone.now() - timedelta(days=800)
    Chat.objects.filter(pk=chats["old"].pk).update(updated_at=long_ago)
    Message.objects.filter(chat=chats["old"]).update(created_at=long_ago)

    for typed, name in {
        "tag:boats": "tagged",
        "folder:SÉE": "filed",
        "model:llama": "asked",
        "has:file": "old",
        f"before:{long_ago.year + 1}": "old",
    }.items():
        assert titles_with(alice, typed) == [name], typed
        assert messages_with(alice, f"{typed} harbour") == [f"harbour {name}"], typed
        assert titles_with(alice, f"{typed} {name}") == [name], typed
    assert titles_with(alice, f"after:{long_ago.year + 1} has:file") == []
    assert titles_with(alice, "tag:boats folder:sée") == []
    assert titles_with(alice, "folder:nowhere") == []


def test_pages_hold_every_message_once_newest_first(alice: User) -> None:
    for number in range(3):
        make_indexed(alice, *(f"harbour {number} {n}" for n in range(MESSAGES_PER_PAGE - 3)))
    everything = [*Message.objects.order_by("-pk").values_list("content", flat=True)]

    found, cursor = [], None
    while True:
        page = find_messages(alice, read_query("harbour"), cursor)
        found += [message.content for message in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert found == everything


def test_pages_of_titles_hold_every_chat_once(alice: User) -> None:
    for number in range(CHATS_PER_PAGE + 3):
        make_indexed(alice, title=f"harbour {number}")

    first = find_chats(alice, read_query("harbour"))
    second = find_chats(alice, read_query("harbour"), first.next_cursor)

    assert [chat.title for chat in [*first.rows, *second.rows]] == [
        f"harbour {number}" for number in reversed(range(CHATS_PER_PAGE + 3))
    ]
    assert second.next_cursor is None


def test_what_only_looks_as_if_is_passed_over(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pieces of "abcabd" stand in the others, too."""
    real = make_indexed(alice, "abcabd")
    make_indexed(alice, *["abca bcab cabd abd"] * 100)
    query = read_query("abcabd")

    whole = find_messages(alice, query)
    with monkeypatch.context() as patched:
        patched.setattr(finding, "_MAX_LOOKED_AT", 40)
        short = find_messages(alice, query)
    rest = find_messages(alice, query, short.next_cursor)

    assert [message.chat for message in whole.rows] == [real]
    assert short.rows == [] and short.next_cursor
    assert [message.chat for message in rest.rows] == [real]


@pytest.mark.parametrize("cursor", ["x", "MjAy", "é"])
def test_a_made_up_cursor_is_refused(alice: User, cursor: str) -> None:
    for find in (find_messages, find_chats):
        with pytest.raises(BadCursor):
            find(alice, read_query("harbour"), cursor)


def test_a_page_is_two_queries_however_much_there_is(
    alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    for number in range(15):
        make_indexed(alice, *["harbour"] * 4, title=f"harbour {number}")

    with django_assert_num_queries(2):
        assert [message.chat.title for message in find_messages(alice, read_query("harbour")).rows]
    with django_assert_num_queries(2):
        assert find_chats(alice, read_query("harbour")).rows
    with django_assert_num_queries(1):
        assert find_chats(alice, read_query("after:2000")).rows
