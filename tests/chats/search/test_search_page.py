from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.chats.search.test_finding import make_indexed
from tests.doubles.upstream import Upstream
from tests.factories import make_folder, make_message
from webui.accounts.models import User
from webui.chats.models import Message
from webui.chats.search.finding import MESSAGES_PER_PAGE
from webui.chats.services import tags
from webui.chats.views.search import N_FIRST_CHATS
from webui.chats.views.search_contexts import SearchPage

pytestmark = pytest.mark.django_db
SEARCH = "/search/"


def search(client: Client, typed: str) -> HttpResponse:
    return client.get(SEARCH, {"q": typed})


def page_in(response: Any) -> SearchPage:
    page = response.context["page"]
    assert isinstance(page, SearchPage)
    return page


def texts(response: Any) -> str:
    return response.content.decode()


def test_titles_and_messages_are_shown_with_what_was_found_marked(alice: User, alice_client: Client) -> None:
    chat = make_indexed(alice, "Who keeps the lighthouse?", "Ingrid keeps it.", title="Lighthouse & sea")

    said = texts(search(alice_client, "lighthouse"))

    assert "<mark>Lighthouse</mark> &amp; sea" in said
    assert "Who keeps the <mark>lighthouse</mark>?" in said
    assert "Ingrid" not in said
    assert f"{reverse('chats:chat', args=[chat.uuid])}?message={Message.objects.get(role='user').uuid}" in said


def test_while_somebody_types_only_what_changes_is_sent(alice: User, alice_client: Client) -> None:
    make_indexed(alice, "Who keeps the <lighthouse>?")

    whole = texts(search(alice_client, "lighthouse>"))
    typed = texts(alice_client.get(SEARCH, {"q": "lighthouse>"}, headers={"HX-Target": "search-results"}))

    found = typed[typed.index("<div") :]
    assert found.strip() in whole
    assert "<mark>lighthouse&gt;</mark>" in found
    assert re.search("<title>.*?</title>", whole, re.DOTALL).group() in typed  # type: ignore[union-attr]
    assert "chat-composer" not in typed
    assert len(typed) < len(whole) / 3


def test_what_people_wrote_is_text_and_no_markup(alice: User, alice_client: Client) -> None:
    hostile = "<img src=x onerror=alert(1)> lighthouse <mark>"
    make_indexed(alice, hostile, title=hostile)

    for typed in ("lighthouse", hostile, '"><script>alert(1)</script>', "tag:<b>x"):
        said = texts(search(alice_client, typed))
        assert "<img src=x" not in said and "<script>alert" not in said and "<b>x" not in said


def test_messages_of_one_chat_stand_together_below_its_title(alice: User, alice_client: Client) -> None:
    make_indexed(alice, "harbour one", "harbour two", title="First")
    make_indexed(alice, "harbour three", title="Second")

    results = page_in(search(alice_client, "harbour")).messages

    assert [(chat.title, len(chat.messages)) for chat in results.chats] == [("Second", 1), ("First", 2)]
    assert [message.who for message in results.chats[1].messages] == ["tiny:latest", "You"]


def test_filters_are_shown_and_each_can_be_taken_out(alice: User, alice_client: Client) -> None:
    page = page_in(search(alice_client, 'keeper tag:sea folder:"My things"'))

    assert [f.text for f in page.filters] == ["tag:sea", 'folder:"My things"']
    assert parse_qs(urlsplit(page.filters[0].url_without).query)["q"] == ['keeper folder:"My things"']


def offered(response: Any) -> list[str]:
    offer = page_in(response).offer
    return [value.name for value in offer.values] if offer else []


def test_a_filter_without_its_value_offers_those_there_are(
    alice: User, charlie: User, alice_client: Client, charlie_client: Client
) -> None:
    chat = make_indexed(alice, "harbour", title="Boats", model="tiny:latest")
    for name in ("Sea", "Old sea", 'a "b"'):
        tags.tag_chat(alice, chat.uuid, name)
    make_folder(owner=alice, name="Trips")
    make_indexed(charlie, "harbour")

    assert offered(search(alice_client, "tag:")) == ["Old sea", "Sea"]
    assert offered(search(alice_client, "harbour tag:se")) == ["Old sea", "Sea"]
    assert offered(search(alice_client, "tag:sea")) == []
    assert offered(search(alice_client, "folder:")) == ["Trips"]
    assert offered(search(alice_client, "model:")) == ["tiny:latest"]
    assert offered(search(alice_client, "in:")) == ["archive"]
    assert offered(search(charlie_client, "tag:")) == offered(search(charlie_client, "folder:")) == []
    said = unescape(texts(search(alice_client, "harbour tag:")))
    assert 'data-query="harbour tag:"Old sea""' in said and "Nothing found" not in said


