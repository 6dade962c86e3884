from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from inference import catalog
from inference.types import PullProgress
from tests.doubles.upstream import Behaviour, FakeModel, Upstream
from webui.administration import problems
from webui.administration.downloads import DOWNLOADS, MAX_RUNNING, Download

PAGE = "/administration/models/"
GB = 10**9


@pytest.fixture(autouse=True)
def _built_in(upstream: Upstream, settings: Settings) -> Iterator[None]:
    settings.HEARTH_INFERENCE_URL = upstream.url
    yield
    for download in DOWNLOADS:
        DOWNLOADS.remove(download)
        assert download.wait(5)
    upstream.wait_until(lambda double: double.n_active == 0)


def text(browser: Client, path: str, data: dict[str, str] | None = None) -> str:
    response = browser.get(path) if data is None else browser.post(path, data)
    return str(response.content.decode())


def ended(download: Download) -> Download:
    assert download.wait(10), f"still running: {download}"
    return download


def test_only_administrators_see_and_change_models(alice_client: Client, upstream: Upstream) -> None:
    for path in ("", "list/", "memory/", "stores/", "downloads/", "uploads/", "calculator/"):
        assert alice_client.get(PAGE + path).status_code == 404
    for path in ("load/", "unload/", "runner/unload/", "delete/", "attach/", "pull/"):
        assert alice_client.post(PAGE + path, {"model": "tiny:latest", "path": "/x", "name": "x"}).status_code == 404

    assert upstream.requests == []
    assert list(DOWNLOADS) == []


def test_the_page_offers_the_ways_to_a_model(root_client: Client) -> None:
    page = text(root_client, PAGE)

    for action in ("pull/", "attach/"):
        assert f'action="{PAGE}{action}"' in page
    assert f'data-begin-url="{PAGE}uploads/begin/"' in page
    assert 'href="/administration/connections/add/"' in page


def test_models_are_listed_with_their_facts(root_client: Client) -> None:
    listed = text(root_client, f"{PAGE}list/")

    assert "tiny:latest" in listed
    assert "70B" in listed
    assert "Q4_K_M" in listed
    assert "context 128k" in listed
    assert "for documents" in listed


def test_a_dead_connection_is_named_where_models_are_listed(
    root_client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "is_in_container", lambda: False)
    with Upstream() as gone:
        settings.OLLAMA_BASE_URLS = [gone.url]

    listed = text(root_client, f"{PAGE}list/")

    assert "tiny:latest" in listed
    assert f"Nothing listens at 127.0.0.1:{gone.port}." in listed


def test_a_file_that_is_refused_is_named_with_the_reason(root_client: Client, upstream: Upstream) -> None:
    upstream.broken_files = [{"path": "/data/models/half.gguf", "error": "it ends <before> its tensors"}]

    listed = text(root_client, f"{PAGE}list/")

    assert "half.gguf" in listed
    assert "it ends &lt;before&gt; its tensors" in listed


def test_without_any_model_the_page_says_what_to_do(root_client: Client, upstream: Upstream) -> None:
    upstream.models.clear()

    assert "No model yet" in text(root_client, f"{PAGE}list/")


def test_the_verdict_stands_beside_each_model(root_client: Client, upstream: Upstream) -> None:
    smaller = {"context_length": 4096, "n_slots": 1, "weights_bytes": 6 * GB, "cache_bytes": GB, "work_bytes": 0}
    upstream.models = [
        FakeModel(name="small:latest", size_bytes=2 * GB),
        FakeModel(name="middle:latest", size_bytes=9 * GB, verdict={"best": smaller}),
        FakeModel(name="large:latest", size_bytes=40 * GB, verdict={"quantization": "Q3_K_M"}),
        FakeModel(name="giant:latest", size_bytes=400 * GB),
    ]
    upstream.memory_bytes = 8 * GB

    small, middle, large, giant = text(root_client, f"{PAGE}list/").split('<li class="list__item model')[1:]

    assert "Fits with a context of 8k; 4 answers at once" in small
    assert "weights 1.9\xa0GB" in small
    assert "Does not fit: needs 8.9\xa0GB of memory, 7.5\xa0GB are free" in middle
    assert "It fits with a context of 4k; 1 answer at once." in middle
    assert 'name="context" value="4096"' in middle
    assert 'name="slots" value="1"' in middle
    assert "The best version of it that fits is Q3_K_M." in large
    assert "No common quantization of it fits." in giant
    for out_of_reach in (large, giant):
        assert out_of_reach.startswith(" model--out")
        assert "load_model" not in out_of_reach
        assert "/models/load/" not in out_of_reach


