"""What comes after an answer by itself: the title of the chat, and questions to go on with."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.doubles.upstream import Behaviour, FakeModel, Upstream
from tests.e2e.chatting import ask_and_wait, composer, questions
from tests.e2e.conftest import PASSWORD, OpenBrowser, signed_in_state
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

REPLIES = (("Give this conversation a title", "Warm fires"), ("Write three short", "Which wood?\nHow hot is it?"))


@pytest.fixture(scope="module")
def model() -> Iterator[Upstream]:
    with Upstream(models=[FakeModel(name="tiny:latest")]) as upstream:
        upstream.behaviour = Behaviour(answer="It burns **warm**.", replies=REPLIES)
        yield upstream


@pytest.fixture(scope="module")
def thinking_site(model: Upstream, built_in: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(
        tmp_path_factory.mktemp("afterthoughts") / "data",
        model_url=model.url,
        built_in_url=built_in.url,
        HEARTH_AFTERTHOUGHTS="yes",
        HEARTH_ADMIN_EMAIL="root@example.org",
        HEARTH_ADMIN_PASSWORD=PASSWORD,
    ) as running:
        yield running


def follow_ups(page: Page) -> Locator:
    return page.get_by_role("list", name="Questions to go on with").get_by_role("button")


async def test_title_and_questions_come_after_the_answer_as_a_continuation_of_it(
    thinking_site: Site,
    model: Upstream,
    browser: Browser,
    open_browser: OpenBrowser,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    state = await signed_in_state(browser, thinking_site, tmp_path_factory.mktemp("root"))
    context = await open_browser(url=thinking_site.url, storage_state=state)
    page = await context.new_page()
    await page.goto("/")

    await ask_and_wait(page, "How does it burn?")

    await expect(page.get_by_role("heading", name="Warm fires")).to_be_visible()
    await expect(page.locator(".sidebar-chat__link").first).to_have_text("Warm fires")
    await expect(follow_ups(page)).to_have_text(["Which wood?", "How hot is it?"])
    first, *later = [request.body for request in model.requests if request.path == "/api/chat"]
    assert len(later) == 2
    for body in later:
        begun = json.dumps(first["messages"])[:-1]
        assert json.dumps(body["messages"]).startswith(begun)
        assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]

    # They survive a reload, fill the composer and send nothing.
    await page.reload()
    await follow_ups(page).nth(1).click()
    await expect(composer(page)).to_have_value("How hot is it?")
    await expect(composer(page)).to_be_focused()
    await expect(questions(page)).to_have_count(1)

    # They go when a question is sent, and others come below its answer: not what was just asked.
    model.may_end = False
    await composer(page).press("Enter")
    await expect(questions(page)).to_have_count(2)
    await expect(follow_ups(page)).to_have_count(0)
    model.may_end = True
    await expect(follow_ups(page)).to_have_text(["Which wood?"])
    await expect(page.get_by_role("list", name="Questions to go on with")).to_have_count(1)
