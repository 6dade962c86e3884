"""Chats that others read through a link: who may, what they see of them, and what ends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from rag.models import Document
from tests.factories import make_answer, make_chat, make_document, make_image, make_knowledge, make_message, make_user
from webui.accounts.audiences import Audience
from webui.accounts.models import Group, Role, User
from webui.administration.services import change_setting
from webui.chats.models import Chat, Citation, Image, Message, ShareLink
from webui.chats.services import chats, sharing
from webui.chats.shared_chats import SharedChat, chat_as_shared

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
EVERYBODY = Audience()


@pytest.fixture
def chat(alice: User) -> Chat:
    chat = make_chat(owner=alice, title="About the lighthouse")
    make_message(chat, content="When was it **built**?")
    make_answer(chat, content="It was built in **1902**.")
    return chat


def share(chat: Chat, *audiences: Audience, is_live: bool = False, **fields: Any) -> ShareLink:
    link = sharing.share_chat(chat, is_live=is_live)
    sharing.change_link(link, **{"is_live": is_live, "has_files": False, "is_public": False, **fields})
    for audience in audiences:
        sharing.grant(link, audience)
    return link


def url_of(link: ShareLink, name: str = "shared", *more: object) -> str:
    return reverse(f"chats:{name}", args=[link.uuid, *more])


def text_of(response: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def allow_public_links() -> None:
    change_setting("public_links", "on", by=make_user(role=Role.ADMIN))


# ---- who may read --------------------------------------------------------------------------------


def test_a_link_leads_nowhere_for_others_until_it_is_for_them(
    chat: Chat, bob: User, bob_client: Client, charlie_client: Client, alice_client: Client
) -> None:
    link = share(chat)
    assert bob_client.get(url_of(link)).status_code == 404

    sharing.grant(link, Audience(user=bob))

    assert "built in 1902" in text_of(bob_client.get(url_of(link)))
    assert charlie_client.get(url_of(link)).status_code == 404
    assert alice_client.get(url_of(link)).status_code == 200


def test_a_link_can_be_for_a_group_or_for_all_who_may_sign_in(
    chat: Chat, bob: User, bob_client: Client, charlie_client: Client
) -> None:
    group = Group.objects.create(name="Keepers")
    group.members.add(bob)
    link = share(chat, Audience(group=group))
    assert bob_client.get(url_of(link)).status_code == 200
    assert charlie_client.get(url_of(link)).status_code == 404

    sharing.grant(link, EVERYBODY)

    assert charlie_client.get(url_of(link)).status_code == 200


def test_a_group_that_somebody_leaves_takes_the_chat_along(chat: Chat, bob: User, bob_client: Client) -> None:
    group = Group.objects.create(name="Keepers")
    group.members.add(bob)
    link = share(chat, Audience(group=group))

    group.members.remove(bob)

    assert bob_client.get(url_of(link)).status_code == 404


@pytest.mark.parametrize("name", ["shared", "shared_messages"])
def test_strangers_are_asked_to_sign_in_whether_there_is_such_a_link_or_not(
    chat: Chat, client: Client, name: str
) -> None:
    link = share(chat, EVERYBODY)

    answers = [client.get(url_of(link, name)), client.get(reverse(f"chats:{name}", args=[uuid4()]))]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert all(answer.headers["Location"].startswith(reverse("account_login")) for answer in answers)


def test_a_public_link_needs_the_administrators_word(chat: Chat, client: Client) -> None:
    link = share(chat, is_public=True)
    assert client.get(url_of(link)).status_code == 302

    allow_public_links()

    shown = client.get(url_of(link))
    assert "built in 1902" in text_of(shown)
    assert shown.headers["X-Robots-Tag"] == "noindex"
    assert "Go on from here" not in text_of(shown)


def test_people_who_wait_for_approval_read_what_strangers_may(
    chat: Chat, client: Client, sign_in: Callable[[User], Client]
) -> None:
    waiting = sign_in(make_user(role=Role.PENDING))
    link = share(chat, EVERYBODY)
    assert waiting.get(url_of(link)).headers["Location"] == reverse("accounts:pending")

    allow_public_links()
    share(chat, is_public=True)

    assert waiting.get(url_of(link)).status_code == 200
    assert waiting.post(url_of(link, "copy_shared")).status_code == 302
    assert Chat.objects.count() == 1


@pytest.mark.parametrize("end", ["stop", "revoke", "delete", "suspend"])
def test_what_ends_it_ends_it_at_once(
    chat: Chat, alice: User, bob: User, bob_client: Client, alice_client: Client, end: str
) -> None:
    document = make_document(owner=alice, name="tides.txt")
    chat.messages.get(role="user").documents.add(document)
    link = share(chat, Audience(user=bob), has_files=True)
    addresses = [url_of(link), url_of(link, "shared_messages"), url_of(link, "shared_file", document.uuid)]

    if end == "stop":
        alice_client.post(reverse("chats:stop_sharing", args=[chat.uuid]))
    elif end == "revoke":
        alice_client.post(reverse("chats:revoke_link", args=[chat.uuid, link.grants.get().uuid]))
    elif end == "delete":
        chats.delete_chat(alice, chat.uuid)
    else:
        User.objects.filter(pk=alice.pk).update(is_active=False)

    assert [bob_client.get(address).status_code for address in addresses] == [404, 404, 404]
    assert bob_client.post(url_of(link, "copy_shared")).status_code == 404


def test_sharing_again_gives_another_address(chat: Chat, bob: User, bob_client: Client) -> None:
    old = share(chat, Audience(user=bob))
    sharing.stop_sharing(old)

    new = share(chat, Audience(user=bob))

    assert new.uuid != old.uuid
    assert bob_client.get(url_of(old)).status_code == 404


# ---- what is shown -------------------------------------------------------------------------------


def test_a_snapshot_stays_what_it_was(chat: Chat, bob: User, bob_client: Client, alice_client: Client) -> None:
    link = share(chat, Audience(user=bob))
    make_message(chat, content="And who keeps it now?")
    Message.objects.filter(role="assistant").update(content="It was built in 1903.")

    assert "1902" in text_of(bob_client.get(url_of(link)))
    assert "who keeps it now" not in text_of(bob_client.get(url_of(link)))

    alice_client.post(reverse("chats:renew_link", args=[chat.uuid]))

    assert "1903" in text_of(bob_client.get(url_of(link)))
    assert "who keeps it now" in text_of(bob_client.get(url_of(link)))


def test_a_live_link_follows_the_chat(chat: Chat, bob: User, bob_client: Client) -> None:
    link = share(chat, Audience(user=bob), is_live=True)
    digest = re.search(r'data-digest="(\w+)"', bob_client.get(url_of(link)).content.decode())
    assert digest
    seen = {"seen": digest[1]}
    assert bob_client.get(url_of(link, "shared_messages"), seen).status_code == 204

    make_message(chat, content="And who keeps it now?")

    later = bob_client.get(url_of(link, "shared_messages"), seen)
    assert "who keeps it now" in text_of(later)


def test_an_answer_that_is_being_written_shows_what_there_is(chat: Chat, bob: User, bob_client: Client) -> None:
    make_answer(chat, content="A keeper named", state="running")
    link = share(chat, Audience(user=bob), is_live=True)

    shown = text_of(bob_client.get(url_of(link)))

    assert "A keeper named" in shown
    assert "Being written" in shown


def test_only_the_branch_that_is_shown_is_shared_and_nothing_of_its_settings(
    chat: Chat, bob: User, bob_client: Client
) -> None:
    question, answer = chat.messages.order_by("id")
    make_answer(chat, content="Another branch.", parent=question)
    chat.current_message = answer
    chat.save()
    Message.objects.filter(pk=answer.pk).update(thinking="What do I know of lighthouses?")
    make_message(chat, role="system", content="Be a lighthouse keeper.")
    link = share(chat, Audience(user=bob))

    html = bob_client.get(url_of(link)).content.decode()

    assert "Another branch" not in html
    assert "What do I know" not in html
    assert "Be a lighthouse keeper" not in html
    for private in (chat.uuid, question.uuid, answer.uuid, answer.generation.uuid):
        assert str(private) not in html


def test_text_of_people_is_shown_as_text(alice: User, bob: User, bob_client: Client) -> None:
    chat = make_chat(owner=alice, title="<script>title()</script>")
    make_message(chat, content="<script>question()</script>")
    make_answer(chat, content='<img src="https://example.org/x.png"><script>answer()</script>')

    html = bob_client.get(url_of(share(chat, Audience(user=bob)))).content.decode()

    assert "<script>" not in html.replace('<script type="module"', "").replace("<script src=", "")
    assert 'src="https://example.org' not in html


def cite(answer: Message, number: int, document: Document, *, is_own: bool) -> None:
    Citation.objects.create(
        message=answer, number=number, document=document, document_name=document.name, is_of_own_document=is_own,
        start=0, end=9, text=f"passage {number}",
    )  # fmt: skip


def test_cited_passages_of_own_documents_are_shown_and_those_of_others_to_who_may_read_them(
    alice: User, bob: User, charlie: User, bob_client: Client, charlie_client: Client
) -> None:
    chat = make_chat(owner=alice, messages=1)
    answer = make_answer(chat, content="One [1] and two [2].")
    own = make_document(owner=alice, name="own.txt")
    lent = make_document(owner=make_user(), name="lent.txt")
    make_knowledge(lent, owner=lent.owner, readers=[alice, bob])
    cite(answer, 1, own, is_own=True)
    cite(answer, 2, lent, is_own=False)
    link = share(chat, EVERYBODY)

    for_bob, for_charlie = (client.get(url_of(link)).content.decode() for client in (bob_client, charlie_client))

    assert "passage 1" in for_bob
    assert "passage 2" in for_bob
    assert "passage 1" in for_charlie
    assert "passage 2" not in for_charlie
    assert "lent.txt" not in for_charlie
    assert str(own.uuid) not in for_bob + for_charlie
    assert str(lent.uuid) in for_bob
    assert str(lent.uuid) not in for_charlie


def test_attached_files_are_handed_out_if_the_owner_says_so_and_they_are_theirs(
    chat: Chat, alice: User, bob: User, bob_client: Client
) -> None:
    own, other = make_document(owner=alice, name="tides.txt"), make_document(owner=alice, name="diary.txt")
    lent = make_document(owner=make_user(), name="lent.txt")
    make_knowledge(lent, owner=lent.owner, readers=[alice])
    chat.messages.get(role="user").documents.add(own, lent)
    link = share(chat, Audience(user=bob))
    addresses = [url_of(link, "shared_file", document.uuid) for document in (own, other, lent)]
    assert [bob_client.get(address).status_code for address in addresses] == [404, 404, 404]
    assert "tides.txt" not in text_of(bob_client.get(url_of(link)))

    sharing.change_link(link, is_live=False, has_files=True, is_public=False)

    answers = [bob_client.get(address) for address in addresses]
    assert [answer.status_code for answer in answers] == [200, 404, 404]
    with own.file.open("rb") as stored:
        assert b"".join(answers[0].streaming_content) == stored.read()  # type: ignore[attr-defined]
    assert answers[0].headers["Content-Security-Policy"].startswith("sandbox")
    assert "tides.txt" in text_of(bob_client.get(url_of(link)))
    assert "lent.txt" not in text_of(bob_client.get(url_of(link)))


def test_pictures_of_questions_are_shown_as_long_as_the_link_is_there_and_copied(
    chat: Chat, alice: User, bob: User, bob_client: Client, charlie_client: Client
) -> None:
    shown = make_image(owner=alice, message=chat.messages.get(role="user"), colour="teal")
    other = make_image(owner=alice, message=make_message(make_chat(owner=alice)), colour="red")
    link = share(chat, Audience(user=bob))
    addresses = [
        url_of(link, name, image.uuid) for image in (shown, other) for name in ("shared_image", "shared_preview")
    ]

    assert addresses[0] in bob_client.get(url_of(link)).content.decode()
    assert [bob_client.get(address).status_code for address in addresses] == [200, 200, 404, 404]
    assert [charlie_client.get(address).status_code for address in addresses] == [404] * 4
    bob_client.post(url_of(link, "copy_shared"))
    sharing.stop_sharing(link)
    assert bob_client.get(addresses[0]).status_code == 404
    (copied,) = Image.objects.filter(owner=bob)
    assert copied.content == Image.objects.get(pk=shown.pk).content
    assert copied.message is not None
    assert copied.message.chat.owner == bob


def two_answers(chat: Chat) -> tuple[Message, Message]:
    """Ask two models, of which none was chosen yet."""
    question = make_message(chat, content="And the tides?")
    first = make_answer(chat, content="Twice a day.", parent=question, model="tiny:latest")
    second = make_answer(chat, content="Because of the moon.", parent=question, model="large:latest")
    chat.is_side_by_side = True
    chat.save()
    return first, second


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "snapshot"])
def test_answers_side_by_side_are_shown_so_until_one_is_chosen(
    chat: Chat, bob: User, bob_client: Client, is_live: bool
) -> None:
    two_answers(chat)
    link = share(chat, Audience(user=bob), is_live=is_live)

    page = bob_client.get(url_of(link)).content.decode()

    above, beside = page.split('class="columns"')
    assert "Twice a day." not in above
    assert beside.index("Twice a day.") < beside.index("Because of the moon.")
    assert "large:latest" in beside
    Chat.objects.update(is_side_by_side=False)
    assert ("Twice a day." in text_of(bob_client.get(url_of(link)))) is not is_live


def test_a_column_that_failed_without_a_word_leaves_the_other_alone(chat: Chat, bob: User, bob_client: Client) -> None:
    first, _second = two_answers(chat)
    Message.objects.filter(pk=first.pk).update(content="")
    link = share(chat, Audience(user=bob))

    page = bob_client.get(url_of(link)).content.decode()

    assert 'class="columns"' not in page
    assert "Because of the moon." in page


def test_a_snapshot_survives_its_way_through_json(alice: User, chat: Chat) -> None:
    document = make_document(owner=alice)
    chat.messages.get(role="user").documents.add(document)
    answer = make_answer(chat, content="Cited [1].")
    cite(answer, 1, document, is_own=True)
    two_answers(chat)
    shown = chat_as_shared(chat)

    sharing.share_chat(chat, is_live=False)

    stored = ShareLink.objects.get().snapshot
    assert SharedChat.of_json(stored) == shown
    assert SharedChat.of_json(stored).digest == shown.digest


def test_a_long_shared_chat_takes_few_queries(
    alice: User, bob: User, bob_client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    link = share(make_chat(owner=alice, messages=40), Audience(user=bob), is_live=True)
    bob_client.get(url_of(link))

    # Session, person, two settings, the link, its branch with documents, knowledge, pictures and ratings.
    with django_assert_num_queries(11):
        bob_client.get(url_of(link, "shared_messages"))


# ---- going on ------------------------------------------------------------------------------------


def test_a_reader_goes_on_with_the_answers_side_by_side(chat: Chat, bob: User, bob_client: Client) -> None:
    two_answers(chat)

    went_to = bob_client.post(url_of(share(chat, Audience(user=bob)), "copy_shared"))

    copy = Chat.objects.get(owner=bob)
    answers = copy.messages.filter(content__in=["Twice a day.", "Because of the moon."])
    assert {answer.parent for answer in answers} == {copy.messages.get(content="And the tides?")}
    assert 'data-count="2"' in bob_client.get(went_to.headers["Location"]).content.decode()


def test_a_reader_goes_on_in_a_chat_of_their_own(chat: Chat, alice: User, bob: User, bob_client: Client) -> None:
    own = make_document(owner=alice, name="own.txt")
    known = make_document(owner=alice, name="known.txt")
    make_knowledge(known, owner=alice, readers=[bob])
    question = make_message(chat, content="And the tides?")
    question.documents.add(own, known)
    answer = make_answer(chat, content="One [1] and two [2].")
    cite(answer, 1, own, is_own=True)
    cite(answer, 2, known, is_own=True)
    link = share(chat, Audience(user=bob))

    went_to = bob_client.post(url_of(link, "copy_shared"))

    copy = Chat.objects.get(owner=bob)
    assert went_to.headers["Location"] == reverse("chats:chat", args=[copy.uuid])
    assert copy.title == "About the lighthouse"
    copied = list(copy.messages.order_by("id"))
    assert [(message.role, message.content) for message in copied] == [
        (message.role, message.content) for message in chat.messages.order_by("id")
    ]
    assert [message.parent for message in copied] == [None, *copied[:-1]]
    assert copy.current_message == copied[-1]
    assert list(copied[2].documents.all()) == [known]
    assert [(citation.number, citation.document) for citation in copied[3].citations.all()] == [(2, known)]
    page = text_of(bob_client.get(went_to.headers["Location"]))
    assert "tiny:latest" in page
    assert "passage 2" in page
    assert "passage 1" not in page


# ---- the owner's dialog --------------------------------------------------------------------------


def test_the_owner_makes_a_link_says_for_whom_and_takes_it_back(
    chat: Chat, alice_client: Client, bob: User, bob_client: Client
) -> None:
    address = reverse("chats:share", args=[chat.uuid])
    assert "Create a link" in text_of(alice_client.get(address, headers=HTMX))

    made = alice_client.post(reverse("chats:create_link", args=[chat.uuid]), {"shows": "live"}, headers=HTMX)
    link = ShareLink.objects.get()
    assert f"http://testserver{url_of(link)}" in made.content.decode()
    assert "Nobody yet" in text_of(made)

    granted = alice_client.post(reverse("chats:grant_link", args=[chat.uuid]), {"to": bob.email}, headers=HTMX)
    assert bob.email in text_of(granted)
    assert bob_client.get(url_of(link)).status_code == 200

    refused = alice_client.post(reverse("chats:grant_link", args=[chat.uuid]), {"to": "no@body.example"}, headers=HTMX)
    assert "Nobody has this e-mail address" in text_of(refused)


def test_without_the_administrators_word_nobody_is_offered_a_public_link(chat: Chat, alice_client: Client) -> None:
    share(chat)
    address = reverse("chats:share", args=[chat.uuid])
    assert "For everybody who has the link" not in text_of(alice_client.get(address))

    allow_public_links()

    assert "For everybody who has the link" in text_of(alice_client.get(address))


def test_all_shared_chats_are_listed_with_their_readers(
    alice: User, bob: User, charlie: User, alice_client: Client, bob_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    for number in range(5):
        share(make_chat(owner=alice, title=f"Shared {number}"), Audience(user=bob), Audience(user=charlie))
    share(make_chat(owner=alice, title="Kept back"))
    address = reverse("chats:shared_list")
    alice_client.get(address)

    # Session, person, whether public links are allowed, the links, their grants, people and groups.
    with django_assert_num_queries(6):
        page = text_of(alice_client.get(address))

    assert page.count(f"{bob}, {charlie}") == 5
    assert "Only you" in page
    assert "Nothing is shared" in text_of(bob_client.get(address))

    alice_client.post(reverse("chats:stop_sharing", args=[Chat.objects.get(title="Kept back").uuid]), {"from": "list"})
    assert "Kept back" not in text_of(alice_client.get(address))


def test_a_temporary_chat_cannot_be_shared(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, temporary_until=timezone.now() + timedelta(minutes=5))

    assert alice_client.get(reverse("chats:share", args=[chat.uuid])).status_code == 404
    assert alice_client.post(reverse("chats:create_link", args=[chat.uuid])).status_code == 404


@pytest.mark.parametrize("name", ["share", "create_link", "change_link", "renew_link", "grant_link", "stop_sharing"])
def test_a_chat_of_somebody_else_cannot_be_shared(
    chat: Chat, charlie_client: Client, settings: Settings, name: str
) -> None:
    share(chat)
    address = reverse(f"chats:{name}", args=[chat.uuid])

    answer = charlie_client.get(address) if name == "share" else charlie_client.post(address, {"shows": "live"})

    assert answer.status_code == 404
    assert ShareLink.objects.get().snapshot is not None
