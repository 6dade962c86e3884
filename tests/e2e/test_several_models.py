"""Asking several models at once, as a person does it in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from tests.doubles.upstream import Behaviour, Upstream
from tests.e2e.chatting import answer_is_finished, answers, ask, ask_and_wait, composer, overflow
from tests.e2e.conftest import DESKTOP, PHONE

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def behaviours(models: Upstream) -> Iterator[dict[str, Behaviour]]:
    """How single models behave, for one test."""
    models.by_model = {}
    yield models.by_model
    models.by_model = {}


async def pick_both(page: Page) -> None:
    picker = page.get_by_role("button", name="Model", exact=True)
    await picker.click()
    await page.get_by_role("option", name="tiny:latest").click()
    await picker.click()
    await page.get_by_role("button", name="Add another model").click()
    await page.get_by_role("option", name="large:latest").click()
    await page.get_by_role("combobox", name="Find a model").fill("tiny")
    await page.keyboard.press("Escape")
    await expect(picker).to_contain_text("tiny:latest, large:latest")


def column(page: Page, model: str) -> Locator:
    return page.locator("[data-columns] chat-message").filter(has=page.get_by_role("heading", name=model))


async def test_two_models_answer_side_by_side_and_one_fails(page: Page, behaviours: dict[str, Behaviour]) -> None:
    behaviours["tiny:latest"] = Behaviour(tokens=400, rate=20)
    behaviours["large:latest"] = Behaviour(fault="status")
    await pick_both(page)

    await ask(page, "Who is right?")

    await expect(column(page, "large:latest").locator(".message__error")).to_be_visible()
    await expect(column(page, "tiny:latest").locator("[data-tail], [data-blocks]").first).to_be_attached()
    await expect(column(page, "tiny:latest")).to_contain_text("The model answers")
    tiny = await column(page, "tiny:latest").bounding_box()
    large = await column(page, "large:latest").bounding_box()
    assert tiny and large
    assert tiny["x"] + tiny["width"] <= large["x"]
    assert tiny["y"] == large["y"]

    await column(page, "tiny:latest").get_by_role("button", name="Stop this answer").click()

    await answer_is_finished(page)
    await expect(column(page, "tiny:latest")).to_contain_text("Stopped")
    await expect(column(page, "tiny:latest").get_by_role("button", name="Continue with this one")).to_be_visible()


async def test_both_are_there_after_a_reload_in_the_middle(page: Page, behaviours: dict[str, Behaviour]) -> None:
    behaviours["tiny:latest"] = Behaviour(tokens=60, rate=30)
    behaviours["large:latest"] = Behaviour(tokens=60, rate=30)
    await pick_both(page)
    await ask(page, "Who is right?")
    await expect(column(page, "tiny:latest")).to_contain_text("The model")

    await page.reload()

    await expect(page.locator("[data-columns] chat-message")).to_have_count(2)
    await answer_is_finished(page)
    for model in ("tiny:latest", "large:latest"):
        await expect(column(page, model)).to_contain_text("60 tokens")
    await expect(page.get_by_role("button", name="Model", exact=True)).to_contain_text("tiny:latest, large:latest")


async def test_the_chosen_answer_continues_and_the_others_come_back(
    page: Page, behaviours: dict[str, Behaviour]
) -> None:
    behaviours["tiny:latest"] = Behaviour(answer="From tiny.")
    behaviours["large:latest"] = Behaviour(answer="From large.")
    await pick_both(page)
    await ask(page, "Who is right?")
    await answer_is_finished(page)

    await column(page, "large:latest").get_by_role("button", name="Continue with this one").click()

    await expect(page.locator("[data-columns]")).to_have_count(0)
    await expect(answers(page)).to_have_count(1)
    await expect(answers(page)).to_contain_text("From large.")
    await expect(answers(page)).to_contain_text("2/2")
    await page.get_by_role("button", name="Previous version").click()
    await expect(answers(page)).to_contain_text("From tiny.")

    await answers(page).hover()
    await page.get_by_role("button", name="Side by side").click()

    await expect(column(page, "tiny:latest")).to_contain_text("From tiny.")
    await expect(column(page, "large:latest")).to_contain_text("From large.")


async def test_on_a_phone_the_answers_stand_below_each_other(page: Page, behaviours: dict[str, Behaviour]) -> None:
    behaviours["tiny:latest"] = Behaviour(answer="A long answer. " * 6)
    behaviours["large:latest"] = Behaviour(answer="From large.")
    await pick_both(page)
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await ask(page, "Who is right?")
    await answer_is_finished(page)

    assert await overflow(page) <= 0
    upper, lower = [await column(page, model).bounding_box() for model in ("tiny:latest", "large:latest")]
    assert upper and lower
    assert lower["y"] >= upper["y"] + upper["height"]
    assert lower["x"] + lower["width"] <= PHONE[0]
    await page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


async def test_one_model_is_asked_again_after_several(page: Page, models: Upstream) -> None:
    await pick_both(page)
    await page.get_by_role("button", name="Model", exact=True).click()
    await page.get_by_role("button", name="Ask one model only").click()
    await page.keyboard.press("Escape")

    await ask_and_wait(page, "And you? @fake tokens=2")

    await expect(answers(page)).to_have_count(1)
    assert models.last("/api/chat").body["model"] == "tiny:latest"
    await expect(composer(page)).to_be_focused()


async def test_a_message_to_one_model_goes_to_that_one_alone(page: Page, models: Upstream) -> None:
    await pick_both(page)

    await composer(page).press_sequentially("@lar")
    await page.get_by_role("option", name="large:latest").click()
    await expect(composer(page)).to_have_value("@large:latest ")
    await composer(page).press_sequentially("What do you say? @fake tokens=2")
    await composer(page).press("Enter")
    await answer_is_finished(page)

    await expect(page.locator("[data-columns]")).to_have_count(0)
    await expect(answers(page)).to_contain_text("large:latest")
    await expect(page.locator("chat-message.message--user")).not_to_contain_text("@large")
    assert models.last("/api/chat").body["model"] == "large:latest"
    await expect(page.get_by_role("button", name="Model", exact=True)).to_contain_text("tiny:latest, large:latest")


async def test_answers_are_merged_into_one_that_continues(page: Page, behaviours: dict[str, Behaviour]) -> None:
    behaviours["tiny:latest"] = Behaviour(answer="Oak burns long.")
    behaviours["large:latest"] = Behaviour(answer="Ash burns hot.")
    await pick_both(page)
    await ask(page, "What burns well?")
    await answer_is_finished(page)

    await page.get_by_role("button", name="Merge into one answer").click()
    panel = page.get_by_role("complementary", name="Merge the answers")
    await panel.get_by_role("checkbox", name="tiny:latest").uncheck()
    await panel.get_by_role("button", name="Merge").click()
    await expect(panel.get_by_text("Choose two answers at least.")).to_be_visible()
    await panel.get_by_role("checkbox", name="tiny:latest").check()
    await panel.get_by_label("Written by").select_option("large:latest")
    behaviours["large:latest"] = Behaviour(answer="Oak burns long, ash hot.")
    await panel.get_by_role("button", name="Merge").click()

    await expect(page.locator("[data-columns]")).to_have_count(0)
    await expect(answers(page)).to_contain_text("Oak burns long, ash hot.")
    await expect(answers(page)).to_contain_text("Merged from the answers of tiny:latest, large:latest")
    await expect(answers(page)).to_contain_text("3/3")
    await expect(panel).to_be_hidden()