def test_filters_alone_list_chats(alice: User, alice_client: Client) -> None:
    make_indexed(alice, "harbour", title="Old", archived_at=timezone.now())
    make_indexed(alice, "harbour", title="New")

    page = page_in(search(alice_client, "in:archive"))

    assert ["".join(part.text for part in chat.title) for chat in page.chats.chats] == ["Old"]
    assert not page.messages.chats


def test_a_bad_date_gets_a_sentence_and_finds_nothing(alice: User, alice_client: Client) -> None:
    make_indexed(alice, "harbour", title="harbour")

    response = search(alice_client, "harbour before:soon")

    assert not page_in(response).has_results
    assert "“soon” is not a date" in unescape(texts(response))
    assert "Nothing found" not in texts(response)


def test_an_empty_field_invites_and_an_empty_result_says_so(alice: User, alice_client: Client) -> None:
    assert "Find what was said" in texts(alice_client.get(SEARCH))
    assert "Nothing found" in texts(search(alice_client, "harbour"))


def test_reading_on_brings_the_rest_without_repeating_a_heading(alice: User, alice_client: Client) -> None:
    make_indexed(alice, *[f"harbour {n}" for n in range(MESSAGES_PER_PAGE + 5)], title="Long")
    for number in range(N_FIRST_CHATS + 2):
        make_indexed(alice, title=f"harbour {number}")
    page = page_in(search(alice_client, "harbour"))

    messages = texts(alice_client.get(page.messages.more_url))
    chats = texts(alice_client.get(page.chats.more_url))

    assert len(re.findall("<mark>harbour</mark> [0-4]\\b", messages)) == 5
    assert "found-messages__chat" not in messages
    assert len(re.findall("<mark>harbour</mark> [01]\\b", chats)) == 2


def test_charlie_finds_nothing_of_alices(alice: User, charlie_client: Client) -> None:
    make_indexed(alice, "qzharbour", title="qzharbour")

    for path in (SEARCH, "/search/chats/", "/search/messages/"):
        for typed in ("qzharbour", "qz", "after:2000", "model:tiny", "has:file", "in:archive"):
            assert "qzharbour</" not in texts(charlie_client.get(path, {"q": typed}))


@pytest.mark.parametrize("path", ["/search/chats/", "/search/messages/"])
def test_a_made_up_cursor_is_a_bad_request(alice_client: Client, path: str) -> None:
    assert alice_client.get(path, {"q": "harbour", "before": "x"}).status_code == 400


def test_the_page_costs_a_few_queries(
    alice: User, alice_client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(10):
        make_indexed(alice, *["harbour"] * 4, title=f"harbour {number}")

    # Session, person, and two each for titles and messages.
    with django_assert_max_num_queries(6):
        search(alice_client, "harbour")


def test_a_chat_is_opened_at_a_message(alice: User, alice_client: Client, model_server: Upstream) -> None:
    chat = make_indexed(alice, "one", "two")
    url, shown = reverse("chats:chat", args=[chat.uuid]), chat.messages.first()
    assert shown is not None
    other = make_message(chat, content="another way", parent=shown)
    chat.current_message = chat.messages.get(content="two")
    chat.save()

    here = alice_client.get(url, {"message": str(shown.uuid)}).context["page"].goal
    there = alice_client.get(url, {"message": str(other.uuid)}).context["page"].goal

    assert (here.uuid, here.branch_url) == (str(shown.uuid), "")
    assert (there.uuid, there.branch_url) == (
        str(other.uuid),
        reverse("chats:show_sibling", args=[chat.uuid, other.uuid]),
    )


def test_a_message_that_is_none_of_the_chat_opens_it_at_its_end(
    alice: User, charlie: User, charlie_client: Client, model_server: Upstream
) -> None:
    foreign = make_indexed(alice, "one").messages.get()
    own = make_indexed(charlie, "mine")

    for goal in (str(foreign.uuid), str(uuid4()), "nonsense", "'"):
        response = charlie_client.get(reverse("chats:chat", args=[own.uuid]), {"message": goal})
        assert response.status_code == 200
        assert response.context["page"].goal is None
        assert goal == "'" or f'data-goal="{goal}' not in texts(response)


def test_the_palette_offers_the_newest_chats_and_those_with_what_is_typed(
    alice: User, charlie: User, alice_client: Client, charlie_client: Client
) -> None:
    for title in ("Harbour", "灯塔", "Rowing"):
        make_indexed(alice, title=title)
    make_indexed(alice, title="Old harbour", archived_at=timezone.now())

    def offered(client: Client, typed: str) -> list[str]:
        return [chat["title"] for chat in client.get("/search/jump/", {"q": typed}).json()["chats"]]

    assert offered(alice_client, "") == ["Rowing", "灯塔", "Harbour"]
    assert offered(alice_client, "ha") == ["Harbour"]
    assert offered(alice_client, "塔") == ["灯塔"]
    assert offered(alice_client, "before:soon") == []
    assert offered(charlie_client, "") == offered(charlie_client, "ha") == []
