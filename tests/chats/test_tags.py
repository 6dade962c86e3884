from __future__ import annotations

import pytest
from django.http import Http404

from tests.factories import make_chat, make_tag
from webui.accounts.models import User
from webui.chats import conf
from webui.chats.errors import TagNameRefused, TagTaken, TooManyTags, TooManyTagsOfChat
from webui.chats.models import Chat, Tag
from webui.chats.queries import visible_tags
from webui.chats.services import tags

pytestmark = pytest.mark.django_db


def names_of(chat: Chat) -> list[str]:
    return [tag.name for tag in chat.tags.order_by("key")]


def test_a_tag_is_made_with_its_first_chat_and_used_again(alice: User) -> None:
    first, second = make_chat(owner=alice), make_chat(owner=alice)

    tags.tag_chat(alice, first.uuid, "  To   read ")
    tags.tag_chat(alice, second.uuid, "to READ")

    assert names_of(first) == names_of(second) == ["To read"]


@pytest.mark.parametrize(("name", "again"), [("Straße", "STRASSE"), ("Été", "éTÉ"), ("阅读", "阅读")])
def test_tags_differ_in_more_than_case_in_every_alphabet(alice: User, name: str, again: str) -> None:
    chat = make_chat(owner=alice)

    for wanted in (name, again):
        tags.tag_chat(alice, chat.uuid, wanted)

    assert names_of(chat) == [name]


def test_two_people_have_tags_of_the_same_name(alice: User, bob: User) -> None:
    for person in (alice, bob):
        tags.tag_chat(person, make_chat(owner=person).uuid, "work")

    assert Tag.objects.filter(key="work").count() == 2
    assert visible_tags(alice).count() == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 51])
def test_a_tag_needs_a_name_that_fits(alice: User, name: str) -> None:
    chat = make_chat(owner=alice)

    with pytest.raises(TagNameRefused):
        tags.tag_chat(alice, chat.uuid, name)


def test_the_longest_name_of_letters_that_grow_is_kept(alice: User) -> None:
    chat = make_chat(owner=alice)

    tags.tag_chat(alice, chat.uuid, "ΐ" * 50)

    assert names_of(chat) == ["ΐ" * 50]


def test_there_are_only_so_many_tags(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = make_chat(owner=alice)
    monkeypatch.setattr(tags, "MAX_TAGS", 2)
    for name in ("a", "b"):
        tags.tag_chat(alice, chat.uuid, name)

    with pytest.raises(TooManyTags):
        tags.tag_chat(alice, chat.uuid, "c")
    tags.tag_chat(alice, make_chat(owner=alice).uuid, "A")


def test_a_chat_has_only_so_many_tags(alice: User) -> None:
    chat = make_chat(owner=alice)
    for number in range(conf.MAX_TAGS_OF_CHAT):
        tags.tag_chat(alice, chat.uuid, f"tag {number}")

    with pytest.raises(TooManyTagsOfChat):
        tags.tag_chat(alice, chat.uuid, "one more")
    assert chat.tags.count() == conf.MAX_TAGS_OF_CHAT


def test_a_renamed_tag_has_its_new_name_on_all_its_chats(alice: User) -> None:
    chats = [make_chat(owner=alice) for _ in range(2)]
    tag = make_tag(*chats, owner=alice, name="wrok")

    tags.rename_tag(alice, tag.uuid, "Work")

    assert [names_of(chat) for chat in chats] == [["Work"], ["Work"]]


def test_a_tag_may_change_its_case_but_not_take_the_name_of_another(alice: User) -> None:
    work, _home = make_tag(owner=alice, name="work"), make_tag(owner=alice, name="home")

    tags.rename_tag(alice, work.uuid, "WORK")

    with pytest.raises(TagTaken):
        tags.rename_tag(alice, work.uuid, "Home")


def test_a_tag_is_deleted_from_all_chats(alice: User) -> None:
    first, second = make_chat(owner=alice), make_chat(owner=alice)
    tag = make_tag(first, second, owner=alice, name="work")

    tags.delete_tag(alice, tag.uuid)

    assert names_of(first) == names_of(second) == []
    assert Chat.objects.count() == 2


def test_charlie_reaches_neither_a_tag_nor_a_chat(alice: User, charlie: User) -> None:
    foreign = make_chat(owner=alice)
    tag = make_tag(foreign, owner=alice, name="work")

    with pytest.raises(Http404):
        tags.tag_chat(charlie, foreign.uuid, "mine")
    with pytest.raises(Http404):
        tags.rename_tag(charlie, tag.uuid, "mine")
    with pytest.raises(Http404):
        tags.delete_tag(charlie, tag.uuid)
    assert names_of(foreign) == ["work"]
