"""The chat socket end to end: real ASGI application, real database, real HTTP to a steerable model server."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from pytest_django import Settings

from inference import catalog
from tests.chats.pages import Event, Page
from tests.chats.reader import Reader
from tests.doubles.upstream import Behaviour, Upstream
from tests.factories import make_chat, make_document, make_user
from webui.accounts.models import Role, User
from webui.chats.answering import orchestration
from webui.chats.answering.registry import registry
from webui.chats.models import Chat, Generation, Message

SLOW = Behaviour(tokens=400, rate=100)
"""An answer that is still running whatever the test does."""


@database_sync_to_async
def the_answer(content_of: str = "") -> Message:
    answers = Message.objects.filter(role="assistant").select_related("generation")
    return answers.get(parent__content=content_of) if content_of else answers.get()


@database_sync_to_async
def count(model: Any) -> int:
    return int(model.objects.count())


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html)).strip()


# ---- asking and answering ------------------------------------------------------------------------


async def test_a_first_message_makes_a_chat_and_is_answered(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(answer="It burns **warm**.")

    async with alice_page as page:
        ref = await page.send("How does the hearth burn?")
        shown = await page.until("branch.changed")
        ended = await page.until("generation.ended")

    assert shown["ref"] == ref
    assert shown["url"] == f"/chats/{shown['chat']}/"
    assert "How does the hearth burn?" in shown["html"]
    assert shown["after"] is None
    assert ended["state"] == "finished"
    assert "<strong>warm</strong>" in ended["html"]
    answer = await the_answer()
    assert answer.content == "It burns **warm**."
    assert answer.generation.answer_tokens == 3


async def test_a_message_sent_again_after_a_break_shows_the_answer_that_is_being_written(
    site: Upstream, alice_client: Client
) -> None:
    site.behaviour = SLOW
    async with Page(alice_client) as page:
        ref = await page.send("How?")
        before = await page.until("branch.changed")

    async with Page(alice_client) as page:
        await page.send("How?", ref=ref)
        again = await page.until("branch.changed")
        text = await page.until_one_of("text.added", "tail.changed", "answer.reset")
        await page.stop(text)
        await page.until("generation.ended")

    assert (again["ref"], again["chat"], again["after"]) == (ref, before["chat"], None)
    assert "How?" in again["html"]
    assert site.paths().count("/api/chat") == 1


async def test_a_message_sent_again_is_shown_with_its_answer_also_when_the_model_is_gone(
    site: Upstream, alice_client: Client
) -> None:
    site.behaviour = Behaviour(answer="It burns warm.")
    async with Page(alice_client) as page:
        ref = await page.send("How?")
        await page.until("generation.ended")

    async with Page(alice_client) as page:
        await page.send("How?", ref=ref, model="gone:latest")
        again = await page.until("branch.changed")

    assert "It burns warm." in text_of(again["html"])


async def test_the_events_of_an_answer_put_together_are_the_answer(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(answer="# Fire\n\nIt burns **warm**.\n\n* oak\n* ash\n", rate=20)
    # The end renders what nothing has rendered yet.
    site.may_end = False
    reader = Reader()

    async with alice_page as page:
        await page.send("How?")
        while text_of("".join(reader.blocks) + reader.tail) != "Fire It burns warm. oak ash":
            if "seq" in (event := await page.next()):
                reader.apply(event)
        site.may_end = True
        await page.until("generation.ended")

    seqs = [event["seq"] for event in page.events if "seq" in event]
    assert seqs == sorted(seqs)


async def test_the_model_gets_the_branch(site: Upstream, alice: User, alice_page: Page) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=2)

    async with alice_page as page:
        await page.send("And now?", chat=str(chat.uuid))
        await page.until("generation.ended")

    sent = site.last("/api/chat").body["messages"]
    assert [(m["role"], m["content"]) for m in sent] == [
        ("user", "question 1"), ("assistant", "answer 1"), ("user", "And now?")
    ]  # fmt: skip


async def test_a_new_chat_appears_in_the_sidebar_of_all_pages(
    site: Upstream, alice_client: Client, charlie_page: Page
) -> None:
    async with Page(alice_client) as one, Page(alice_client) as two, charlie_page as foreign:
        await one.send("How does it burn?")
        changed = await two.until("chat.moved_up")

        assert "How does it burn?" in changed["html"]
        assert await foreign.hears_nothing_but()


async def test_two_pages_on_one_chat_both_stream(site: Upstream, alice: User, alice_client: Client) -> None:
    site.behaviour = Behaviour(answer="It burns warm.", rate=20)
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=2)

    async with Page(alice_client) as one, Page(alice_client) as two:
        await two.open(chat.uuid)
        await one.send("How?", chat=str(chat.uuid))
        shown = await two.until("branch.changed")
        ended = await two.until("generation.ended")

    assert "ref" not in shown
    assert "How?" in shown["html"]
    assert "It burns warm." in text_of(ended["html"])
    assert any(event["type"] in ("text.added", "tail.changed") for event in two.events)


async def test_a_page_of_another_chat_hears_nothing_of_this_one(
    site: Upstream, alice: User, alice_client: Client
) -> None:
    other = await database_sync_to_async(make_chat)(owner=alice, messages=2)

    async with Page(alice_client) as one, Page(alice_client) as two:
        await two.open(other.uuid)
        await one.send("How?")
        await one.until("generation.ended")

        assert await two.hears_nothing_but("chat.moved_up")


async def test_a_closed_chat_is_heard_no_more(site: Upstream, alice_client: Client) -> None:
    site.behaviour = SLOW

    async with Page(alice_client) as page:
        await page.send("How?")
        shown = await page.until("text.added")
        await page.say({"type": "chat.closed", "chat": shown["chat"]})
        # The server has taken note when the next event is answered.
        await page.say("{}")
        await page.until("request.refused")

        assert await page.hears_nothing_but("chat.moved_up")


async def test_regenerating_shows_a_second_answer(site: Upstream, alice: User, alice_page: Page) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=2)
    answer = await the_answer()

    async with alice_page as page:
        await page.regenerate(str(chat.uuid), str(answer.uuid), model="large:latest")
        shown = await page.until("branch.changed")
        ended = await page.until("generation.ended")

    assert str(answer.uuid) not in re.findall(r'data-message="([^"]+)"', shown["html"])
    assert "question 1" not in shown["html"]
    assert "2/2" in text_of(ended["html"]).replace(" ", "")
    assert await database_sync_to_async(chat.messages.filter(model="large:latest").count)() == 1


async def test_editing_shows_the_new_branch(site: Upstream, alice: User, alice_page: Page) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=2)
    question = await database_sync_to_async(chat.messages.get)(role="user")

    async with alice_page as page:
        await page.edit(str(chat.uuid), str(question.uuid), "question 1b")
        shown = await page.until("branch.changed")
        await page.until("generation.ended")

    assert shown["after"] is None
    assert "question 1b" in shown["html"]


async def test_thinking_is_kept_apart_and_told_as_progress(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(mode="think", tokens=12)
    # Text that comes sooner than what is told before it reaches a page takes its place.
    site.may_answer = False

    async with alice_page as page:
        await page.send("How?")
        progress = await page.until("generation.progressed")
        site.may_answer = True
        await page.until("generation.ended")

    assert progress["text"].startswith("Thinking")
    answer = await the_answer()
    assert answer.thinking
    assert answer.thinking not in answer.content


# ---- stopping and leaving ------------------------------------------------------------------------


async def test_stopping_keeps_the_text_and_ends_the_request_upstream(site: Upstream, alice_page: Page) -> None:
    site.behaviour = SLOW

    async with alice_page as page:
        await page.send("How?")
        running = await page.until("text.added")
        started = time.monotonic()
        await page.stop(running)
        ended = await page.until("generation.ended")
        stopped_after_s = time.monotonic() - started
        await site.wait_until_async(lambda upstream: upstream.n_aborted == 1)

    assert ended["state"] == "stopped"
    assert stopped_after_s < 1
    answer = await the_answer()
    assert answer.content.startswith("The ")
    assert answer.generation.state == Generation.State.STOPPED


async def test_stopping_before_the_first_word_is_no_error(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(delay=60_000)

    async with alice_page as page:
        await page.send("How?")
        shown = await page.until("branch.changed")
        generation = re.findall(r'data-generation="([^"]+)"', shown["html"])[-1]
        await page.stop({"chat": shown["chat"], "generation": generation})
        ended = await page.until("generation.ended")

    assert ended["state"] == "stopped"
    assert (await the_answer()).content == ""


async def test_an_answer_goes_on_when_its_page_closes(site: Upstream, alice_client: Client) -> None:
    site.behaviour = Behaviour(tokens=30, rate=100)

    async with Page(alice_client) as page:
        await page.send("How?")
        await page.until_one_of("text.added", "tail.changed")
    while registry().answers:
        await asyncio.sleep(0.01)

    answer = await the_answer()
    assert answer.generation.state == Generation.State.FINISHED
    assert len(answer.content.split()) == 30


async def test_a_page_that_comes_back_goes_on_where_it_was(site: Upstream, alice_client: Client) -> None:
    site.behaviour = Behaviour(answer="One *two* three four five six seven eight.\n\nNine.", rate=20)
    site.may_end = False
    reader = Reader()

    async with Page(alice_client) as page:
        await page.send("How?")
        while (await page.until_one_of("text.added", "tail.changed"))["seq"] <= 2:
            pass
    for event in page.events:
        if "seq" in event:
            reader.apply(event)
    chat, generation = page.events[-1]["chat"], page.events[-1]["generation"]
    async with Page(alice_client) as again:
        await again.open(chat, {generation: reader.seq})
        while text_of("".join(reader.blocks) + reader.tail) != "One two three four five six seven eight. Nine.":
            reader.apply(await again.next())
        site.may_end = True
        await again.until("generation.ended")

    # To a slow page, what the next event replaces is not sent.
    assert again.events[0]["seq"] > page.events[-1]["seq"]


async def test_a_page_that_comes_back_too_late_gets_the_end(site: Upstream, alice: User, alice_page: Page) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=2)
    generation = str((await the_answer()).generation.uuid)

    async with alice_page as page:
        await page.open(chat.uuid, {generation: 17})
        ended = await page.next()

    assert (ended["type"], ended["state"], ended["seq"]) == ("generation.ended", "finished", 18)
    assert "answer 1" in ended["html"]


async def test_a_page_loaded_before_a_question_hears_that_it_is_outdated(site: Upstream, alice_client: Client) -> None:
    async with Page(alice_client) as asking, Page(alice_client) as early:
        await asking.send("How?")
        chat = (await asking.until("generation.ended"))["chat"]
        seen_by_early = str((await the_answer("How?")).uuid)
        await asking.send("And then?", chat=chat)
        await asking.until("generation.ended")

        await early.open(chat, last=seen_by_early)
        assert (await early.until("branch.outdated"))["chat"] == chat

        await early.open(chat, last=str((await the_answer("And then?")).uuid))
        assert await early.hears_nothing_but("generation.ended")


async def test_an_empty_chat_is_outdated_once_something_was_asked(
    site: Upstream, alice: User, alice_page: Page
) -> None:
    empty = await database_sync_to_async(make_chat)(owner=alice, messages=0)

    async with alice_page as page:
        await page.open(empty.uuid, last=None)
        assert await page.hears_nothing_but()

        await page.send("How?", chat=str(empty.uuid))
        await page.until("generation.ended")
        await page.open(empty.uuid, last=None)
        assert await page.until("branch.outdated")


async def test_a_branch_without_a_chosen_leaf_ends_in_its_newest_message(
    site: Upstream, alice: User, alice_page: Page
) -> None:
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=4)
    await database_sync_to_async(Chat.objects.update)(current_message=None)
    first, *_, newest = await database_sync_to_async(lambda: [str(m.uuid) for m in chat.messages.order_by("id")])()

    async with alice_page as page:
        await page.open(chat.uuid, last=newest)
        assert await page.hears_nothing_but()
        await page.open(chat.uuid, last=first)
        assert await page.until("branch.outdated")


async def test_a_page_loaded_while_an_answer_ran_hears_that_it_has_ended(site: Upstream, alice_client: Client) -> None:
    async with Page(alice_client) as page:
        await page.send("How?")
        ended = await page.until("generation.ended")
    async with Page(alice_client) as late:
        await late.open(ended["chat"])
        told = await late.next()

    assert (told["type"], told["generation"]) == ("generation.ended", ended["generation"])


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no json", "malformed"),
        ("[]", "malformed"),
        ('{"type": "owner.changed"}', "malformed"),
        ('{"type": "message.sent", "ref": "r"}', "malformed"),
        ('{"type": "chat.opened", "chat": "mine"}', "not_found"),
        (json.dumps({"type": "chat.opened", "chat": "00000000-0000-4000-8000-000000000000"}), "not_found"),
    ],
)
async def test_nonsense_is_refused_and_the_socket_lives(site: Upstream, alice_page: Page, said: str, code: str) -> None:
    async with alice_page as page:
        await page.say(said)
        refused = await page.next()
        await page.send("How?")
        await page.until("generation.ended")

    assert (refused["type"], refused["code"]) == ("request.refused", code)
    assert refused["text"]


@pytest.mark.parametrize(("chosen", "spoken"), [("", "消息是空的。"), ("en", "The message is empty.")])
async def test_the_socket_speaks_the_language_of_the_person_else_of_the_browser(
    site: Upstream, alice: User, alice_client: Client, chosen: str, spoken: str
) -> None:
    alice.language = chosen
    await alice.asave()

    async with Page(alice_client, language="zh-CN") as page:
        await page.send(" ")
        refused = await page.next()

    assert refused["text"] == spoken


async def test_bytes_are_refused(site: Upstream, alice_page: Page) -> None:
    async with alice_page as page:
        await page.socket.send_to(bytes_data=b"\xff\x00")
        refused = await page.next()

    assert refused["code"] == "malformed"


@pytest.mark.parametrize(("content", "code"), [("", "message_empty"), (" \n", "message_empty")])
async def test_an_empty_message_is_refused(site: Upstream, alice_page: Page, content: str, code: str) -> None:
    async with alice_page as page:
        ref = await page.send(content)
        refused = await page.next()

    assert (refused["code"], refused["ref"]) == (code, ref)
    assert await count(Chat) == 0


async def test_an_oversized_message_is_refused_with_both_sizes(
    site: Upstream, alice_page: Page, settings: Settings
) -> None:
    settings.HEARTH_MESSAGE_MAX_CHARS = 1000

    async with alice_page as page:
        ref = await page.send("x" * 1001)
        refused = await page.next()
        await page.send("x" * 100_000)
        refused_early = await page.next()

    assert (refused["code"], refused["ref"]) == ("message_too_long", ref)
    assert "1001" in refused["text"]
    assert "1000" in refused["text"]
    assert refused_early["code"] == "message_too_long"
    assert await count(Chat) == 0


@pytest.mark.parametrize(
    ("model", "code"), [("no-such", "model_not_found"), ("", "model_not_found"), ("embed:latest", "model_cannot_chat")]
)
async def test_a_model_that_cannot_answer_is_refused(site: Upstream, alice_page: Page, model: str, code: str) -> None:
    async with alice_page as page:
        ref = await page.send("How?", model=model)
        refused = await page.next()

    assert (refused["code"], refused["ref"]) == (code, ref)
    assert await count(Chat) == 0


async def test_a_dead_connection_is_refused_in_words(site: Upstream, alice_page: Page, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = "http://127.0.0.1:9"
    catalog.forget()

    async with alice_page as page:
        await page.send("How?")
        refused = await page.next()

    assert refused["type"] == "request.refused"
    assert refused["code"] in ("connection_refused", "model_not_found")
    assert await count(Chat) == 0


async def test_a_second_question_while_an_answer_runs_is_refused(site: Upstream, alice_client: Client) -> None:
    site.behaviour = SLOW

    async with Page(alice_client) as one, Page(alice_client) as two:
        await one.send("How?")
        shown = await one.until("branch.changed")
        await two.send("And?", chat=shown["chat"])
        refused = await two.until("request.refused")

    assert refused["code"] == "answer_running"
    assert await count(Message) == 2


async def test_of_two_sends_at_once_one_is_answered(site: Upstream, alice: User, alice_client: Client) -> None:
    site.behaviour = Behaviour(tokens=20, rate=50)
    chat = await database_sync_to_async(make_chat)(owner=alice, messages=2)

    async with Page(alice_client) as one, Page(alice_client) as two:
        await asyncio.gather(one.send("A", chat=str(chat.uuid)), two.send("B", chat=str(chat.uuid)))
        outcomes = await asyncio.gather(
            *(page.until_one_of("branch.changed", "request.refused") for page in (one, two))
        )

    assert sorted(event["type"] for event in outcomes) == ["branch.changed", "request.refused"]
    assert await database_sync_to_async(chat.messages.count)() == 4


# ---- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (Behaviour(fault="status", status=503), "queue_full"),
        (Behaviour(fault="status", status=404), "model_not_found"),
        (Behaviour(tokens=5, fault="drop", at=2), "connection_failed"),
        (Behaviour(tokens=5, fault="truncate", at=2), "connection_failed"),
        (Behaviour(fault="html"), "wrong_service"),
    ],
)
async def test_a_failure_stands_where_the_answer_would(
    site: Upstream, alice_page: Page, behaviour: Behaviour, code: str
) -> None:
    async with alice_page as page:
        # The list of models is asked for before, while all is well.
        await page.send("Fine?")
        await page.until("generation.ended")
        site.behaviour = behaviour
        await page.send("How?")
        ended = await page.until("generation.ended")

    assert ended["state"] == "failed"
    answer = await the_answer("How?")
    assert answer.generation.error_code == code
    assert "Traceback" not in ended["html"]
    assert len(text_of(ended["html"])) > 20


async def test_the_text_before_a_failure_is_kept(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(answer="It burns warm and bright.", rate=30, fault="drop", at=3)

    async with alice_page as page:
        await page.send("How?")
        ended = await page.until("generation.ended")

    assert ended["state"] == "failed"
    assert "It burns" in ended["html"]
    assert "It burns" in (await the_answer()).content


async def test_an_answer_without_a_word_is_an_error(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(tokens=0)

    async with alice_page as page:
        await page.send("How?")
        ended = await page.until("generation.ended")

    assert ended["state"] == "failed"
    assert (await the_answer()).generation.error_code == "answer_empty"


async def test_a_model_that_goes_on_for_ever_is_stopped(
    site: Upstream, alice_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestration, "ANSWER_MAX_CHARS", 100)
    site.behaviour = Behaviour(tokens=100_000, rate=500)

    async with alice_page as page:
        await page.send("How?")
        ended = await page.until("generation.ended")
        await site.wait_until_async(lambda upstream: upstream.n_active == 0)

    assert ended["state"] == "failed"
    answer = await the_answer()
    assert answer.generation.error_code == "answer_too_long"
    assert len(answer.content) > 100


async def test_after_a_failure_the_same_question_can_be_asked_again(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(tokens=5, fault="drop", at=1)

    async with alice_page as page:
        await page.send("How?")
        failed = await page.until("generation.ended")
        site.behaviour = Behaviour(answer="Warm.")
        await page.regenerate(failed["chat"], failed["message"])
        ended = await page.until("generation.ended")

    assert ended["state"] == "finished"
    assert "Warm." in text_of(ended["html"])


# ---- who may listen --------------------------------------------------------------------------------


async def test_a_stranger_is_sent_away(site: Upstream) -> None:
    page = Page(None)
    await page.socket.connect()

    assert await page.close_code() == 4401


async def test_another_site_cannot_open_the_socket(site: Upstream, alice_client: Client) -> None:
    connected, _ = await Page(alice_client, origin="http://evil.example").socket.connect()

    assert not connected


@pytest.mark.parametrize("fields", [{"role": Role.PENDING}, {"role": Role.USER, "is_active": False}])
async def test_who_is_no_member_is_sent_away(
    site: Upstream, sign_in: Callable[[User], Client], fields: dict[str, Any]
) -> None:
    user = await database_sync_to_async(make_user)()
    browser = await database_sync_to_async(sign_in)(user)
    await database_sync_to_async(User.objects.filter(pk=user.pk).update)(**fields)
    page = Page(browser)
    await page.socket.connect()

    assert await page.close_code() in (4401, 4403)


@pytest.mark.parametrize(
    "change",
    [
        lambda user: User.objects.filter(pk=user.pk).update(role=Role.PENDING),
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda user: User.objects.filter(pk=user.pk).update(password="!changed"),
        lambda user: user.delete(),
    ],
    ids=["demoted", "suspended", "new password", "deleted"],
)
async def test_a_socket_closes_within_a_second_or_so_of_losing_its_right(
    site: Upstream, alice: User, alice_page: Page, change: Callable[[User], object]
) -> None:
    page = alice_page
    await page.socket.connect()

    await database_sync_to_async(change)(alice)

    started = time.monotonic()
    assert await page.close_code() in (4401, 4403)
    assert time.monotonic() - started < 2


async def test_signing_out_closes_the_other_pages(site: Upstream, alice_client: Client) -> None:
    page = Page(alice_client)
    await page.socket.connect()

    await database_sync_to_async(alice_client.logout)()

    assert await page.close_code() == 4401


async def test_a_demoted_person_can_send_nothing_at_once(site: Upstream, alice: User, alice_page: Page) -> None:
    page = alice_page
    await page.socket.connect()
    await database_sync_to_async(User.objects.filter(pk=alice.pk).update)(role=Role.PENDING)

    await page.send("How?")

    assert await page.close_code() == 4403
    assert await count(Chat) == 0


def foreign_events(chat: str, question: str, answer: str, generation: str, document: str, own: str) -> list[Event]:
    asked = {"ref": "r", "model": "tiny:latest"}
    return [
        {"type": "chat.opened", "chat": chat},
        {"type": "chat.opened", "chat": chat, "seen": {generation: 0}},
        {"type": "message.sent", **asked, "content": "hi", "chat": chat},
        {"type": "message.sent", **asked, "content": "hi", "documents": [document]},
        {"type": "message.sent", **asked, "content": "hi", "chat": own, "documents": [document]},
        {"type": "message.edited", **asked, "content": "hi", "chat": chat, "message": question},
        {"type": "message.edited", **asked, "content": "hi", "chat": own, "message": question},
        {"type": "answer.requested", **asked, "chat": chat, "message": answer},
        {"type": "answer.requested", **asked, "chat": own, "message": answer},
        {"type": "stop.requested", "chat": chat, "generation": generation},
        {"type": "stop.requested", "chat": own, "generation": generation},
    ]


async def test_charlie_reaches_nothing_of_alice_with_any_event(
    site: Upstream, alice: User, charlie: User, alice_client: Client, charlie_page: Page
) -> None:
    """Foreign ids in every place of every event, also below a chat of one's own (T-SOCK, T-CONFUSED)."""
    site.behaviour = SLOW
    own = await database_sync_to_async(make_chat)(owner=charlie, messages=2)
    document = await database_sync_to_async(make_document)(owner=alice)

    async with Page(alice_client) as page, charlie_page as foreign:
        await page.send("How?")
        running = await page.until("text.added")
        answer = await the_answer("How?")
        question = await database_sync_to_async(Message.objects.get)(pk=answer.parent_id)
        n_messages = await count(Message)
        for event in foreign_events(
            running["chat"], str(question.uuid), str(answer.uuid), running["generation"], str(document.uuid),
            str(own.uuid),
        ):  # fmt: skip
            await foreign.say(event)
            refused = await foreign.next()
            assert (refused["type"], refused["code"]) == ("request.refused", "not_found"), event

        assert await foreign.hears_nothing_but()
        assert await count(Message) == n_messages
        assert await page.until("text.added")


async def test_seen_generations_of_another_chat_are_not_told(
    site: Upstream, alice: User, charlie: User, charlie_page: Page
) -> None:
    await database_sync_to_async(make_chat)(owner=alice, messages=2)
    foreign = str((await the_answer()).generation.uuid)
    own = await database_sync_to_async(make_chat)(owner=charlie)

    async with charlie_page as page:
        await page.open(own.uuid, {foreign: 0})

        assert await page.hears_nothing_but()