def test_disk_and_memory_are_told(root_client: Client, upstream: Upstream) -> None:
    listed = text(root_client, f"{PAGE}list/")

    assert "11.2\xa0GB of models" in listed
    assert "83.8\xa0GB of 93.1\xa0GB disk free" in listed
    assert "7.5\xa0GB of 14.9\xa0GB memory free" in listed


@pytest.mark.parametrize(
    ("source", "words"), [("attached", "deleted where it lies"), ("ollama", "store"), ("embedded", "comes with Hearth")]
)
def test_what_is_not_ours_cannot_be_deleted_and_says_why(
    source: str, words: str, root_client: Client, upstream: Upstream
) -> None:
    upstream.models = [FakeModel(name="theirs:latest", source=source)]

    listed = text(root_client, f"{PAGE}list/")

    assert words in listed
    assert "/models/delete/" not in listed


def test_a_server_without_our_library_is_listed_all_the_same(root_client: Client, upstream: Upstream) -> None:
    """An Ollama behind HEARTH_INFERENCE_URL."""
    upstream.disk = {}
    upstream.memory_bytes = -1

    assert "tiny:latest" in text(root_client, f"{PAGE}list/")


def test_memory_is_shown_live_with_the_forecast_beside_it(root_client: Client, upstream: Upstream) -> None:
    assert "In memory" not in text(root_client, f"{PAGE}memory/")
    upstream.loaded.add("tiny:latest")

    response = root_client.get(f"{PAGE}memory/?seen=")
    shown = response.content.decode()

    assert "3.7\xa0GB taken, 3.7\xa0GB expected" in shown
    assert "Idle" in shown
    assert "stays until" in shown
    assert "data-live" in shown
    assert response.headers["HX-Trigger"] == "models-changed"
    assert "HX-Trigger" not in root_client.get(f"{PAGE}memory/?seen=tiny:latest%3Dready").headers


def test_the_memory_of_a_dead_server_is_simply_not_there(root_client: Client, settings: Settings) -> None:
    with Upstream() as gone:
        settings.HEARTH_INFERENCE_URL = gone.url

    assert "In memory" not in text(root_client, f"{PAGE}memory/")


def test_a_model_is_loaded_with_the_setting_that_fits(root_client: Client, upstream: Upstream) -> None:
    """In the place of what is kept for it that does not; the rest of that stays."""
    upstream.kept["tiny:latest"] = {"num_ctx": 32768, "num_parallel": 9, "kv_cache_type": "q8_0"}

    text(root_client, f"{PAGE}load/", {"model": "tiny:latest", "context": "2048", "slots": "1"})

    settings = upstream.last("/hearth/load").body["settings"]
    assert (settings["num_ctx"], settings["num_parallel"], settings["kv_cache_type"]) == (2048, 1, "q8_0")


def test_a_model_of_another_server_is_loaded_with_a_context(root_client: Client, upstream: Upstream) -> None:
    text(root_client, f"{PAGE}load/", {"model": "tiny:latest", "context": "2048"})

    assert upstream.last("/api/generate").body["options"] == {"num_ctx": 2048}


def test_unfinished_uploads_are_listed(root_client: Client, upstream: Upstream) -> None:
    upstream.uploads = [
        {"id": str(uuid.UUID(int=7)), "name": "a&b.gguf", "size_bytes": 4 * GB, "received_bytes": GB, "chunk_bytes": 9}
    ]

    shown = text(root_client, f"{PAGE}uploads/")

    assert "a&amp;b.gguf" in shown
    assert "953.7\xa0MB of 3.7\xa0GB" in shown
    assert f"/uploads/{uuid.UUID(int=7)}/remove/" in shown


def test_a_model_is_loaded_and_unloaded(root_client: Client, upstream: Upstream) -> None:
    assert "In memory" in text(root_client, f"{PAGE}load/", {"model": "tiny:latest"})
    assert upstream.loaded == {"tiny:latest"}

    assert "In memory" not in text(root_client, f"{PAGE}unload/", {"model": "tiny:latest"})
    assert upstream.loaded == set()


def test_a_model_that_two_connections_offer_is_unloaded_from_its_process(
    root_client: Client, upstream: Upstream, settings: Settings
) -> None:
    upstream.loaded.add("tiny:latest")
    with Upstream() as other:
        other.loaded.add("tiny:latest")
        settings.OLLAMA_BASE_URLS = [other.url]
        catalog.forget()
        assert 'hx-post="/administration/models/runner/unload/"' in text(root_client, f"{PAGE}memory/")

        listed = text(root_client, f"{PAGE}runner/unload/", {"model": "tiny:latest"})

        assert 'role="alert"' not in listed
        assert (upstream.loaded, other.loaded) == (set(), {"tiny:latest"})


