from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from inference import catalog
from tests.doubles.upstream import Upstream
from tests.factories import make_answer, make_chat, make_document, make_message
from webui.accounts.models import User
from webui.chats.models import Chat, Citation
from webui.chats.queries import PAGE_SIZE
from webui.chats.views.contexts import ChatPage, SidebarPage

HTMX = {"HX-Request": "true"}


def page_in(response: Any) -> ChatPage:
    page = response.context["page"]
    assert isinstance(page, ChatPage)
    return page


@pytest.fixture
def no_models(settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = "http://127.0.0.1:9"
    catalog.forget()


def test_a_new_chat_offers_models_and_quotes(alice_client: Client, model_server: Upstream) -> None:
    page = page_in(alice_client.get("/"))

    assert page.chat is None
    assert [model.id for model in page.models] == ["tiny:latest", "large:latest", "quotes"]
    assert page.has_chat_model
    assert page.selected_model in ("tiny:latest", "large:latest")


def test_embedders_are_not_offered(alice_client: Client, model_server: Upstream) -> None:
    assert "embed:latest" not in alice_client.get("/").content.decode()


def test_the_model_used_last_is_selected(alice: User, alice_client: Client, model_server: Upstream) -> None:
    make_chat(owner=alice, messages=2, model="tiny:latest")

    assert page_in(alice_client.get("/")).selected_model == "tiny:latest"


def test_without_a_model_quotes_answers_and_the_connection_is_named(alice_client: Client, no_models: None) -> None:
    page = page_in(alice_client.get("/"))

    assert [model.id for model in page.models] == ["quotes"]
    assert page.selected_model == "quotes"
    assert not page.has_chat_model
    assert len(page.problems) == 1
    assert page.problems[0].text


def test_only_administrators_are_offered_the_ways_to_a_model(
    alice_client: Client, root_client: Client, no_models: None
) -> None:
    assert not page_in(alice_client.get("/")).may_manage_models
    assert page_in(root_client.get("/")).may_manage_models


def test_a_chat_shows_its_branch(alice: User, alice_client: Client, model_server: Upstream) -> None:
    chat = make_chat(owner=alice, messages=4, title="Fires", model="tiny:latest")

    response = alice_client.get(reverse("chats:chat", args=[chat.uuid]))

    page = page_in(response)
    assert [message.text for message in page.messages] == ["question 1", "answer 1", "question 2", "answer 2"]
    assert page.selected_model == "tiny:latest"
    assert "Fires" in response.content.decode()


def test_a_chat_page_costs_the_same_however_long_the_chat_is(
    alice: User, alice_client: Client, model_server: Upstream, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    chat = make_chat(owner=alice, messages=40)
    for _ in range(10):
        make_chat(owner=alice)
    alice_client.get("/")

    # Session, person, chat, branch (five), sidebar (two), presets, who makes pictures, and what the page is framed by.
    with django_assert_max_num_queries(17):
        alice_client.get(reverse("chats:chat", args=[chat.uuid]))


def test_an_interrupted_answer_keeps_its_text_and_says_so(
    alice: User, alice_client: Client, model_server: Upstream
) -> None:
    chat = make_chat(owner=alice, messages=1)
    make_answer(chat, content="half of it", state="interrupted", error_code="interrupted")

    message = page_in(alice_client.get(reverse("chats:chat", args=[chat.uuid]))).messages[-1]

    assert "half of it" in message.html
    assert message.error is not None
    assert message.error.can_retry


def test_a_running_answer_waits_for_its_events(alice: User, alice_client: Client, model_server: Upstream) -> None:
    chat = make_chat(owner=alice, messages=1)
    make_answer(chat, content="journalled so far", state="running")

    response = alice_client.get(reverse("chats:chat", args=[chat.uuid]))

    assert page_in(response).messages[-1].is_active
    assert page_in(response).messages[-1].html == ""
    assert "data-blocks" in response.content.decode()


def test_citations_lead_to_the_passage(alice: User, alice_client: Client, model_server: Upstream) -> None:
    chat = make_chat(owner=alice, messages=1)
    make_answer(chat, content="The lighthouse [1, 2].")
    document = make_document(owner=alice, name="report.pdf")
    values = {"document_name": "report.pdf", "start": 4, "end": 14, "text": "lighthouse"}
    Citation.objects.create(message=chat.current_message, number=1, document=document, page=3, **values)
    Citation.objects.create(message=chat.current_message, number=2, document=None, page=None, **values)

    kept, orphan = page_in(alice_client.get(reverse("chats:chat", args=[chat.uuid]))).messages[-1].citations

    assert str(document.uuid) in kept.url
    assert (kept.document_name, kept.place) == ("report.pdf", "page 3")
    assert (orphan.url, orphan.place) == ("", "")


def test_an_answer_is_copied_with_what_it_cites(alice: User, alice_client: Client, model_server: Upstream) -> None:
    chat = make_chat(owner=alice, messages=1)
    answer = make_answer(chat, content="The *lighthouse* [1, 2]. Its keeper [3].")
    values = {"message": answer, "start": 4, "end": 14, "text": "lighthouse"}
    document = make_document(owner=alice, name="report.pdf")
    Citation.objects.create(number=1, document=document, document_name="report.pdf", page=3, **values)
    Citation.objects.create(number=2, document=None, document_name="old <b>.txt", **values)
    Citation.objects.create(number=3, document=None, document_name="theirs.txt", is_of_own_document=False, **values)

    html = alice_client.get(reverse("chats:message", args=[chat.uuid, answer.uuid])).content.decode()
    plain = alice_client.get(reverse("chats:message_text", args=[chat.uuid, answer.uuid]))

    (copied,) = re.findall("<template data-text>(.*?)</template>", html, re.S)
    sources = "[1] report.pdf, page 3\n[2] old <b>.txt"
    assert unescape(copied) == f"The *lighthouse* [1, 2]. Its keeper [3].\n\n{sources}"
    assert plain.content.decode() == f"The lighthouse [1][2]. Its keeper [3].\n\n{sources}"
    assert plain.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "page", "name", "words", "short"),
    [
        ("slide", 3, "", "slide 3", "slide 3"),
        ("sheet", 2, "Budget", "sheet Budget", "sheet Budget"),
        ("section", None, "A › B", "section A › B", "section B"),
    ],
)
def test_a_citation_says_where_in_the_file_it_stands(
    alice: User, alice_client: Client, model_server: Upstream, kind: str, page: int | None, name: str, words: str,
    short: str,
) -> None:  # fmt: skip
    chat = make_chat(owner=alice, messages=1)
    make_answer(chat, content="The lighthouse [1].")
    Citation.objects.create(
        message=chat.current_message, number=1, document=make_document(owner=alice), document_name="report", page=page,
        page_kind=kind, page_name=name, start=4, end=14, text="lighthouse",
    )  # fmt: skip

    html = alice_client.get(reverse("chats:chat", args=[chat.uuid])).content.decode()

    assert f'data-place="{words}"' in html
    assert f"data-source-page>{short}</span>" in html


