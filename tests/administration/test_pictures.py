from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.doubles.image_servers import WORKFLOW, ImageServer, image_server
from webui.accounts.models import Group, User
from webui.administration import problems
from webui.imagery import queries, services
from webui.imagery.models import ImageConnection

LIST = "/administration/pictures/"


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "is_in_container", lambda: False)


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with image_server("automatic1111") as running:
        yield running


@pytest.fixture
def comfy() -> Iterator[ImageServer]:
    with image_server("comfyui") as running:
        yield running


def make_connection(**values: object) -> ImageConnection:
    usual = {"name": "Studio", "kind": "openai", "base_url": "http://127.0.0.1:9/v1", "sizes": [[512, 512]]}
    return services.create_connection(**{**usual, **values})  # type: ignore[arg-type]  # each of its own type


def typed(server: ImageServer, **changes: object) -> dict[str, object]:
    usual = {
        "name": "Studio",
        "base_url": server.url,
        "key": "",
        "sizes": "512x512, 768 x 512",
        "audience": "everybody",
    }
    return usual | changes


def workflow_file(content: object = WORKFLOW) -> SimpleUploadedFile:
    return SimpleUploadedFile("workflow.json", json.dumps(content).encode(), "application/json")


def test_only_administrators_see_and_change_connections(alice_client: Client, root_client: Client, db: None) -> None:
    one = make_connection()
    shown = (LIST, f"{LIST}add/openai/", f"{LIST}{one.uuid}/", f"{LIST}{one.uuid}/state/")
    changing = ("", "enable/", "disable/", "default/", "delete/")

    assert [alice_client.get(path).status_code for path in shown] == [404] * 4
    assert [alice_client.post(f"{LIST}{one.uuid}/{deed}").status_code for deed in changing] == [404] * 5
    assert [root_client.get(path).status_code for path in shown] == [200] * 4
    assert root_client.get(f"{LIST}add/oracle/").status_code == 404


def test_a_server_that_answers_is_kept_and_is_the_default(root_client: Client, server: ImageServer) -> None:
    response = root_client.post(f"{LIST}add/automatic1111/", typed(server, steps="30", sampler="Euler a"))

    assert response.status_code == 302
    kept = ImageConnection.objects.get()
    assert (kept.is_default, kept.steps, kept.sampler, kept.sizes) == (True, 30, "Euler a", [[512, 512], [768, 512]])


def test_a_test_offers_what_the_server_has_and_keeps_nothing(root_client: Client, server: ImageServer) -> None:
    page = root_client.post(f"{LIST}add/automatic1111/", typed(server, action="test")).content.decode()

    assert '<option value="v1-5.safetensors [6ce0161689]">' in page
    assert '<option value="Euler a">' in page
    assert not ImageConnection.objects.exists()


@pytest.mark.parametrize(
    ("status", "said", "content_type", "words"),
    [
        (200, b"<html>", "text/html", "Something answers there, but not AUTOMATIC1111"),
        (404, b'{"detail":"Not Found"}', "application/json", "only when the server is started with the option below"),
        (401, b"{}", "application/json", "The key is not accepted"),
        (500, b'{"detail": "no GPU"}', "application/json", "no GPU"),
    ],
)
def test_what_is_wrong_is_said_and_it_can_be_kept_anyway(
    root_client: Client, server: ImageServer, status: int, said: bytes, content_type: str, words: str
) -> None:
    server.break_with(status, said, content_type)

    refused = root_client.post(f"{LIST}add/automatic1111/", typed(server))
    taken = root_client.post(f"{LIST}add/automatic1111/", typed(server, action="save_anyway"))

    assert refused.status_code == 422
    assert words in refused.content.decode().replace("&#x27;", "'")
    assert taken.status_code == 302


def test_a_key_is_kept_and_never_shown(root_client: Client, server: ImageServer) -> None:
    root_client.post(f"{LIST}add/automatic1111/", typed(server, key="me:secret"))
    one = ImageConnection.objects.get()
    root_client.post(f"{LIST}{one.uuid}/", typed(server, name="Other"))

    one.refresh_from_db()
    assert (one.name, one.spec().key) == ("Other", "me:secret")
    pages = [root_client.get(path).content.decode() for path in (LIST, f"{LIST}{one.uuid}/")]
    assert not any("secret" in page.replace("csrf", "") for page in pages)


def test_a_key_does_not_go_to_another_host(root_client: Client, server: ImageServer) -> None:
    one = make_connection(kind="automatic1111", base_url="http://127.0.0.1:9", key="me:secret")

    root_client.post(f"{LIST}{one.uuid}/", typed(server))

    one.refresh_from_db()
    assert not one.has_key
    assert all("Authorization" not in asked.headers for asked in server.asked)


