"""Answers read aloud while they are written, and spoken words: with the sound that a browser plays and hears."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

from tests.doubles.sounds import wav
from tests.doubles.upstream import Behaviour, FakeModel, Upstream
from tests.doubles.voice_server import VoiceServer
from tests.e2e.chatting import answer_is_finished, answers, ask, ask_and_wait, composer, questions
from tests.e2e.conftest import PASSWORD, OpenBrowser, chromium_path, signed_in_state
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

ANSWER = """Good morning, Dr. Who. It is **warm** today, 21.5 degrees [1].

今天天气很好。我们去公园吧！

```python
print("never said")
```

1. Take a coat.
2. See https://example.org/weather for more.

| Day | Degrees |
| --- | --- |
| Monday | 20 |
"""
TALK = ((1.0, 0.0), (2.0, 0.5), (30.0, 0.0))
"""A second of silence, two of a voice, and silence."""

# What the page does, and how loud its microphone is, by the same clock. The product has no part in it.
STAMPS = """
window.stamps = { loud: 0, sent: [] };
const getUserMedia = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (getUserMedia) navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await getUserMedia(wanted);
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 256 });
  context.createMediaStreamSource(stream.clone()).connect(analyser);
  const samples = new Float32Array(256);
  setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    if (Math.max(...samples.map(Math.abs)) > 0.05) window.stamps.loud = performance.now();
  }, 5);
  return stream;
};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (String(data).includes("message.sent")) window.stamps.sent.push(performance.now());
  send.call(this, data);
};
"""


@pytest.fixture(scope="module")
def voices() -> Iterator[VoiceServer]:
    with VoiceServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _well_behaved(voices: VoiceServer) -> None:
    voices.spoken.clear()
    voices.heard.clear()
    voices.fault, voices.delay_s, voices.seconds = "", 0, 0.3


@pytest.fixture(scope="module")
def model() -> Iterator[Upstream]:
    with Upstream(models=[FakeModel(name="tiny:latest")]) as upstream:
        upstream.behaviour = Behaviour(answer=ANSWER)
        yield upstream


@pytest.fixture(scope="module")
def voice_site(model: Upstream, built_in: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(
        tmp_path_factory.mktemp("voice") / "data",
        model_url=model.url,
        built_in_url=built_in.url,
        HEARTH_ADMIN_EMAIL="root@example.org",
        HEARTH_ADMIN_PASSWORD=PASSWORD,
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def state(voice_site: Site, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return await signed_in_state(browser, voice_site, tmp_path_factory.mktemp("root"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def voice_state(voice_site: Site, state: Path, browser: Browser, voices: VoiceServer) -> Path:
    """The administrator's cookies, once both servers are entered."""
    context = await browser.new_context(base_url=voice_site.url, storage_state=state)
    page = await context.new_page()
    for task, model_name in (("speak", "tts-1"), ("transcribe", "whisper-1")):
        await page.goto("/administration/voice/")
        card = page.locator(f"#voice-{task}")
        await card.get_by_label("Address").fill(voices.url)
        await card.get_by_label("Model").fill(model_name)
        if task == "speak":
            await card.get_by_label("Voices").fill("alloy, nova")
        await card.get_by_role("button", name="Save").click()
        await expect(card.get_by_text("In use")).to_be_visible()
    await context.close()
    return state


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_browser: OpenBrowser, voice_site: Site, voice_state: Path) -> Page:
    context = await open_browser(url=voice_site.url, storage_state=voice_state, expected_statuses={502})
    opened = await context.new_page()
    await opened.goto("/")
    return opened


@pytest_asyncio.fixture(loop_scope="session")
async def talker(
    voice_site: Site, voice_state: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[BrowserContext]:
    """A browser whose microphone hears a voice and then silence."""
    file = tmp_path_factory.mktemp("talk") / "talk.wav"
    file.write_bytes(wav(TALK, rate=48_000))
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=chromium_path(),
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={file}%noloop",
            ],
        )
        context = await started.new_context(
            base_url=voice_site.url, storage_state=voice_state, service_workers="block", permissions=["microphone"]
        )
        await context.add_init_script(STAMPS)
        yield context
        await started.close()


def bar(page: Page) -> Locator:
    return page.locator("chat-reader")


def read(page: Page) -> Locator:
    return answers(page).last.get_by_role("button", name="Read aloud")


