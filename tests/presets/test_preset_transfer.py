"""Model presets as a file: what goes out, what comes in from here and from Open WebUI, and what is said of the rest."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from tests.factories import make_knowledge
from webui.accounts.models import User
from webui.presets import services
from webui.presets.errors import ImportRefused
from webui.presets.models import ModelPreset
from webui.presets.pictures import redrawn
from webui.presets.preset_transfer import exported, import_presets
from webui.presets.services import Content

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (200, 120), "red").save(file, "PNG")
    return file.getvalue()


def taken(owner: User, *items: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(item.outcome, item.left_out) for item in import_presets(owner, json.dumps(items).encode())]


def open_webuis(**changes: Any) -> dict[str, Any]:
    """One item of an export of Open WebUI."""
    return {
        "id": "keeper",
        "user_id": "7f0a",
        "base_model_id": "llama3:8b",
        "name": "Keeper",
        "params": {
            "system": "Keep the light.",
            "temperature": 0.4,
            "max_tokens": 300,
            "stop": "END, STOP",
            "top_k": None,
        },
        "meta": {
            "profile_image_url": "/static/favicon.png",
            "description": "Keeps\nthe light",
            "capabilities": {"vision": False},
            "suggestion_prompts": [{"content": "Who are you?"}, {"title": ["a", "b"], "content": "What  now?"}],
        },
        "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
        "is_active": True,
        "created_at": 1_700_000_000,
    } | changes


def test_what_goes_out_comes_back_as_it_was(alice: User, bob: User) -> None:
    known = make_knowledge(owner=bob, name="Lights")
    make_knowledge(owner=alice, name="Other lights")
    mine = make_knowledge(owner=alice, name="Lights")
    content = Content(
        name="守望者 <b>", base_model="gone:1b", description="Keeps", symbol="★", system_prompt="Keep.",
        options={"temperature": 0.0, "seed": None, "stop": ["END"], "format": {"type": "object"}},
        suggestions=["Who?"], modelfile_rest=[["LICENSE", "", "MIT"]], knowledge=[mine],
    )  # fmt: skip
    services.create_preset(alice, content, redrawn(io.BytesIO(png())))
    file = json.dumps([*exported(alice)]).encode()

    assert [item.outcome for item in import_presets(bob, file)] == ["imported"]

    theirs, ours = ModelPreset.objects.get(owner=bob), ModelPreset.objects.get(owner=alice)
    expected = services.content_of(ours, alice).as_json() | {"knowledge": [str(known.uuid)]}
    assert services.content_of(theirs, bob).as_json() == expected
    assert services.picture_of(theirs) == services.picture_of(ours) != b""


def test_nothing_is_imported_twice(alice: User) -> None:
    assert taken(alice, open_webuis(), open_webuis()) == [("imported", ()), ("present", ())]
    assert taken(alice, open_webuis()) == [("present", ())]
    assert import_presets(alice, json.dumps([*exported(alice)]).encode())[0].outcome == "present"


def test_a_model_of_open_webui_becomes_a_private_preset(alice: User) -> None:
    taken(alice, open_webuis())

    preset = ModelPreset.objects.get(owner=alice)
    assert (preset.name, preset.base_model, preset.description) == ("Keeper", "llama3:8b", "Keeps the light")
    assert preset.system_prompt == "Keep the light."
    assert preset.options == {"temperature": 0.4, "num_predict": 300, "stop": ["END", "STOP"]}
    assert preset.suggestions == ["Who are you?", "What now?"]
    assert not preset.grants.exists()


def test_settings_of_a_model_itself_are_a_preset_of_that_model(alice: User) -> None:
    taken(alice, open_webuis(id="llama3:8b", base_model_id=None))

    assert ModelPreset.objects.get(owner=alice).base_model == "llama3:8b"


def test_a_picture_is_drawn_anew(alice: User) -> None:
    url = "data:image/png;base64," + base64.b64encode(png()).decode()
    taken(alice, open_webuis(meta={"profile_image_url": url}))

    kept = services.picture_of(ModelPreset.objects.get(owner=alice))
    assert Image.open(io.BytesIO(kept)).size == (128, 128)


def test_knowledge_is_found_by_its_name_among_what_one_may_read(alice: User, bob: User) -> None:
    mine = make_knowledge(owner=alice, name="Lights")
    make_knowledge(owner=bob, name="Secrets")
    items = [{"name": "Lights", "id": "x"}, {"name": "Secrets"}, "odd"]

    assert taken(alice, open_webuis(meta={"knowledge": items})) == [("imported", ("knowledge",))]

    assert [*ModelPreset.objects.get(owner=alice).knowledge.all()] == [mine]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"meta": {"toolIds": ["web"]}}, "tools"),
        ({"meta": {"tags": [{"name": "sea"}]}}, "tags"),
        ({"meta": {"profile_image_url": "data:image/svg+xml;base64,PHN2Zy8+"}}, "picture"),
        ({"meta": {"profile_image_url": "data:image/png;base64,not base64"}}, "picture"),
        ({"params": {"temperature": 40}}, "options"),
        ({"params": {"function_calling": "native"}}, "options"),
        ({"meta": {"suggestion_prompts": [{"content": f"{n}?"} for n in range(7)]}}, "suggestions"),
    ],
)
def test_what_has_no_place_here_is_told(alice: User, changes: dict[str, Any], part: str) -> None:
    assert taken(alice, open_webuis(**changes)) == [("imported", (part,))]


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        ("a text", "no_object"),
        (None, "no_object"),
        ({"name": "No model", "params": {}}, "no_model"),
        ({"base_model_id": "m" * 300}, "no_model"),
        (open_webuis(params={"system": "x" * 20_001}), "too_long"),
        (
            open_webuis(name=7, params=[], meta="odd", hearth={"modelfile_rest": [["FROM", "", "x"]], "symbol": 3}),
            "imported",
        ),
        (open_webuis(name="nul\x00 and \ud800"), "imported"),
        (open_webuis(meta={"suggestion_prompts": {"a": 1}, "knowledge": 5, "description": ["x"]}), "imported"),
    ],
)
def test_an_odd_item_breaks_nothing(alice: User, item: Any, outcome: str) -> None:
    assert [found for found, _left_out in taken(alice, open_webuis(name="Other"), item)] == ["imported", outcome]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"no json", ImportRefused.NO_JSON),
        (b"[" * 100_000, ImportRefused.NO_JSON),
        (b"[]", ImportRefused.NOTHING),
        (b'{"name": "x"}', ImportRefused.NOTHING),
        (b"7", ImportRefused.NOTHING),
        (json.dumps([{"params": {}}] * 5001).encode(), ImportRefused.TOO_LARGE),
    ],
)
def test_what_is_no_export_is_refused_whole(alice: User, data: bytes, problem: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        import_presets(alice, data)

    assert refused.value.problem == problem
    assert not ModelPreset.objects.exists()


def test_more_than_there_can_be_are_left_out(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_PRESETS", 1)

    assert taken(alice, open_webuis(), open_webuis(name="Second")) == [("imported", ()), ("no_room", ())]


def test_the_pages_hand_a_file_out_and_take_it_with_a_report(
    alice: User, alice_client: Client, bob_client: Client
) -> None:
    services.create_preset(alice, Content(name="<i>Keeper</i>", base_model="m"))
    exported_file = alice_client.get(reverse("presets:export"))
    assert exported_file.headers["Content-Disposition"] == 'attachment; filename="presets.json"'
    assert json.loads(bob_client.get(reverse("presets:export")).content) == []
    items = [*json.loads(exported_file.content), {"meta": {"toolIds": ["x"]}, "id": "m2"}, {"params": {}}]

    def send(data: bytes) -> Any:
        return bob_client.post(reverse("presets:import"), {"file": SimpleUploadedFile("p.json", data)})

    report = send(json.dumps(items).encode())

    assert "2 presets were imported, 1 was not" in text_of(report)
    assert "Imported, without its tools" in text_of(report) and "<i>" not in text_of(report)
    assert "it names no model" in text_of(report)
    refused = send(b"no json")
    assert refused.status_code == 422 and "no JSON file" in text_of(refused)
    assert bob_client.post(reverse("presets:import")).status_code == 422