def test_a_workflow_is_brought_looked_at_and_kept(root_client: Client, comfy: ImageServer) -> None:
    brought = typed(comfy, sizes="1024x1024", workflow_file=workflow_file())
    first = root_client.post(f"{LIST}add/comfyui/", brought)
    form = first.context["form"]
    proposed = {field.name: field.value() for field in form.slots()}
    again = typed(comfy, sizes="1024x1024", workflow_text=form["workflow_text"].value(), **proposed)
    second = root_client.post(f"{LIST}add/comfyui/", again)

    assert first.status_code == 422
    assert proposed["slot_negative_prompt"] == '["7", "text"]'
    assert second.status_code == 302
    kept = ImageConnection.objects.get()
    assert kept.workflow == WORKFLOW
    assert kept.spec().mapping["prompt"] == ("6", "text")


def test_the_mapping_of_a_kept_workflow_can_be_changed(root_client: Client, comfy: ImageServer) -> None:
    mapping = {"prompt": ["6", "text"], "seed": ["3", "seed"]}
    one = make_connection(kind="comfyui", base_url=comfy.url, workflow=WORKFLOW, mapping=mapping)
    shown = {field.name: field.value() for field in root_client.get(f"{LIST}{one.uuid}/").context["form"].slots()}

    root_client.post(f"{LIST}{one.uuid}/", typed(comfy, slot_prompt='["7", "text"]'))

    one.refresh_from_db()
    assert (shown["slot_prompt"], shown["slot_width"]) == ('["6", "text"]', None)
    assert one.mapping == {"prompt": ["7", "text"]}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Bring the workflow that pictures are made with"),
        ({"workflow_file": workflow_file([])}, "There are no nodes in it"),
        ({"workflow_file": workflow_file({"nodes": []})}, "as ComfyUI's page keeps it"),
        ({"workflow_text": "[" * 50_000}, "This is no JSON"),
        ({"workflow_text": json.dumps(WORKFLOW)}, "Say where the prompt goes"),
        ({"workflow_text": json.dumps(WORKFLOW), "slot_prompt": '["3", "seed"]'}, "Select a valid choice"),
        ({"workflow_text": json.dumps(WORKFLOW), "slot_prompt": '["6", "text"]', "sizes": "9x9"}, "is no size from"),
        ({"workflow_text": json.dumps(WORKFLOW), "slot_prompt": '["6", "text"]', "audience": "groups"}, "no group yet"),
    ],
)
def test_what_is_wrong_with_the_form_is_said(
    root_client: Client, comfy: ImageServer, fields: dict[str, object], words: str
) -> None:
    response = root_client.post(f"{LIST}add/comfyui/", typed(comfy, **fields))

    assert response.status_code == 422
    assert words in response.content.decode().replace("&#x27;", "'")
    assert comfy.asked == []


def test_names_in_a_hostile_workflow_are_text(root_client: Client, comfy: ImageServer) -> None:
    hostile = {"1": {"class_type": "<script>x</script>", "inputs": {"text": "</option><img src=x onerror=y>"}}}

    page = root_client.post(f"{LIST}add/comfyui/", typed(comfy, workflow_file=workflow_file(hostile))).content.decode()

    assert "<script>x" not in page
    assert "<img src=x" not in page


def test_one_of_several_is_the_default(root_client: Client, db: None) -> None:
    first, second = make_connection(), make_connection(name="Second")

    root_client.post(f"{LIST}{second.uuid}/default/")
    assert list(queries.connections()) == [second, first]

    root_client.post(f"{LIST}{second.uuid}/delete/")
    assert list(ImageConnection.objects.filter(is_default=True)) == [first]


def test_who_may_use_a_connection(root_client: Client, alice: User, bob: User, server: ImageServer) -> None:
    group = Group.objects.create(name="Painters")
    group.members.add(alice)
    fields = typed(server, audience="groups", groups=[str(group.uuid)])
    root_client.post(f"{LIST}add/automatic1111/", fields)

    assert [queries.usable_connections(person).count() for person in (alice, bob)] == [1, 0]

    # Without its group it is for nobody, not for everybody.
    group.delete()
    assert queries.usable_connections(alice).count() == 0


def test_nobody_may_while_pictures_are_switched_off_or_a_connection_is(root_client: Client, alice: User) -> None:
    one = make_connection()
    root_client.post(f"{LIST}{one.uuid}/disable/")
    while_disabled = queries.usable_connections(alice).count()
    root_client.post(f"{LIST}{one.uuid}/enable/")
    while_enabled = queries.usable_connections(alice).count()
    root_client.post(reverse("administration:change_setting", args=["pictures"]), {"pictures-value": "off"})

    assert (while_disabled, while_enabled, queries.usable_connections(alice).count()) == (0, 1, 0)
    assert "Pictures are switched off" in root_client.get(LIST).content.decode()