def test_hostile_text_is_no_markup(alice: User, alice_client: Client, model_server: Upstream) -> None:
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    chat = make_chat(owner=alice, title=attack)
    make_message(chat, content=attack)
    make_answer(chat, content=attack, model=attack)
    make_message(chat, content="again").documents.add(make_document(owner=alice, name=attack))

    html = alice_client.get(reverse("chats:chat", args=[chat.uuid])).content.decode()

    assert "<img src=x" not in html
    assert "<script>alert" not in html


# ---- the sidebar -----------------------------------------------------------------------------------


def test_chats_are_grouped_by_time(alice: User, alice_client: Client, model_server: Upstream) -> None:
    now = timezone.now()
    for days, title in [(0, "a"), (1, "b"), (3, "c"), (12, "d"), (400, "e")]:
        make_chat(owner=alice, title=title, updated_at=now - timedelta(days=days))

    groups = page_in(alice_client.get("/")).sidebar.groups

    assert [[chat.title for chat in group.chats] for group in groups] == [["a"], ["b"], ["c"], ["d"], ["e"]]
    assert [group.label for group in groups[:4]] == ["Today", "Yesterday", "Previous 7 days", "Previous 30 days"]


def test_the_sidebar_continues_by_its_cursor(alice: User, alice_client: Client) -> None:
    now = timezone.now()
    Chat.objects.bulk_create(
        Chat(owner=alice, title=f"chat {n}", updated_at=now - timedelta(seconds=n)) for n in range(PAGE_SIZE + 3)
    )

    first: SidebarPage = alice_client.get(reverse("chats:list")).context["sidebar"]
    second: SidebarPage = alice_client.get(reverse("chats:list"), {"before": first.next_cursor}).context["sidebar"]

    titles = [chat.title for page in (first, second) for group in page.groups for chat in group.chats]
    assert titles == [f"chat {n}" for n in range(PAGE_SIZE + 3)]
    assert second.next_cursor is None


@pytest.mark.parametrize("cursor", ["nonsense", "2020-01-01~1", "%00", "x" * 3000])
def test_a_made_up_cursor_is_a_bad_request(alice_client: Client, cursor: str) -> None:
    assert alice_client.get(reverse("chats:list"), {"before": cursor}).status_code == 400


# ---- actions ---------------------------------------------------------------------------------------


