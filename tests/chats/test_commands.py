"""Words of a terminal chat in the browser's: what they do, what they say, and that nothing of it reaches a model."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from django.urls import reverse

from tests.chats.pages import Page
from tests.doubles.upstream import Upstream
from tests.factories import make_answer, make_chat, make_document, make_folder, make_message, make_preset
from webui.accounts.models import User
from webui.chats.models import Chat, Generation, Message
from webui.presets.ids import preset_id
from webui.presets.models import ModelPreset
from webui.presets.services import set_model_defaults, set_own_defaults

URL = "/chats/command/"


def give(client: Client, word: str, chat: Chat | None = None, **fields: str) -> dict[str, Any]:
    place = {"chat": str(chat.uuid)} if chat else {}
    response = client.post(URL, {"command": word, "model": "tiny:latest", **place, **fields})
    assert response.status_code == 200
    outcome: dict[str, Any] = response.json()
    return outcome


def restore_url(message: Message) -> str:
    return reverse("chats:restore_context", args=[message.chat.uuid, message.uuid])


async def ask(page: Page, content: str, chat: Chat, **fields: Any) -> None:
    await page.send(content, chat=str(chat.uuid), **fields)
    await page.until("generation.ended")


def sent(site: Upstream) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in site.last("/api/chat").body["messages"]]


# ---- /clear ----------------------------------------------------------------------------------------


async def test_after_clear_nothing_that_was_said_is_sent_and_all_of_it_is_kept(
    site: Upstream, alice: User, alice_page: Page, alice_client: Client
) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=4, system_prompt="In verse.")

    outcome = await database_sync_to_async(give)(alice_client, "/clear", chat)
    async with alice_page as page:
        await ask(page, "Who are you?", chat)
        assert sent(site) == [("system", "In verse."), ("user", "Who are you?")]
        await ask(page, "Really?", chat)

    assert [role for role, _ in sent(site)] == ["system", "user", "assistant", "user"]
    assert await chat.messages.acount() == 8
    assert "Nothing above is sent" in outcome["html"]
    ledger = (await Generation.objects.alatest("id")).ledger
    assert ledger["cleared"] == 4


async def test_undo_sends_it_again(site: Upstream, alice: User, alice_page: Page, alice_client: Client) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=2)
    outcome = await database_sync_to_async(give)(alice_client, "/clear", chat)
    end = await Message.objects.select_related("chat").aget(uuid=outcome["message"])

    restored = await database_sync_to_async(alice_client.post)(restore_url(end))
    async with alice_page as page:
        await ask(page, "And now?", chat)

    assert "Nothing above is sent" not in restored.content.decode()
    assert [content for _, content in sent(site)] == ["question 1", "answer 1", "And now?"]


async def test_other_pages_look_at_the_chat_again(
    site: Upstream, alice: User, alice_page: Page, alice_client: Client
) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=2)
    async with alice_page as page:
        await page.open(chat.uuid)
        await page.hears_nothing_but("generation.ended")
        await database_sync_to_async(give)(alice_client, "/clear", chat)

        assert (await page.until("branch.outdated"))["chat"] == str(chat.uuid)


async def test_documents_of_before_are_not_searched_any_more(
    site: Upstream, alice: User, alice_page: Page, alice_client: Client
) -> None:
    def arrange() -> Chat:
        chat = make_chat(owner=alice)
        make_message(chat, content="Look at this").documents.add(make_document(owner=alice))
        make_answer(chat)
        return chat

    chat = await database_sync_to_async(arrange)()
    await database_sync_to_async(give)(alice_client, "/clear", chat)
    async with alice_page as page:
        await ask(page, "Who are you?", chat)

    assert "retrieval" not in (await Generation.objects.alatest("id")).ledger
    assert sent(site) == [("user", "Who are you?")]


@pytest.mark.django_db
def test_the_point_is_marked_after_a_reload(alice: User, alice_client: Client, model_server: Upstream) -> None:
    chat = make_chat(owner=alice, messages=2)
    give(alice_client, "/clear", chat)

    html = alice_client.get(reverse("chats:chat", args=[chat.uuid])).content.decode()

    assert "Nothing above is sent any more" in html
    assert restore_url(chat.messages.get(content="answer 1")) in html


@pytest.mark.django_db
def test_a_running_answer_is_waited_for(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, messages=1)
    make_answer(chat, state=Generation.State.RUNNING)

    assert "still being written" in give(alice_client, "/clear", chat)["refusal"]
    assert not Message.objects.filter(ends_context=True).exists()


@pytest.mark.django_db
def test_in_a_new_chat_there_is_nothing_to_clear(alice_client: Client) -> None:
    assert "nothing to clear" in give(alice_client, "/clear")["note"]
    assert not Chat.objects.exists()


# ---- /set ------------------------------------------------------------------------------------------


async def test_what_is_set_is_sent_with_the_next_question(
    site: Upstream, alice: User, alice_page: Page, alice_client: Client
) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, options={"seed": 3})
    for word in ("/set parameter num_ctx 4096", "/set system Be brief.", "/set format json", "/set nothink"):
        outcome = await database_sync_to_async(give)(alice_client, word, chat)
        assert "note" in outcome, outcome
    async with alice_page as page:
        await ask(page, "Why?", chat)

    body = site.last("/api/chat").body
    assert body["options"] == {"num_ctx": 4096, "seed": 3}
    assert (body["format"], body["think"]) == ("json", False)
    assert sent(site) == [("system", "Be brief."), ("user", "Why?")]


@pytest.mark.django_db
def test_what_was_set_is_taken_back(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, options={"seed": 3, "format": "json"}, system_prompt="Be brief.")

    for word in ("/set parameter seed default", "/set noformat", "/set system"):
        give(alice_client, word, chat)

    chat.refresh_from_db()
    assert (chat.options, chat.system_prompt) == ({}, "")


@pytest.mark.django_db
def test_setting_something_on_a_new_page_begins_a_chat_there(alice: User, alice_client: Client) -> None:
    folder = make_folder(owner=alice)

    outcome = give(alice_client, "/set parameter seed 3", folder=str(folder.uuid))

    chat = Chat.objects.get()
    assert (chat.folder, chat.options) == (folder, {"seed": 3})
    assert (outcome["chat"], outcome["url"]) == (str(chat.uuid), reverse("chats:chat", args=[chat.uuid]))


@pytest.mark.django_db
def test_a_mistake_is_told_with_the_way_to_send_it_all_the_same(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice)

    outcome = give(alice_client, "/set parameter num_ctx many", chat)

    assert "takes a whole number from 256" in outcome["refusal"]
    assert outcome["refusal"].endswith("begin with a space.")
    chat.refresh_from_db()
    assert chat.options == {}


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["/etc/hosts", "/clear the table", " /clear", "", "hello"])
def test_what_is_no_word_is_handed_back_as_a_message(alice: User, alice_client: Client, text: str) -> None:
    chat = make_chat(owner=alice, messages=2)

    assert give(alice_client, text, chat) == {"is_message": True}
    assert not Message.objects.filter(ends_context=True).exists()


# ---- /show, /?, /bye -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_show_parameters_tells_what_holds_and_who_has_set_it(
    alice: User, root: User, alice_client: Client, model_server: Upstream
) -> None:
    set_model_defaults("tiny:latest", system_prompt="", options={"top_k": 7}, by=root)
    set_own_defaults(alice, system_prompt="", options={"temperature": 0.3})
    chat = make_chat(owner=alice, options={"num_ctx": 4096})

    note = give(alice_client, "/show parameters", chat)["note"]

    for words in (
        "num_ctx",
        "4096",
        "in this chat",
        "temperature",
        "0.3",
        "in your settings",
        "for everybody who asks",
    ):
        assert words in note
    assert chat.messages.count() == 0


@pytest.mark.django_db
def test_show_info_tells_what_the_model_is(alice_client: Client, model_server: Upstream) -> None:
    note = give(alice_client, "/show info")["note"]

    for words in ("tiny:latest", "Built-in", "fake", "7B", "Q4_K_M", "8,192", "completion"):
        assert words in note


@pytest.mark.django_db
def test_show_system_tells_all_prompts_in_their_order(alice: User, alice_client: Client) -> None:
    set_own_defaults(alice, system_prompt="Call me Al.", options={})
    folder = make_folder(owner=alice, name="Voyage", system_prompt="At sea.")
    chat = make_chat(owner=alice, system_prompt="In <b>verse</b>.", folder=folder)
    preset = make_preset(owner=alice, system_prompt="You keep a harbour.")

    note = give(alice_client, "/show system", chat, model=preset_id(preset.uuid))["note"]

    places = [note.index(words) for words in ("Call me Al.", "You keep a harbour.", "At sea.", "In &lt;b&gt;verse")]
    assert places == sorted(places)


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["/show template", "/show license", "/show modelfile"])
def test_show_tells_parts_of_the_model(alice_client: Client, model_server: Upstream, word: str) -> None:
    note = give(alice_client, word)["note"]

    assert "{{ .Prompt }}" in note if word == "/show template" else "Its server tells none." in note


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["/show info", "/show parameters", "/show license"])
def test_a_model_that_is_gone_is_told_in_a_sentence(alice_client: Client, model_server: Upstream, word: str) -> None:
    note = give(alice_client, word, model="gone:latest")["note"]

    assert "is not available now" in note or "No option is set" in note


@pytest.mark.django_db
def test_help_tells_the_words_and_bye_leaves(alice: User, alice_client: Client) -> None:
    assert "/set parameter" in give(alice_client, "/?")["note"]
    assert "num_ctx" in give(alice_client, "/? set")["note"]
    assert "/show license" in give(alice_client, "/? show")["note"]
    assert give(alice_client, "/bye", make_chat(owner=alice)) == {"go": "/"}


@pytest.mark.django_db
@pytest.mark.parametrize("wants_it", [True, False])
def test_bye_archives_for_who_wants_it(alice: User, alice_client: Client, wants_it: bool) -> None:
    fields = {"name": "Alice"} | ({"archives_left_chats": "on"} if wants_it else {})
    alice_client.post(reverse("accounts:profile"), fields)
    chat, other = make_chat(owner=alice, messages=2), make_chat(owner=alice)

    assert give(alice_client, "/bye", chat) == {"go": "/"}
    assert give(alice_client, "/bye") == {"go": "/"}

    chat.refresh_from_db()
    other.refresh_from_db()
    assert (chat.archived_at is not None, other.archived_at) == (wants_it, None)


# ---- whose chat it is ------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["/clear", "/bye", "/set system Mine.", "/show system", "/?", "hello"])
def test_charlie_reaches_nothing(alice: User, charlie_client: Client, word: str) -> None:
    folder = make_folder(owner=alice, system_prompt="Secret.")
    chat = make_chat(owner=alice, messages=2, system_prompt="Secret.", folder=folder)
    preset = make_preset(owner=alice, system_prompt="Secret.")
    before = Chat.objects.filter(owner=alice).values().get()

    for place in ({"chat": str(chat.uuid)}, {"chat": str(uuid4())}, {"chat": "1"}, {"folder": str(folder.uuid)}):
        assert charlie_client.post(URL, {"command": word, **place}).status_code == 404
    told = charlie_client.post(URL, {"command": word, "model": preset_id(preset.uuid)}).content
    assert b"Secret." not in told
    assert Chat.objects.filter(owner=alice).values().get() == before
    assert not Message.objects.filter(ends_context=True).exists()


@pytest.mark.django_db
def test_charlie_restores_nothing(alice: User, alice_client: Client, charlie_client: Client) -> None:
    chat = make_chat(owner=alice, messages=2)
    give(alice_client, "/clear", chat)
    end, other = chat.messages.get(ends_context=True), chat.messages.get(ends_context=False)

    assert charlie_client.post(restore_url(end)).status_code == 404
    assert alice_client.post(restore_url(other)).status_code == 404
    assert chat.messages.filter(ends_context=True).exists()


# ---- /list, /load, /save ---------------------------------------------------------------------------


def test_list_tells_who_can_answer(model_server: Upstream, alice: User, charlie: User, alice_client: Client) -> None:
    make_preset(owner=alice, name="Clerk")
    make_preset(owner=charlie, name="Secret")

    note = give(alice_client, "/list")["note"]

    assert "Clerk" in note
    assert "tiny:latest" in note
    assert "Secret" not in note


@pytest.mark.parametrize("name", ["large:latest", "LARGE", "clerk"])
def test_load_begins_a_chat_with_another(model_server: Upstream, alice: User, alice_client: Client, name: str) -> None:
    preset = make_preset(owner=alice, name="Clerk")

    outcome = give(alice_client, f"/load {name}")

    wanted = preset_id(preset.uuid) if name == "clerk" else "large:latest"
    shown = alice_client.get(outcome["go"])
    assert shown.context["page"].selected_model == wanted


def test_load_refuses_what_is_not_there_or_anothers(
    model_server: Upstream, alice: User, charlie_client: Client
) -> None:
    preset = make_preset(owner=alice, name="Secret")

    for name in ("Secret", preset_id(preset.uuid), "gone:latest", "embed:latest"):
        assert "There is no model and no preset" in give(charlie_client, f"/load {name}")["refusal"]


def test_save_makes_a_preset_of_what_is_set_and_was_said(
    model_server: Upstream, alice: User, alice_client: Client
) -> None:
    preset = make_preset(owner=alice, name="Clerk", options={"seed": 1, "top_k": 2}, suggestions=["Who is in?"])
    chat = make_chat(owner=alice, messages=4, system_prompt="In verse.", options={"seed": 5})
    old = chat.messages.order_by("id")[1]
    old.ends_context = True
    old.save()

    outcome = give(alice_client, "/save My clerk", chat, model=preset_id(preset.uuid))

    assert "Saved as the preset “My clerk”." in outcome["note"]
    saved = ModelPreset.objects.get(name="My clerk")
    assert (saved.owner, saved.base_model) == (alice, "tiny:latest")
    assert saved.system_prompt == "You are Clerk.\n\nIn verse."
    assert saved.options == {"seed": 5, "top_k": 2}
    assert saved.suggestions == ["Who is in?"]
    assert saved.modelfile_rest == [["MESSAGE", "user", "question 2"], ["MESSAGE", "assistant", "answer 2"]]


@pytest.mark.parametrize(
    ("word", "model", "words"),
    [("/save x", "quotes", "nothing to save"), ("/save " + "x" * 101, "tiny:latest", "at most 100 characters")],
)
def test_what_cannot_be_saved_is_told(
    model_server: Upstream, alice_client: Client, word: str, model: str, words: str
) -> None:
    assert words in give(alice_client, word, model=model)["refusal"]
    assert not ModelPreset.objects.exists()


def test_a_chat_that_is_too_long_is_not_saved(model_server: Upstream, alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, messages=2)
    chat.messages.update(content="word " * 30_000)

    assert "too long" in give(alice_client, "/save x", chat)["refusal"]