async def prefer(page: Page, **boxes: bool) -> None:
    """Set what somebody wants of voices."""
    await page.goto("/speech/")
    for name, is_wanted in boxes.items():
        await page.locator(f"input[name={name}]").set_checked(is_wanted)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await page.goto("/")


async def test_reading_begins_before_the_answer_is_finished(page: Page, model: Upstream, voices: VoiceServer) -> None:
    model.may_end = False
    await ask(page, "What is it like outside?")
    await expect(answers(page).last).to_contain_text("Good morning")

    await read(page).click()
    await voices.wait_until_async(lambda server: len(server.spoken) > 1, timeout_s=10)

    assert model.n_active == 1
    assert voices.texts[0] == "Good morning, Dr. Who."
    await expect(bar(page)).to_be_visible()

    model.may_end = True
    await answer_is_finished(page)
    await expect(bar(page)).to_be_hidden(timeout=20_000)
    assert voices.texts == [
        "Good morning, Dr. Who.",
        "It is warm today, 21.5 degrees.",
        "今天天气很好。 我们去公园吧！",
        "Take a coat.",
        "See for more.",
        "Day, Degrees",
        "Monday, 20",
    ]
    assert {spoken.voice for spoken in voices.spoken} == {"alloy"}


async def test_the_next_piece_is_fetched_while_one_is_heard_and_stop_stops(page: Page, voices: VoiceServer) -> None:
    voices.seconds = 30
    await ask_and_wait(page, "What is it like outside?")

    await read(page).click()
    await voices.wait_until_async(lambda server: len(server.spoken) == 2, timeout_s=10)

    await expect(read(page)).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("[...CSS.highlights.get('spoken')].map(String)") == ["Good morning, Dr. Who."]
    await bar(page).get_by_role("button", name="Stop reading").click()
    await expect(bar(page)).to_be_hidden()
    await expect(read(page)).to_have_attribute("aria-pressed", "false")
    await expect(read(page)).to_be_focused()
    assert not await page.evaluate("CSS.highlights.has('spoken')")

    await read(page).press("Enter")
    await expect(bar(page)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(bar(page)).to_be_hidden()
    assert len(voices.spoken) <= 4


async def test_a_voice_server_that_fails_is_told_where_one_is(page: Page, voices: VoiceServer) -> None:
    await ask_and_wait(page, "What is it like outside?")
    voices.fault = "status"

    await read(page).click()

    await expect(page.get_by_text("The voice server refuses. Tell your administrator.")).to_be_visible()
    await expect(bar(page)).to_be_hidden()


async def test_answers_are_read_by_themselves_to_those_who_want_it(page: Page, voices: VoiceServer) -> None:
    await prefer(page, reads_aloud=True)

    await ask(page, "What is it like outside?")

    await voices.wait_until_async(lambda server: "Monday, 20" in server.texts, timeout_s=20)
    await prefer(page, reads_aloud=False)


async def test_without_a_server_the_browser_reads(open_browser: OpenBrowser, site: Site, alice_state: Path) -> None:
    context = await open_browser(storage_state=alice_state)
    # This browser has no voices: what it would say is noted instead.
    await context.add_init_script("""
        window.said = [];
        speechSynthesis.speak = (utterance) => {
          window.said.push([utterance.text, utterance.lang]);
          setTimeout(() => utterance.dispatchEvent(new Event("end")), 10);
        };
    """)
    page = await context.new_page()
    await page.goto("/")
    await ask_and_wait(page, "First sentence. 第二句。 @fake mode=echo")

    await read(page).click()

    await page.wait_for_function("() => said.length >= 2")
    assert (await page.evaluate("said"))[:2] == [["First sentence.", "en"], ["第二句。 @fake mode=echo", "zh-CN"]]
    await expect(bar(page)).to_be_hidden()


async def test_without_a_server_the_browser_writes_down(
    open_browser: OpenBrowser, site: Site, alice_state: Path
) -> None:
    context = await open_browser(storage_state=alice_state)
    # What a browser with recognition would understand; this one has none that works without its maker.
    await context.add_init_script("""
        window.SpeechRecognition = class {
          start() { setTimeout(() => this.onresult({ results: [[{ transcript: "What burns?" }]] }), 20); }
          stop() { this.onend(); }
          abort() {}
        };
    """)
    page = await context.new_page()
    await page.goto("/")

    await page.get_by_role("button", name="Dictate").click()
    await expect(page.get_by_text("Your browser writes this down, and may send the sound to its maker")).to_be_visible()
    await expect(page.get_by_text("What burns?")).to_be_visible()
    await page.get_by_role("button", name="Done").click()

    await expect(composer(page)).to_have_value("What burns?")
    await expect(questions(page)).to_have_count(0)


async def test_three_seconds_of_silence_send_what_was_said(talker: BrowserContext, voices: VoiceServer) -> None:
    page = await talker.new_page()
    await prefer(page, sends_dictation=True)
    voices.words = "What is the weather like?"

    await page.get_by_role("button", name="Dictate").click()
    await expect(page.get_by_text("Listening")).to_be_visible()
    await expect(questions(page)).to_have_text(re.compile("What is the weather like"), timeout=20_000)

    stamps: dict[str, Any] = await page.evaluate("stamps")
    assert len(stamps["sent"]) == 1
    assert stamps["sent"][0] - stamps["loud"] == pytest.approx(3000, abs=300)
    (heard,) = voices.heard
    assert (heard.name, heard.media_type) == ("recording.webm", "audio/webm")
    await expect(page.locator("[data-dictation]")).to_be_hidden()
    await prefer(page, sends_dictation=False)


async def test_words_come_where_the_caret_is_and_wait(talker: BrowserContext, voices: VoiceServer) -> None:
    page = await talker.new_page()
    await page.goto("/")
    await composer(page).fill("Tell me now.")
    await composer(page).evaluate("area => area.setSelectionRange(7, 7)")
    voices.words = "about stoves"

    button = page.get_by_role("button", name="Dictate")
    await button.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => stamps.loud > 0")
    await expect(button).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="Done").click()

    await expect(composer(page)).to_have_value("Tell me about stoves now.")
    await expect(composer(page)).to_be_focused()
    await expect(questions(page)).to_have_count(0)