def test_a_chat_is_renamed(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice)

    response = alice_client.post(reverse("chats:rename", args=[chat.uuid]), {"title": "Fires"}, headers=HTMX)

    assert response.status_code == 204
    chat.refresh_from_db()
    assert chat.title == "Fires"


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
def test_a_title_that_cannot_be_one_is_refused(alice: User, alice_client: Client, title: str) -> None:
    chat = make_chat(owner=alice, title="Before")

    response = alice_client.post(reverse("chats:rename", args=[chat.uuid]), {"title": title}, headers=HTMX)

    assert response.status_code == 422
    chat.refresh_from_db()
    assert chat.title == "Before"


def test_a_deleted_chat_is_not_found_until_undone(alice: User, alice_client: Client, model_server: Upstream) -> None:
    chat = make_chat(owner=alice, messages=2)
    url = reverse("chats:chat", args=[chat.uuid])

    assert alice_client.post(reverse("chats:delete", args=[chat.uuid]), headers=HTMX).status_code == 204
    assert alice_client.get(url).status_code == 404

    assert alice_client.post(reverse("chats:undo_delete", args=[chat.uuid]), headers=HTMX).status_code == 204
    assert alice_client.get(url).status_code == 200


def test_without_scripts_a_form_leads_to_a_page(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice)

    response = alice_client.post(reverse("chats:rename", args=[chat.uuid]), {"title": "Fires"})

    assert response.headers["Location"] == reverse("chats:chat", args=[chat.uuid])


def test_an_arrow_shows_the_other_branch(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, messages=2)
    first = chat.messages.get(content="answer 1")
    make_answer(chat, content="answer 1b", parent=first.parent)

    response = alice_client.post(reverse("chats:show_sibling", args=[chat.uuid, first.uuid]))

    assert [message.text for message in response.context["shown"].messages] == ["question 1", "answer 1"]
    chat.refresh_from_db()
    assert chat.current_message == first


def test_a_message_alone_is_the_same_as_in_its_page(alice: User, alice_client: Client, model_server: Upstream) -> None:
    chat = make_chat(owner=alice, messages=2)
    answer = chat.messages.get(content="answer 1")

    alone = alice_client.get(reverse("chats:message", args=[chat.uuid, answer.uuid]))
    page = alice_client.get(reverse("chats:chat", args=[chat.uuid]))

    assert "".join(alone.content.decode().split()) in "".join(page.content.decode().split())


# ---- who may ---------------------------------------------------------------------------------------


def every_route(chat: Chat, message: object) -> list[tuple[str, str]]:
    return [
        ("get", reverse("chats:chat", args=[chat.uuid])),
        ("get", reverse("chats:message", args=[chat.uuid, message])),
        ("post", reverse("chats:rename", args=[chat.uuid])),
        ("post", reverse("chats:delete", args=[chat.uuid])),
        ("post", reverse("chats:undo_delete", args=[chat.uuid])),
        ("post", reverse("chats:show_sibling", args=[chat.uuid, message])),
    ]


def test_charlie_finds_nothing_of_alice(alice: User, charlie_client: Client, model_server: Upstream) -> None:
    chat = make_chat(owner=alice, messages=2, title="Secret")
    assert chat.current_message is not None

    for method, url in every_route(chat, chat.current_message.uuid):
        assert getattr(charlie_client, method)(url, {"title": "mine"}).status_code == 404, url

    chat.refresh_from_db()
    assert (chat.title, chat.deleted_at) == ("Secret", None)
    assert "Secret" not in charlie_client.get("/").content.decode()


def test_a_foreign_message_below_an_own_chat_is_not_found(alice: User, charlie: User, charlie_client: Client) -> None:
    own, foreign = make_chat(owner=charlie, messages=2), make_chat(owner=alice, messages=2)
    assert foreign.current_message is not None
    args = [own.uuid, foreign.current_message.uuid]

    assert charlie_client.get(reverse("chats:message", args=args)).status_code == 404
    assert charlie_client.post(reverse("chats:show_sibling", args=args)).status_code == 404


def test_strangers_are_sent_to_sign_in(alice: User, client: Client) -> None:
    chat = make_chat(owner=alice, messages=2)

    for method, url in [*every_route(chat, uuid4()), ("get", "/"), ("get", reverse("chats:list"))]:
        response = getattr(client, method)(url)
        assert response.status_code == 302, url
        assert "login" in response.headers["Location"]


def test_actions_need_the_token_of_the_page(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    chat = make_chat(owner=alice)

    for method, url in every_route(chat, uuid4()):
        if method == "post":
            assert client.post(url, {"title": "x"}).status_code == 403, url


def test_actions_are_not_for_links(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice)

    for method, url in every_route(chat, uuid4()):
        if method == "post":
            assert alice_client.get(url).status_code == 405, url
