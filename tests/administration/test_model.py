"""The page of one model, with a double in the place of the model server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from inference.types import ModelChange, ModelContents
from tests.doubles.upstream import FakeModel, Upstream
from webui.administration.model_texts import ModelTextsForm

PAGE = "/administration/models/model/"
SAVE = f"{PAGE}save/"
CONTENTS = {
    "layers": [
        {"kind": "model", "digest": "sha256:aa", "size_bytes": 4_000_000_000},
        {"kind": "license", "digest": "sha256:bb", "size_bytes": 3, "text": "Do <b>what</b> you like."},
    ],
    "files": [{"kind": "model", "path": "/models/store/blobs/sha256-aa", "size_bytes": 4_000_000_000}],
    "n_tensors": 291,
    "keys": [
        {"key": "fake.context_length", "value": "8192"},
        {"key": "tokenizer.ggml.tokens", "value": "a, b", "n_items": 151_936},
        {"key": "tokenizer.chat_template", "value": "{% for", "n_characters": 3812},
    ],
    "template": "{{ messages }}",
    "template_from": "file",
    "system": "Be kind.",
    "parameters": {"temperature": 0.7, "stop": ["\n\nUser:", "<|end|>"], "num_ctx": 4096, "mirostat": 2},
    "messages": [{"role": "user", "content": "Who are you?"}],
}
TEXTS = {
    "model": "tiny:latest",
    "name": "tiny:latest",
    "system": "Be kind.",
    "temperature": "0.7",
    "stop": "\\n\\nUser:\r\n<|end|>",
    "further": "num_ctx 4096\r\nmirostat 2",
    "template": "{{ messages }}",
}


@pytest.fixture(autouse=True)
def _built_in(upstream: Upstream, settings: Settings) -> Iterator[None]:
    settings.HEARTH_INFERENCE_URL = upstream.url
    upstream.models = [FakeModel(name="tiny:latest", contents=CONTENTS), FakeModel(name="other:latest")]
    yield


def shown(browser: Client, model: str = "tiny:latest") -> str:
    return str(browser.get(PAGE, {"model": model}).content.decode())


def created(upstream: Upstream) -> dict[str, Any]:
    return upstream.last("/api/create").body


def test_only_administrators_see_a_model_and_change_it(alice_client: Client, upstream: Upstream) -> None:
    assert alice_client.get(PAGE, {"model": "tiny:latest"}).status_code == 404
    assert alice_client.post(SAVE, TEXTS).status_code == 404
    assert upstream.requests == []


def test_the_list_leads_to_each_model_of_the_built_in_server(root_client: Client, upstream: Upstream) -> None:
    upstream.models = [FakeModel(name="hf.co/alice/Small-GGUF:Q8_0")]

    listed = root_client.get("/administration/models/list/").content.decode()

    assert f'href="{PAGE}?model=hf.co%2Falice%2FSmall-GGUF%3AQ8_0"' in listed


def test_layers_keys_and_texts_are_shown(root_client: Client) -> None:
    page = shown(root_client)

    for words in ("sha256:aa", "sha256:bb", "3.7\xa0GB", "Do &lt;b&gt;what&lt;/b&gt; you like.", "Who are you?"):
        assert words in page
    assert "151936 items in all" in page
    assert "cut, 3812 characters in all" in page
    assert "3 keys, 291 tensors" in page
    assert "\\n\\nUser:\n&lt;|end|&gt;</textarea>" in page
    assert "num_ctx 4096\nmirostat 2</textarea>" in page


def test_a_model_that_is_not_there_is_told(root_client: Client) -> None:
    response = root_client.get(PAGE, {"model": "nobody:7b"})

    assert response.status_code == 404
    assert "There is no model “nobody:7b”." in response.content.decode()
    assert root_client.get(PAGE).status_code == 404


def test_a_dead_server_is_told(root_client: Client, settings: Settings) -> None:
    with Upstream() as gone:
        settings.HEARTH_INFERENCE_URL = gone.url

    response = root_client.get(PAGE, {"model": "tiny:latest"})

    assert response.status_code == 502
    assert 'role="alert"' in response.content.decode()


def test_saving_sends_what_differs_and_nothing_else(root_client: Client, upstream: Upstream) -> None:
    texts = TEXTS | {
        "system": "Be brief.\r\nAlways.",
        "temperature": "0.2",
        "stop": "<|end|>",
        "further": "num_ctx 8192",
    }

    response = root_client.post(SAVE, texts)

    assert response.headers["Location"] == f"{PAGE}?model=tiny%3Alatest"
    assert created(upstream) == {
        "model": "tiny:latest",
        "from": "tiny:latest",
        "system": "Be brief.\nAlways.",
        "parameters": {"temperature": 0.2, "stop": ["<|end|>"], "num_ctx": 8192},
        "hearth": {"remove": ["mirostat"]},
        "stream": True,
    }


def test_saving_without_a_change_keeps_every_text_as_it_is(root_client: Client, upstream: Upstream) -> None:
    root_client.post(SAVE, TEXTS)

    assert created(upstream) == {"model": "tiny:latest", "from": "tiny:latest", "stream": True}


def test_what_is_emptied_is_removed(root_client: Client, upstream: Upstream) -> None:
    root_client.post(SAVE, {"model": "tiny:latest", "name": "tiny:latest"})

    removed = {"system", "template", "temperature", "stop", "num_ctx", "mirostat"}
    assert set(created(upstream)["hearth"]["remove"]) == removed
    assert set(created(upstream)) == {"model", "from", "hearth", "stream"}


def test_another_name_makes_another_model(root_client: Client, upstream: Upstream) -> None:
    response = root_client.post(SAVE, TEXTS | {"name": "kind"}, follow=True)

    assert (created(upstream)["model"], created(upstream)["from"]) == ("kind", "tiny:latest")
    assert "kind is saved." in response.content.decode()


@pytest.mark.parametrize("name", ["other", "OTHER:latest", ""])
def test_another_model_is_never_replaced(name: str, root_client: Client, upstream: Upstream) -> None:
    response = root_client.post(SAVE, TEXTS | {"name": name, "system": "Typed for an hour."})

    assert response.status_code == 422
    assert "Typed for an hour." in response.content.decode()
    assert "/api/create" not in upstream.paths()


@pytest.mark.parametrize(
    ("source", "words"), [("ollama", "Ollama&#x27;s store"), ("attached", "attached"), ("folder", "plain file")]
)
def test_what_is_not_ours_to_change_becomes_a_model_of_a_new_name(
    source: str, words: str, root_client: Client, upstream: Upstream
) -> None:
    upstream.models = [FakeModel(name="tiny:latest", source=source, contents=CONTENTS)]

    assert words in shown(root_client)
    assert 'value="tiny-own"' in shown(root_client)
    assert root_client.post(SAVE, TEXTS).status_code == 422
    assert "/api/create" not in upstream.paths()
    assert root_client.post(SAVE, TEXTS | {"name": "tiny-own"}).status_code == 302


@pytest.mark.parametrize(
    ("error", "field"),
    [
        ('option "temperature" must be between 0 and 100', "temperature"),
        ('option "num_batch" must be of type integer', "further"),
        ("template error: unexpected EOF", "template"),
        ("no space left on the disk", "name"),
        ('Option "top_k" must be of type integer', "top_k"),
    ],
)
def test_what_the_server_refuses_stands_beside_its_field(
    error: str, field: str, root_client: Client, upstream: Upstream
) -> None:
    upstream.create_steps = [{"error": error}]

    response = root_client.post(SAVE, TEXTS | {"system": "Typed for an hour."})

    page = response.content.decode()
    assert response.status_code == 422
    beside = page.split(f'id="texts-{field}_error"')[1].split("</div>")[0]
    assert error.replace('"', "&quot;")[1:] in beside
    assert "Typed for an hour." in page


def test_a_page_that_stays_gets_its_form_again_or_is_sent_on(root_client: Client, upstream: Upstream) -> None:
    headers = {"HX-Request": "true"}
    refused = root_client.post(SAVE, TEXTS | {"name": "other", "system": "Typed for an hour."}, headers=headers)
    saved = root_client.post(SAVE, TEXTS, headers=headers)

    assert refused.content.decode().lstrip().startswith('<form class="card card--roomy" id="texts"')
    assert "Typed for an hour." in refused.content.decode()
    assert saved.headers["HX-Redirect"] == f"{PAGE}?model=tiny%3Alatest"


def test_what_somebody_else_has_saved_meanwhile_is_not_overwritten_unseen(
    root_client: Client, upstream: Upstream
) -> None:
    seen = {"digest": "1" * 64}
    upstream.models = [FakeModel(name="tiny:latest", contents=CONTENTS | {"digest": "2" * 64})]

    response = root_client.post(SAVE, TEXTS | seen | {"system": "Typed for an hour."})
    page = response.content.decode()

    assert response.status_code == 422
    assert "Somebody has changed this model meanwhile." in page
    assert "Typed for an hour." in page
    assert "/api/create" not in upstream.paths()
    assert f'name="digest" value="{"2" * 64}"' in page
    assert root_client.post(SAVE, TEXTS | {"digest": "2" * 64}).status_code == 302


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("further", "num_ctx", "is no name with a value"),
        ("further", "temperature 1", "has a field of its own"),
        ("temperature", "warm", "Enter a number."),
    ],
)
def test_what_cannot_be_read_is_told_beside_its_field(field: str, typed: str, words: str, root_client: Client) -> None:
    response = root_client.post(SAVE, TEXTS | {field: typed})

    assert response.status_code == 422
    assert words in response.content.decode()


def test_a_model_that_embeds_has_no_texts_to_change(root_client: Client, upstream: Upstream) -> None:
    upstream.models = [FakeModel(name="tiny:latest", capabilities=("embedding",), contents=CONTENTS)]

    assert "How it answers" not in shown(root_client)
    assert root_client.post(SAVE, TEXTS).status_code == 404


def contents(**parameters: object) -> ModelContents:
    return ModelContents(
        name="m:latest",
        source="pulled",
        is_ours=True,
        digest="",
        size_bytes=1,
        family="",
        parameter_size="",
        quantization="",
        context_length=None,
        capabilities=("completion",),
        parameters=parameters,
    )


@pytest.mark.parametrize("stop", ["a\\nb", "\\", "\n", "tab\there", "a\\\\n"])
def test_a_stop_string_survives_its_way_through_the_form(stop: str) -> None:
    base = contents(stop=[stop])
    unchanged = ModelTextsForm(base)

    form = ModelTextsForm(base, {"name": "m", "stop": unchanged["stop"].value()})

    assert form.is_valid(), form.errors
    assert form.change() == ModelChange(name="m", base="m:latest")


def settings_sent(upstream: Upstream, route: str) -> dict[str, Any]:
    given: dict[str, Any] = upstream.last(f"/hearth/{route}").body["settings"]
    return {name: value for name, value in given.items() if value is not None}


def posted(browser: Client, route: str, **fields: str) -> str:
    return str(browser.post(f"{PAGE}{route}/", {"model": "tiny:latest", **fields}).content.decode())


FIELDS = {"num_ctx": "4096", "num_parallel": "2", "kv_cache_type": "q8_0", "num_thread": "1"}
SETTINGS = {"num_ctx": 4096, "num_parallel": 2, "kv_cache_type": "q8_0", "num_thread": 1}


@pytest.mark.parametrize("route", ["load", "keep", "forget", "unload"])
def test_only_administrators_say_how_a_model_is_loaded(route: str, alice_client: Client, upstream: Upstream) -> None:
    assert alice_client.post(f"{PAGE}{route}/", {"model": "tiny:latest"}).status_code == 404
    assert alice_client.get(f"{PAGE}forecast/", {"model": "tiny:latest"}).status_code == 404
    assert upstream.requests == []


def test_a_model_is_loaded_as_the_form_says(root_client: Client, upstream: Upstream) -> None:
    page = posted(root_client, "load", **FIELDS)

    assert settings_sent(upstream, "load") == SETTINGS
    assert "In memory" in page
    assert 'value="4096"' in page
    assert "Unload" in page


def test_an_empty_form_leaves_the_choice_to_the_server(root_client: Client, upstream: Upstream) -> None:
    posted(root_client, "load", num_ctx="", num_parallel="", kv_cache_type="", num_thread="")

    assert settings_sent(upstream, "load") == {}


def test_settings_are_kept_shown_and_forgotten(root_client: Client, upstream: Upstream) -> None:
    kept = posted(root_client, "keep", **FIELDS)

    assert upstream.kept["tiny:latest"] == SETTINGS
    assert "Default: context 4k, 2 answers at once, q8_0, 1 thread" in kept
    assert "Every load begins with these settings now." in kept
    assert 'value="4096"' in shown(root_client)

    forgotten = posted(root_client, "forget", **FIELDS)

    assert upstream.kept["tiny:latest"] == {}
    assert "Default:" not in forgotten
    assert 'value="4096"' not in forgotten


def test_the_forecast_follows_what_is_typed(root_client: Client, upstream: Upstream) -> None:
    told = root_client.get(f"{PAGE}forecast/", {"model": "tiny:latest", **FIELDS}).content.decode()

    assert settings_sent(upstream, "forecast") == SETTINGS
    assert "Fits with a context of 4k; 2 answers at once" in told


def test_a_setting_that_does_not_fit_offers_the_one_that_does(root_client: Client, upstream: Upstream) -> None:
    best = {"context_length": 2048, "n_slots": 1, "weights_bytes": 1, "cache_bytes": 1, "work_bytes": 1}
    upstream.models = [FakeModel(name="tiny:latest", size_bytes=9_000_000_000, verdict={"best": best})]

    told = root_client.get(f"{PAGE}forecast/", {"model": "tiny:latest", **FIELDS}).content.decode()

    assert "Does not fit" in told
    assert "It fits with a context of 2k; 1 answer at once." in told
    assert 'data-num_ctx="2048" data-num_parallel="1"' in told


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"num_ctx": "0"}, "Context, in tokens: Ensure"), ({"num_thread": "many"}, "Threads: Enter a whole number.")],
)
def test_a_forecast_of_nonsense_says_what_is_wrong(fields: dict[str, str], words: str, root_client: Client) -> None:
    assert words in root_client.get(f"{PAGE}forecast/", {"model": "tiny:latest", **fields}).content.decode()


def test_a_load_that_fails_keeps_what_was_typed_and_says_why(root_client: Client, upstream: Upstream) -> None:
    upstream.models = [FakeModel(name="tiny:latest", size_bytes=9_000_000_000)]

    page = posted(root_client, "load", **FIELDS)

    assert 'role="alert"' in page
    assert "model requires more system memory" in page
    assert 'value="4096"' in page


@pytest.mark.parametrize("route", ["load", "keep"])
def test_wrong_numbers_are_not_sent(route: str, root_client: Client, upstream: Upstream) -> None:
    page = posted(root_client, route, num_ctx="-5")

    assert 'id="load-num_ctx_error"' in page
    assert "/hearth/load" not in upstream.paths()
    assert upstream.kept == {}


def test_a_model_is_unloaded_from_its_page(root_client: Client, upstream: Upstream) -> None:
    upstream.loaded.add("tiny:latest")

    assert "In memory" not in posted(root_client, "unload")
    assert upstream.loaded == set()


def test_layers_on_a_graphics_card_are_a_choice_only_where_there_is_one(
    root_client: Client, upstream: Upstream
) -> None:
    assert "Layers on the graphics card" not in shown(root_client)
    assert "No graphics card is used: none is there." in shown(root_client)

    upstream.no_gpu_reason = ""
    posted(root_client, "load", num_gpu="0")

    assert "Layers on the graphics card" in shown(root_client)
    assert settings_sent(upstream, "load") == {"num_gpu": 0}


def test_a_model_that_embeds_has_no_context_to_choose(root_client: Client, upstream: Upstream) -> None:
    upstream.models = [FakeModel(name="tiny:latest", capabilities=("embedding",))]

    assert 'name="num_thread"' in shown(root_client)
    assert 'name="num_ctx"' not in shown(root_client)


def test_the_embedder_that_comes_along_can_only_be_loaded(root_client: Client, upstream: Upstream) -> None:
    upstream.models = [FakeModel(name="tiny:latest", source="embedded", capabilities=("embedding",))]

    assert 'name="num_thread"' not in shown(root_client)
    assert "Keep as default" not in shown(root_client)


@pytest.mark.parametrize("route", ["load", "keep", "forget", "unload"])
def test_a_dead_server_is_told_where_the_form_was(route: str, root_client: Client, settings: Settings) -> None:
    with Upstream() as gone:
        settings.HEARTH_INFERENCE_URL = gone.url

    page = posted(root_client, route)

    assert 'id="load-with"' in page
    assert 'role="alert"' in page


@pytest.mark.parametrize(
    ("n_layers", "words"),
    [
        (20, "20 of its 33 layers fit on the graphics card, and the others stay with the processor."),
        (1, "1 of its 33 layers fits on the graphics card"),
        (0, "The graphics card has no room for any of its layers."),
    ],
)
def test_a_card_that_is_too_small_gets_a_proposal(
    n_layers: int, words: str, root_client: Client, upstream: Upstream
) -> None:
    upstream.no_gpu_reason = ""
    verdict = {"offload": {"n_layers": n_layers, "n_all": 33, "card_bytes": 1}}
    upstream.models = [FakeModel(name="tiny:latest", verdict=verdict)]

    told = root_client.get(f"{PAGE}forecast/", {"model": "tiny:latest"}).content.decode()

    assert words in told
    assert f'data-num_gpu="{n_layers}"' in told
    assert words in root_client.get("/administration/models/list/").content.decode()
