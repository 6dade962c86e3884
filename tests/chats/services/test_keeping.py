from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.http import Http404
from django.utils import timezone

from tests.factories import make_answer, make_chat, make_folder, make_message, make_tag
from webui.accounts.models import User
from webui.chats.errors import TooManyPinned, TooManyTagsOfChat
from webui.chats.models import Chat, Generation
from webui.chats.queries import pinned_chats, visible_chats
from webui.chats.services import keeping
from webui.chats.services.keeping import Deed, Step, carry_out
from webui.chats.services.messages import send_message

pytestmark = pytest.mark.django_db


def do(user: User, deed: Deed, *chats: Chat, **fields: UUID | str | None) -> keeping.Outcome:
    return carry_out(user, Step(deed=deed, chats=[chat.uuid for chat in chats], **fields))  # type: ignore[arg-type]


def undo(user: User, outcome: keeping.Outcome) -> None:
    for step in outcome.undo:
        carry_out(user, step)


def state(user: User) -> list[dict[str, object]]:
    """What the deeds change, of each chat; the moment of archiving is not told."""
    return [
        {
            "pinned": chat.is_pinned,
            "archived": chat.archived_at is not None,
            "deleted": chat.deleted_at is not None,
            "folder": chat.folder and chat.folder.name,
            "tags": [tag.name for tag in chat.tags.order_by("key")],
        }
        for chat in Chat.objects.filter(owner=user).order_by("pk")
    ]


def test_an_archived_chat_leaves_the_list_and_its_folder_and_comes_back(alice: User) -> None:
    chat, other = make_chat(owner=alice), make_chat(owner=alice)

    outcome = do(alice, Deed.ARCHIVE, chat)
    listed = list(visible_chats(alice))
    undo(alice, outcome)

    assert listed == [other]
    assert set(visible_chats(alice)) == {chat, other}


def test_asking_in_an_archived_chat_brings_it_back(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2, archived_at=timezone.now())

    send_message(alice, content="And then?", model="tiny:latest", chat_uuid=chat.uuid)

    assert list(visible_chats(alice)) == [chat]


DEEDS: dict[Deed, Callable[[User], dict[str, object]]] = {
    Deed.PIN: lambda alice: {},
    Deed.UNPIN: lambda alice: {},
    Deed.ARCHIVE: lambda alice: {},
    Deed.RESTORE: lambda alice: {},
    Deed.MOVE: lambda alice: {"folder": make_folder(owner=alice, name="New").uuid},
    Deed.TAG: lambda alice: {"tag": make_tag(owner=alice, name="new").uuid},
    Deed.UNTAG: lambda alice: {"tag": alice.tags.get(key="old").uuid},
    Deed.DELETE: lambda alice: {},
}


@pytest.mark.parametrize("deed", DEEDS)
def test_whatever_is_done_to_many_different_chats_is_taken_back_exactly(alice: User, deed: Deed) -> None:
    here, there = make_folder(owner=alice, name="Here"), make_folder(owner=alice, name="There")
    chats = [
        make_chat(owner=alice, is_pinned=True, folder=here),
        make_chat(owner=alice, archived_at=timezone.now(), folder=there),
        make_chat(owner=alice),
    ]
    make_tag(chats[0], chats[2], owner=alice, name="old")
    fields = DEEDS[deed](alice)
    before = state(alice)

    outcome = do(alice, deed, *chats, **fields)  # type: ignore[arg-type]
    after = state(alice)
    undo(alice, outcome)

    assert after != before
    assert state(alice) == before


def test_deleted_chats_come_back_and_their_answers_are_stopped(alice: User) -> None:
    chats = [make_chat(owner=alice) for _ in range(2)]
    make_message(chats[0])
    answer = make_answer(chats[0], state=Generation.State.RUNNING)

    outcome = do(alice, Deed.DELETE, *chats)

    assert outcome.stopped == [str(answer.generation.uuid)]
    assert not visible_chats(alice).exists()


def test_a_chat_comes_back_without_the_folder_that_is_gone(alice: User) -> None:
    chat = make_chat(owner=alice, folder=make_folder(owner=alice, deleted_at=timezone.now()), deleted_at=timezone.now())

    do(alice, Deed.UNDELETE, chat)

    assert visible_chats(alice).get().folder is None


def test_chats_are_moved_into_a_folder_that_is_made_for_them(alice: User) -> None:
    chats = [make_chat(owner=alice) for _ in range(2)]

    do(alice, Deed.MOVE, *chats, name="Garden")

    assert {chat.folder.name for chat in visible_chats(alice) if chat.folder} == {"Garden"}


def test_only_so_many_chats_are_pinned(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_PINNED", 2)
    chats = [make_chat(owner=alice) for _ in range(3)]
    do(alice, Deed.PIN, *chats[:2])

    with pytest.raises(TooManyPinned):
        do(alice, Deed.PIN, *chats)

    assert pinned_chats(alice).count() == 2


def test_of_many_chats_none_is_tagged_when_one_has_too_many(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_TAGS_OF_CHAT", 1)
    full, empty = make_chat(owner=alice), make_chat(owner=alice)
    make_tag(full, owner=alice, name="work")

    with pytest.raises(TooManyTagsOfChat):
        do(alice, Deed.TAG, empty, full, name="home")

    assert not empty.tags.exists()


@pytest.mark.parametrize("deed", Deed)
def test_one_foreign_chat_among_own_ones_is_enough_for_nothing_to_happen(
    alice: User, charlie: User, deed: Deed
) -> None:
    deleted_at = timezone.now() if deed is Deed.UNDELETE else None
    own, foreign = make_chat(owner=charlie, deleted_at=deleted_at), make_chat(owner=alice, deleted_at=deleted_at)
    tag = make_tag(own, owner=charlie, name="mine")
    before = state(charlie), state(alice)

    with pytest.raises(Http404):
        do(charlie, deed, own, foreign, tag=tag.uuid)

    assert (state(charlie), state(alice)) == before


def test_charlie_uses_neither_a_tag_nor_a_folder_of_alice(alice: User, charlie: User) -> None:
    own = make_chat(owner=charlie)

    with pytest.raises(Http404):
        do(charlie, Deed.TAG, own, tag=make_tag(owner=alice).uuid)
    with pytest.raises(Http404):
        do(charlie, Deed.MOVE, own, folder=make_folder(owner=alice).uuid)


def test_a_temporary_chat_is_not_kept_in_any_way(alice: User) -> None:
    chat = make_chat(owner=alice, temporary_until=timezone.now())

    for deed in Deed:
        with pytest.raises(Http404):
            do(alice, deed, chat, name="x")


@pytest.mark.parametrize("deed", [Deed.PIN, Deed.ARCHIVE, Deed.TAG, Deed.MOVE, Deed.DELETE])
def test_many_chats_cost_as_many_queries_as_two(
    alice: User, deed: Deed, django_assert_max_num_queries: Callable[..., object]
) -> None:
    chats = [make_chat(owner=alice) for _ in range(40)]

    with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
        do(alice, deed, *chats, name="Garden" if deed in (Deed.TAG, Deed.MOVE) else "")
