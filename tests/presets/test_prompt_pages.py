from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_prompt
from webui.accounts.models import User
from webui.presets import prompts, services
from webui.presets.models import PromptPreset

HTMX = {"HX-Request": "true"}


def url(name: str, prompt: PromptPreset, *args: object) -> str:
    return reverse(f"prompts:{name}", args=[prompt.uuid, *args])


def text_of(response: Any) -> str:
    return str(response.content.decode())


def test_a_prompt_is_made_with_a_command_of_its_name(alice: User, alice_client: Client) -> None:
    make_prompt(owner=alice, command="sum-up")

    response = alice_client.post(
        reverse("prompts:create"), {"name": "Sum up", "command": "", "content": " Sum up\r\n{{what}}. "}
    )

    made = PromptPreset.objects.get(name="Sum up")
    assert response.headers["Location"] == url("preset", made)
    assert (made.command, made.content) == ("sum-up-2", " Sum up\n{{what}}. ")
    assert "what" in text_of(alice_client.get(url("preset", made)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "required"),
        ({"content": "  "}, "needs a text"),
        ({"command": "two words"}, "Letters, digits"),
        ({"command": "/taken"}, "Another prompt of yours"),
        ({"content": "x" * 50_001}, "at most 50000 characters"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(
    alice: User, alice_client: Client, wrong: dict[str, str], words: str
) -> None:
    make_prompt(owner=alice, command="taken")

    response = alice_client.post(reverse("prompts:create"), {"name": "N", "command": "n", "content": "C"} | wrong)

    assert response.status_code == 422
    assert words in text_of(response)
    assert PromptPreset.objects.count() == 1


def test_changing_keeps_what_was_and_restores_it(alice: User, alice_client: Client) -> None:
    prompt = make_prompt(owner=alice, content="Old")
    assert "Old" in text_of(alice_client.get(url("change", prompt)))

    alice_client.post(url("change", prompt), {"name": "New", "command": "/new", "content": "New"})

    rows = alice_client.get(url("versions", prompt)).context["page"].rows
    assert [(row.name, row.detail, row.changed) for row in rows] == [
        ("New", "/new", ["name", "command", "text"]), ("About the harbour", "/harbour", []),
    ]  # fmt: skip
    alice_client.post(url("restore", prompt, 1))
    prompt.refresh_from_db()
    assert (prompt.command, prompt.content) == ("harbour", "Old")


def test_sharing_shows_it_to_who_it_is_shared_with_and_revoking_hides_it(
    alice: User, bob: User, alice_client: Client, bob_client: Client
) -> None:
    prompt = make_prompt(owner=alice)
    assert bob_client.get(url("preset", prompt)).status_code == 404

    shown = alice_client.post(url("grant", prompt), {"to": bob.email}, headers=HTMX)
    assert "can copy it" in text_of(shown)
    assert "Alice" in text_of(bob_client.get(url("preset", prompt)))
    assert prompt.name in text_of(bob_client.get(reverse("prompts:list")))
    for name in ("change", "share", "versions"):
        assert bob_client.get(url(name, prompt)).status_code == 404
    for name in ("delete", "grant"):
        assert bob_client.post(url(name, prompt), {"to": "Everybody"}).status_code == 404
    bob_client.post(url("copy", prompt))
    assert PromptPreset.objects.get(owner=bob).content == prompt.content

    alice_client.post(url("revoke", prompt, prompt.grants.get().uuid))
    assert bob_client.get(url("preset", prompt)).status_code == 404
    assert bob_client.post(url("insert", prompt)).status_code == 404


def test_a_deleted_prompt_comes_back_with_undo(alice: User, alice_client: Client, bob_client: Client) -> None:
    prompt = make_prompt(owner=alice)

    listed = alice_client.post(url("delete", prompt), follow=True)
    assert "was deleted" in text_of(listed)
    assert alice_client.get(url("preset", prompt)).status_code == 404
    assert bob_client.post(url("undo_delete", prompt)).status_code == 404

    alice_client.post(url("undo_delete", prompt))
    assert alice_client.get(url("preset", prompt)).status_code == 200


def test_the_composer_finds_prompts_and_gets_them_in_parts(
    alice: User, alice_client: Client, charlie_client: Client
) -> None:
    prompt = make_prompt(owner=alice, content="{{topic | text:required}} for {{USER_NAME}} on {{CURRENT_DATE}}")
    found = {"uuid": str(prompt.uuid), "command": "harbour", "name": "About the harbour"}
    assert alice_client.get(reverse("prompts:search"), {"q": "harb"}).json() == {"prompts": [found]}
    assert charlie_client.get(reverse("prompts:search"), {"q": "harb"}).json() == {"prompts": []}

    inserted = alice_client.post(url("insert", prompt)).json()

    assert inserted["parts"] == [{"asked": "topic"}, " for Alice on ", {"known": "CURRENT_DATE"}]
    assert [(field["name"], field["is_required"]) for field in inserted["fields"]] == [("topic", True)]
    assert charlie_client.post(url("insert", prompt)).status_code == 404


def test_a_file_is_exported_and_imported_with_a_report(alice: User, alice_client: Client, bob_client: Client) -> None:
    make_prompt(owner=alice, name="<i>harbour</i>")
    services.grant(make_prompt(owner=alice, command="gone"))
    services.delete_preset(PromptPreset.objects.get(command="gone"))
    exported = alice_client.get(reverse("prompts:export"))
    assert [item["command"] for item in json.loads(exported.content)] == ["harbour"]
    assert json.loads(bob_client.get(reverse("prompts:export")).content) == []
    items = [*json.loads(exported.content), {"name": "Empty"}]

    def send(data: bytes) -> Any:
        return bob_client.post(reverse("prompts:import"), {"file": SimpleUploadedFile("p.json", data)})

    report = send(json.dumps(items).encode())

    assert "1 prompt was imported, 1 was not" in text_of(report)
    assert "it has no text" in text_of(report) and "<i>" not in text_of(report)
    refused = send(b"no json")
    assert refused.status_code == 422 and "no JSON file" in text_of(refused)


def test_the_list_costs_the_same_however_many_there_are(
    alice: User, alice_client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_prompt(owner=alice)
    alice_client.get(reverse("prompts:list"))
    with django_assert_num_queries(4):
        alice_client.get(reverse("prompts:list"))
    for number in range(5):
        make_prompt(owner=alice, command=f"c{number}")
    with django_assert_num_queries(4):
        alice_client.get(reverse("prompts:list"))


def test_a_person_has_so_many_and_no_more(alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = make_prompt(owner=alice)
    monkeypatch.setattr(prompts, "MAX_PROMPTS", 1)

    refused = alice_client.post(reverse("prompts:create"), {"name": "N", "content": "C"})

    assert "You have 1 prompts already" in text_of(refused)
    assert alice_client.post(url("copy", prompt)).headers["Location"] == url("preset", prompt)