def test_a_model_is_deleted(root_client: Client) -> None:
    assert "large:latest" not in text(root_client, f"{PAGE}delete/", {"model": "large:latest"})


@pytest.mark.parametrize("model", ["nobody:7b", ""])
def test_a_model_that_does_not_exist_is_told(model: str, root_client: Client) -> None:
    listed = text(root_client, f"{PAGE}load/", {"model": model})

    assert 'role="alert"' in listed
    assert "tiny:latest" in listed


def test_a_path_is_attached(root_client: Client) -> None:
    response = root_client.post(f"{PAGE}attach/", {"path": "/models/Llama.gguf"}, follow=True)

    assert "1 model is attached: llama:latest" in response.content.decode()


@pytest.mark.parametrize(("path", "words"), [("nowhere", "Nowhere does not exist"), ("", "This field is required.")])
def test_a_path_that_cannot_be_attached_is_told_beside_it(path: str, words: str, root_client: Client) -> None:
    response = root_client.post(f"{PAGE}attach/", {"path": path})

    assert response.status_code == 422
    assert words in response.content.decode()


def test_found_stores_are_offered_with_one_click(root_client: Client, upstream: Upstream) -> None:
    assert text(root_client, f"{PAGE}stores/").strip() == ""

    upstream.stores = [{"kind": "ollama", "path": "/usr/share/ollama/models", "n_models": 2, "size_bytes": 5_000_000}]
    offered = text(root_client, f"{PAGE}stores/")

    assert 'name="path" value="/usr/share/ollama/models"' in offered
    assert "2 models" in offered


def test_attaching_from_the_empty_chat_leads_back_to_it(root_client: Client, upstream: Upstream) -> None:
    upstream.stores = [{"kind": "ollama", "path": "/usr/share/ollama/models", "n_models": 2, "size_bytes": 5_000_000}]

    offered = text(root_client, f"{PAGE}stores/?then=chat")
    response = root_client.post(f"{PAGE}attach/", {"path": "/models/Llama.gguf", "then": "chat"})

    assert 'name="then" value="chat"' in offered
    assert response.headers["Location"] == "/"


def test_stores_of_a_dead_server_are_simply_not_there(root_client: Client, settings: Settings) -> None:
    with Upstream() as gone:
        settings.HEARTH_INFERENCE_URL = gone.url

    response = root_client.get(f"{PAGE}stores/")

    assert response.status_code == 200
    assert response.content.decode().strip() == ""


def test_a_download_goes_on_without_its_page(root_client: Client, upstream: Upstream) -> None:
    response = root_client.post(f"{PAGE}pull/", {"name": "qwen3:4b"})

    (download,) = DOWNLOADS
    assert response.status_code == 302
    assert ended(download).state == "finished"
    assert download.percent == 100
    assert "qwen3:4b" in text(root_client, f"{PAGE}list/")
    assert "Finished" in text(root_client, f"{PAGE}downloads/")


def test_a_running_download_shows_how_far_it_is(root_client: Client, upstream: Upstream) -> None:
    upstream.behaviour = Behaviour(rate=0.1)
    upstream.pull_steps = [
        {"status": "pulling 1a2b", "total": 4_000_000, "completed": 1_000_000},
        {"status": "success"},
    ]

    download = DOWNLOADS.start("qwen3:4b")
    upstream.wait_until(lambda double: double.n_active == 1 and download.total_bytes > 0)
    shown = text(root_client, PAGE)

    assert 'value="25"' in shown
    assert 'hx-trigger="every 1s"' in shown


def test_a_cancelled_download_stops_the_server(root_client: Client, upstream: Upstream) -> None:
    upstream.behaviour = Behaviour(rate=0.1)
    download = DOWNLOADS.start("qwen3:4b")
    upstream.wait_until(lambda double: double.n_active == 1)

    shown = text(root_client, f"{PAGE}downloads/{download.uuid}/cancel/", {})

    upstream.wait_until(lambda double: double.n_aborted == 1)
    assert "Cancelled" in shown
    assert 'hx-trigger="every 1s"' not in shown


def test_a_download_that_fails_tells_why_and_can_be_tried_again(root_client: Client, upstream: Upstream) -> None:
    upstream.pull_steps = [{"status": "pulling manifest"}, {"error": "not enough disk space"}]
    ended(DOWNLOADS.start("qwen3:4b"))

    shown = text(root_client, f"{PAGE}downloads/")

    assert "not enough disk space" in shown
    assert "Try again" in shown


