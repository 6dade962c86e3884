from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image
from pytest_django import Settings

from inference import catalog
from rag.services import knowledge as knowledge_service
from tests.doubles.upstream import FakeModel, Upstream
from tests.factories import make_document, make_group, make_knowledge, make_preset
from webui.accounts.models import User
from webui.presets import services
from webui.presets.models import ModelPreset

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def models(upstream: Upstream, settings: Settings) -> Upstream:
    settings.HEARTH_INFERENCE_URL = upstream.url
    catalog.forget()
    return upstream


def url(name: str, preset: ModelPreset, *args: object) -> str:
    return reverse(f"presets:{name}", args=[preset.uuid, *args])


def fields(**changes: Any) -> dict[str, Any]:
    return {"name": "Clerk", "base_model": "tiny:latest"} | changes


def text_of(response: Any) -> str:
    return str(response.content.decode())


# ---- making and changing ---------------------------------------------------------------------------


def test_a_preset_is_made_with_all_that_belongs_to_it(alice: User, alice_client: Client) -> None:
    document, knowledge = make_document(owner=alice), make_knowledge(owner=alice)

    response = alice_client.post(
        reverse("presets:create"),
        fields(
            symbol="⚓",
            description="Knows every ship",
            system_prompt="You are a clerk.\r\nBe brief.",
            suggestions="Which ships are in?\n\n  Who is the keeper? ",
            documents=[document.uuid],
            knowledge=[knowledge.uuid],
            option_temperature="0.3",
            option_stop="End\n\\n",
        ),
    )

    made = ModelPreset.objects.get()
    assert response.headers["Location"] == url("preset", made)
    assert (made.owner, made.name, made.sign, made.base_model) == (alice, "Clerk", "⚓", "tiny:latest")
    assert made.system_prompt == "You are a clerk.\nBe brief."
    assert made.suggestions == ["Which ships are in?", "Who is the keeper?"]
    assert made.options == {"temperature": 0.3, "stop": ["End", "\n"]}
    assert [*made.documents.all(), *made.knowledge.all()] == [document, knowledge]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "required"),
        ({"base_model": "gone:latest"}, "gone:latest is not one of the available choices"),
        ({"base_model": "embed:latest"}, "is not one of the available choices"),
        ({"suggestions": "\n".join("abcdefg")}, "At most 6 lines"),
        ({"suggestions": "x" * 201}, "At most 6 lines of 200 characters"),
        ({"system_prompt": "x" * 20_001}, "at most 20000 characters"),
        ({"symbol": "a b"}, "One emoji or one letter"),
        ({"option_temperature": "9"}, "less than or equal to 2"),
        ({"documents": ["no id"]}, "is no document"),
        ({"documents": [f"00000000-0000-0000-0000-{n:012}" for n in range(51)]}, "At most 50 documents"),
        ({"knowledge": ["00000000-0000-0000-0000-000000000007"]}, "not here any more"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(alice_client: Client, wrong: dict[str, Any], words: str) -> None:
    response = alice_client.post(reverse("presets:create"), fields(**wrong))

    assert response.status_code == 422
    assert words in text_of(response)
    assert ModelPreset.objects.count() == 0


def test_a_form_that_was_wrong_keeps_what_was_chosen(alice: User, alice_client: Client) -> None:
    document = make_document(owner=alice, name="tides.txt")

    response = alice_client.post(reverse("presets:create"), fields(name="", documents=[document.uuid]))

    assert "tides.txt" in text_of(response)


def test_changing_shows_what_is_there_and_keeps_what_was(alice: User, alice_client: Client) -> None:
    document = make_document(owner=alice, name="tides.txt")
    preset = make_preset(
        owner=alice, documents=[document], suggestions=["Hello?"], options={"stop": ["\n"], "think": True}
    )
    shown = alice_client.get(url("change", preset))
    for words in ("Harbour master", "tides.txt", "Hello?", "\\n", 'value="on" selected'):
        assert words in text_of(shown)

    alice_client.post(url("change", preset), fields(name="Clerk"))

    preset.refresh_from_db()
    assert (preset.name, preset.documents.count(), preset.options) == ("Clerk", 0, {})
    rows = alice_client.get(url("versions", preset)).context["page"].rows
    assert [(row.number, row.name, row.made_by, row.is_current) for row in rows] == [
        (2, "Clerk", "Alice", True), (1, "Harbour master", "Alice", False),
    ]  # fmt: skip
    assert set(rows[0].changed) == {"name", "system prompt", "suggestions", "options", "documents"}


def test_a_version_is_restored_and_one_that_is_not_there_is_not(alice: User, alice_client: Client) -> None:
    preset = make_preset(owner=alice)
    alice_client.post(url("change", preset), fields())

    alice_client.post(url("restore", preset, 1))

    preset.refresh_from_db()
    assert preset.name == "Harbour master"
    assert alice_client.post(url("restore", preset, 9)).status_code == 404
    assert alice_client.post(f"/presets/{preset.uuid}/versions/{10**30}/restore/").status_code == 404


def test_a_model_that_has_gone_can_stay_while_the_rest_is_changed(alice: User, alice_client: Client) -> None:
    preset = make_preset(owner=alice, base_model="gone:latest")

    response = alice_client.post(url("change", preset), fields(base_model="gone:latest"))

    assert response.status_code == 302
    assert "The model “gone:latest” is not available now." in text_of(alice_client.get(url("preset", preset)))


# ---- pictures --------------------------------------------------------------------------------------


def picture_file(colour: str = "red", name: str = "me.png") -> SimpleUploadedFile:
    content = io.BytesIO()
    Image.new("RGB", (300, 300), colour).save(content, "PNG")
    return SimpleUploadedFile(name, content.getvalue())


def test_a_picture_stands_for_a_preset_until_it_is_removed_and_comes_back_with_a_version(
    alice: User, alice_client: Client
) -> None:
    alice_client.post(reverse("presets:create"), fields(picture=picture_file()))
    preset = ModelPreset.objects.get()

    shown = alice_client.get(url("picture", preset))
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/png")
    assert shown.content.startswith(b"\x89PNG")
    assert url("picture", preset) in text_of(alice_client.get(reverse("presets:list")))
    assert url("picture", preset) in text_of(alice_client.get("/"))
    again = alice_client.get(url("picture", preset), headers={"If-None-Match": shown.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")

    alice_client.post(url("change", preset), fields(description="The picture stays"))
    assert alice_client.get(url("picture", preset)).content == shown.content
    alice_client.post(url("change", preset), fields(picture=picture_file("blue")))
    assert alice_client.get(url("picture", preset)).content not in (b"", shown.content)
    alice_client.post(url("change", preset), fields(removes_picture="on"))
    assert alice_client.get(url("picture", preset)).status_code == 404

    alice_client.post(url("restore", preset, 1))
    assert alice_client.get(url("picture", preset)).content == shown.content


def test_a_picture_is_for_those_who_may_use_the_preset(
    alice: User, bob: User, bob_client: Client, charlie_client: Client
) -> None:
    preset = make_preset(owner=alice, readers=[bob], picture=b"pixels")

    assert bob_client.get(url("picture", preset)).content == b"pixels"
    assert charlie_client.get(url("picture", preset)).status_code == 404
    bob_client.post(url("copy", preset))
    copy = ModelPreset.objects.get(owner=bob)
    assert bob_client.get(url("picture", copy)).content == b"pixels"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"<svg onload=alert(1)>", "no picture that can be read"), (b"x" * (4 * 1024 * 1024 + 1), "too large")],
)
def test_what_is_no_picture_is_refused_in_words(alice_client: Client, content: bytes, words: str) -> None:
    response = alice_client.post(reverse("presets:create"), fields(picture=SimpleUploadedFile("me.png", content)))

    assert response.status_code == 422
    assert words in text_of(response)
    assert ModelPreset.objects.count() == 0