async def test_held_talk_ends_with_the_press_and_escape_forgets_it(talker: BrowserContext, voices: VoiceServer) -> None:
    page = await talker.new_page()
    await page.goto("/")
    voices.words = "held"
    button = page.get_by_role("button", name="Dictate")

    await button.hover()
    await page.mouse.down()
    await page.wait_for_function("() => stamps.loud > 0")
    await page.mouse.up()
    await expect(composer(page)).to_have_value("held")

    await button.click()
    await expect(page.get_by_text("Listening")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-dictation]")).to_be_hidden()
    await expect(composer(page)).to_have_value("held")
    assert len(voices.heard) == 1


async def test_each_trouble_is_said_at_the_field(
    talker: BrowserContext, open_browser: OpenBrowser, voice_site: Site, voice_state: Path, voices: VoiceServer
) -> None:
    notice = "chat-composer [data-notice]"
    page = await talker.new_page()
    await page.goto("/")
    voices.fault, voices.status = "status", 500
    await page.get_by_role("button", name="Dictate").click()
    await page.get_by_role("button", name="Done").click()
    await expect(page.locator(notice)).to_have_text("The voice server refuses. Tell your administrator.")

    # A browser without a microphone, and one that is let in over plain http.
    context = await open_browser(url=voice_site.url, storage_state=voice_state)
    silent = await context.new_page()
    await silent.goto("/")
    await silent.get_by_role("button", name="Dictate").click()
    await expect(silent.locator(notice)).to_have_text(re.compile("No microphone was found|does not let this page"))
    await silent.evaluate("Object.defineProperty(window, 'isSecureContext', { value: false })")
    await silent.get_by_role("button", name="Dictate").click()
    await expect(silent.locator(notice)).to_have_text(re.compile("pages under https only"))


async def test_an_administrator_hears_a_server_before_it_is_kept(
    open_browser: OpenBrowser, voice_site: Site, state: Path, voices: VoiceServer
) -> None:
    context = await open_browser(url=voice_site.url, storage_state=state)
    page = await context.new_page()
    await page.goto("/administration/voice/")
    card = page.locator("#voice-speak")
    await card.get_by_label("Address").fill(voices.url)
    await card.get_by_label("Model").fill("tts-1")
    await card.get_by_label("Voices").fill("nova")

    await card.get_by_role("button", name="Try it").click()
    await expect(card.get_by_text("It works. Did you hear it?")).to_be_visible()
    assert voices.spoken[-1].voice == "nova"

    voices.fault, voices.status = "status", 401
    await card.get_by_role("button", name="Try it").click()
    await expect(card.get_by_role("alert")).to_contain_text("The key is not accepted.")