def test_a_download_whose_server_ends_has_failed(upstream: Upstream) -> None:
    upstream.pull_steps = [{"status": "pulling manifest"}]

    assert ended(DOWNLOADS.start("qwen3:4b")).state == "failed"


def test_an_ended_download_is_taken_off_the_page(root_client: Client) -> None:
    download = ended(DOWNLOADS.start("qwen3:4b"))

    assert "qwen3:4b" not in text(root_client, f"{PAGE}downloads/{download.uuid}/remove/", {})
    assert root_client.post(f"{PAGE}downloads/{download.uuid}/remove/").status_code == 404


def test_the_list_of_models_is_renewed_when_a_download_has_finished(root_client: Client) -> None:
    ended(DOWNLOADS.start("qwen3:4b"))

    assert root_client.get(f"{PAGE}downloads/?finished=0").headers["HX-Trigger"] == "models-changed"
    assert "HX-Trigger" not in root_client.get(f"{PAGE}downloads/?finished=1").headers


def test_the_same_model_is_downloaded_once_at_a_time(upstream: Upstream) -> None:
    upstream.behaviour = Behaviour(rate=0.1)

    assert DOWNLOADS.start("qwen3:4b") is DOWNLOADS.start("qwen3:4b")
    upstream.wait_until(lambda double: double.n_active == 1)


def test_only_some_downloads_run_at_once(root_client: Client, upstream: Upstream) -> None:
    upstream.behaviour = Behaviour(rate=0.1)
    for number in range(MAX_RUNNING):
        DOWNLOADS.start(f"model:{number}b")
    upstream.wait_until(lambda double: double.n_active == MAX_RUNNING)

    response = root_client.post(f"{PAGE}pull/", {"name": "one-more"})

    assert response.status_code == 422
    assert "Wait until one of the running downloads has ended." in response.content.decode()


def test_a_new_try_takes_the_place_of_the_failed_one(root_client: Client, upstream: Upstream) -> None:
    upstream.pull_steps = [{"error": "not enough disk space"}]
    ended(DOWNLOADS.start("qwen3:4b"))
    upstream.pull_steps = []

    again = ended(DOWNLOADS.start("qwen3:4b"))

    assert list(DOWNLOADS) == [again]
    assert again.state == "finished"


def test_a_page_that_stays_gets_its_downloads_in_place(root_client: Client, upstream: Upstream) -> None:
    headers = {"HX-Request": "true"}
    started = root_client.post(f"{PAGE}pull/", {"name": "qwen3:4b"}, headers=headers).content.decode()
    refused = root_client.post(f"{PAGE}pull/", {"name": ""}, headers=headers).content.decode()

    assert 'id="pull-form"' in started
    assert 'hx-swap-oob="true"' in started
    assert "qwen3:4b" in started
    assert "This field is required." in refused


def test_speed_and_time_left_are_those_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    download = Download("x")

    def come(at: float, completed: int) -> None:
        nonlocal now
        now = at
        download._take(PullProgress(status="pulling a", total_bytes=1000, completed_bytes=completed))

    come(0, 400)  # Was there before: it did not come over the line.
    assert (download.speed_bytes_s, download.remaining_s) == (None, None)
    come(2, 440)
    assert (download.speed_bytes_s, download.remaining_s) == (20, 28)
    come(20, 800)
    come(22, 900)
    assert (download.speed_bytes_s, download.remaining_s) == (50, 2)
    now = 30.0
    come(40, 900)
    come(51, 900)
    assert (download.speed_bytes_s, download.remaining_s) == (0, None)


def test_progress_never_goes_back() -> None:
    download = Download("x")
    for done in (10, 60, 30, None, 90, 900):
        download._take(PullProgress(status="pulling a", total_bytes=100, completed_bytes=done))
        assert download.completed_bytes >= min(done or 0, 100)
    assert download.percent == 100


def test_the_context_s_share_is_told_beside_the_memory_and_a_card_s_where_there_is_one(
    root_client: Client, upstream: Upstream
) -> None:
    upstream.loaded.add("tiny:latest")

    assert "476.8\xa0MB of it for the context" in text(root_client, f"{PAGE}memory/")
    assert "graphics card" not in text(root_client, f"{PAGE}memory/")

    upstream.card_bytes = 3 * GB
    assert "2.8\xa0GB on the graphics card" in text(root_client, f"{PAGE}memory/")