def test_pictures_that_no_version_has_are_dropped(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_VERSIONS", 1)
    preset = make_preset(owner=alice, picture=b"first")

    services.change_preset(preset, services.content_of(preset, alice), alice, b"second")

    assert [bytes(picture.content) for picture in preset.pictures.all()] == [b"second"]


# ---- lists and reading -----------------------------------------------------------------------------


def test_an_empty_list_invites(alice_client: Client) -> None:
    assert "No preset yet" in text_of(alice_client.get(reverse("presets:list")))


def test_the_list_has_own_and_shared_ones_that_can_be_asked(
    alice: User, bob: User, bob_client: Client, models: Upstream
) -> None:
    make_preset(owner=bob, name="Mine")
    make_preset(owner=bob, name="Mine without a model", base_model="gone:latest")
    make_preset(owner=alice, name="Shared", readers=[bob])
    away = make_preset(owner=alice, name="Shared without a model", base_model="gone:latest", readers=[bob])
    make_preset(owner=alice, name="Private")

    rows = bob_client.get(reverse("presets:list")).context["page"].rows

    assert {(row.name, row.shared_by, row.is_available) for row in rows} == {
        ("Mine", "", True), ("Mine without a model", "", False), ("Shared", "Alice", True),
    }  # fmt: skip
    assert bob_client.get(url("preset", away)).status_code == 404
    assert bob_client.post(url("copy", away)).status_code == 404
    models.models.append(FakeModel(name="gone:latest"))
    catalog.forget()
    assert bob_client.get(url("preset", away)).status_code == 200


def test_a_list_costs_the_same_however_long_it_is(
    alice: User, bob: User, bob_client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(12):
        make_preset(owner=alice, name=f"Preset {number}", readers=[bob])
    bob_client.get(reverse("presets:list"))

    # Session, person, connections, the presets with their owners, which are shared.
    with django_assert_max_num_queries(5):
        bob_client.get(reverse("presets:list"))


def test_a_page_costs_the_same_whatever_it_draws_on(
    alice: User, alice_client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    documents = [make_document(owner=alice) for _ in range(8)]
    knowledge = [make_knowledge(document, owner=alice) for document in documents]
    preset = make_preset(owner=alice, documents=documents, knowledge=knowledge)
    services.grant(preset)
    services.grant(preset, group=make_group(alice))
    alice_client.get(url("preset", preset))

    # Session, person, connections, preset, documents, knowledge, grants, four for who reads what, versions.
    with django_assert_max_num_queries(12):
        alice_client.get(url("preset", preset))


def test_its_reader_sees_instructions_but_not_what_they_may_not_read(
    alice: User, bob: User, bob_client: Client
) -> None:
    open_document = make_document(owner=alice, name="open.txt")
    lent = make_knowledge(open_document, owner=alice, name="Lent", readers=[bob])
    secret = make_knowledge(make_document(owner=alice), owner=alice, name="Secret")
    preset = make_preset(owner=alice, readers=[bob], documents=[open_document], knowledge=[lent, secret])

    shown = text_of(bob_client.get(url("preset", preset)))

    for words in ("You are Harbour master.", "open.txt", "Lent", "Alice"):
        assert words in shown
    assert "Secret" not in shown
    for name in ("change", "share", "versions"):
        assert bob_client.get(url(name, preset)).status_code == 404
    assert bob_client.post(url("delete", preset)).status_code == 404


# ---- sharing, copying, deleting --------------------------------------------------------------------


def test_sharing_tells_what_the_others_may_not_read(alice: User, bob: User, alice_client: Client) -> None:
    secret = make_knowledge(owner=alice, name="Tide tables")
    preset = make_preset(owner=alice, knowledge=[secret])
    assert "Not everybody" not in text_of(alice_client.get(url("preset", preset)))

    shared = alice_client.post(url("grant", preset), {"to": "bob@example.org"}, headers=HTMX)

    assert "Bob" in text_of(shared)
    assert "Tide tables" in text_of(shared)
    assert "Not everybody" in text_of(alice_client.get(url("preset", preset)))
    knowledge_service.grant(secret, user=bob)
    assert "Not everybody" not in text_of(alice_client.get(url("preset", preset)))
    alice_client.post(url("revoke", preset, preset.grants.get().uuid))
    assert preset.grants.count() == 0


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("nobody@example.org", "Nobody has this e-mail address"),
        ("alice@example.org", "It is yours already"),
        ("", "required"),
    ],
)
def test_whom_it_cannot_be_shared_with(alice: User, alice_client: Client, to: str, words: str) -> None:
    preset = make_preset(owner=alice)

    response = alice_client.post(url("grant", preset), {"to": to})

    assert response.status_code == 422
    assert words in text_of(response)


def test_a_group_of_others_is_not_known(alice: User, bob: User, alice_client: Client) -> None:
    make_group(bob, name="Keepers")

    response = alice_client.post(url("grant", make_preset(owner=alice)), {"to": "Keepers"})

    assert response.status_code == 422


def test_a_copy_opens_in_its_form(alice: User, bob: User, bob_client: Client) -> None:
    preset = make_preset(owner=alice, readers=[bob])

    response = bob_client.post(url("copy", preset))

    copy = ModelPreset.objects.get(owner=bob)
    assert copy.name == "Copy of Harbour master"
    assert response.headers["Location"] == url("change", copy)


def test_what_is_deleted_can_be_brought_back_at_once(alice: User, alice_client: Client) -> None:
    preset = make_preset(owner=alice)

    shown = alice_client.post(url("delete", preset), follow=True)

    assert "“Harbour master” was deleted." in text_of(shown)
    assert alice_client.get(url("preset", preset)).status_code == 404
    alice_client.post(url("undo_delete", preset))
    assert alice_client.get(url("preset", preset)).status_code == 200


def test_no_more_than_anybody_needs(alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_PRESETS", 1)
    preset = make_preset(owner=alice)

    made = alice_client.post(reverse("presets:create"), fields())
    copied = alice_client.post(url("copy", preset), follow=True)

    assert made.status_code == 422
    for response in (made, copied):
        assert "You have 1 presets already" in text_of(response)
    assert ModelPreset.objects.count() == 1
