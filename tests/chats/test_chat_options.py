"""The panel beside a chat in which its own system prompt and options are set."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_chat, make_folder, make_preset
from webui.accounts.models import User
from webui.chats.models import Chat
from webui.presets.ids import preset_id
from webui.presets.services import set_model_defaults, set_own_defaults

pytestmark = pytest.mark.django_db
NEW = "/chats/options/"


def options_url(chat: Chat) -> str:
    return reverse("chats:options", args=[chat.uuid])


def shown(client: Client, url: str, **query: str) -> str:
    response = client.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


def test_what_is_set_is_stored_and_shown_again(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice)

    saved = alice_client.post(
        options_url(chat), {"system_prompt": "In verse.\r\nAlways.", "option_temperature": "0", "option_seed": ""}
    )

    chat.refresh_from_db()
    assert (chat.system_prompt, chat.options) == ("In verse.\nAlways.", {"temperature": 0.0})
    assert "Saved. It holds from the next question on." in saved.content.decode()
    assert "HX-Trigger" not in saved.headers
    assert "In verse.\nAlways." in shown(alice_client, options_url(chat))


def test_what_is_set_elsewhere_is_taken_back_and_taken_over_again(
    alice: User, root: User, alice_client: Client
) -> None:
    set_model_defaults("tiny:latest", system_prompt="", options={"top_k": 7}, by=root)
    chat = make_chat(owner=alice, model="tiny:latest")

    alice_client.post(options_url(chat), {"unsent_top_k": "on", "option_top_k": "3", "option_seed": "1"})

    chat.refresh_from_db()
    assert chat.options == {"top_k": None, "seed": 1}
    html = shown(alice_client, options_url(chat))
    assert "In place of 7, set for everybody who asks tiny:latest" in html
    assert html.count(" checked") == 1
    alice_client.post(options_url(chat), {})
    chat.refresh_from_db()
    assert chat.options == {}


def test_a_schema_is_chosen_and_its_mistakes_are_told(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice)
    schema = '{"type": "object",\r\n "properties": {"year": {"type": "integer"}}}'

    syntax = alice_client.post(
        options_url(chat), {"option_format": "schema", "option_format_schema": '{"type":\n x}'}
    ).content.decode()
    rule = alice_client.post(
        options_url(chat), {"option_format": "schema", "option_format_schema": '{"properties": {"a": {"type": "int"}}}'}
    ).content.decode()
    alice_client.post(options_url(chat), {"option_format": "schema", "option_format_schema": schema})

    assert "line 2, column 2" in syntax
    assert "$.properties.a.type" in rule
    chat.refresh_from_db()
    assert chat.options == {"format": {"type": "object", "properties": {"year": {"type": "integer"}}}}
    html = shown(alice_client, options_url(chat))
    assert '<option value="schema" selected>' in html
    assert "&quot;integer&quot;" in html


def test_a_wrong_value_is_told_at_its_field_and_nothing_is_stored(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, options={"seed": 1})

    answer = alice_client.post(options_url(chat), {"option_temperature": "9", "option_seed": "2"})

    chat.refresh_from_db()
    assert chat.options == {"seed": 1}
    assert "field__error" in answer.content.decode()
    assert "Not saved" in answer.content.decode()


def test_each_field_says_what_it_inherits_and_from_whom(alice: User, root: User, alice_client: Client) -> None:
    set_model_defaults("tiny:latest", system_prompt="For all.", options={"top_k": 7}, by=root)
    set_own_defaults(alice, system_prompt="For Alice.", options={"temperature": 0.3, "seed": 5})
    preset = make_preset(owner=alice, options={"seed": 6}, system_prompt="As harbour master.")
    folder = make_folder(owner=alice, name="Voyage", system_prompt="In the folder.")
    chat = make_chat(owner=alice, options={"temperature": 0.9}, folder=folder)

    html = shown(alice_client, options_url(chat), model=preset_id(preset.uuid))

    assert "In place of 0.3, set in your settings" in html
    assert "6, set in the preset “Harbour master”" in html
    assert "7, set for everybody who asks tiny:latest" in html
    assert html.count("field__note") == 3
    for words in ("For all.", "For Alice.", "As harbour master.", "In the folder.", "in the folder “Voyage”"):
        assert words in html
    assert "answered by Harbour master" in html


def test_another_model_is_another_inheritance(alice: User, root: User, alice_client: Client) -> None:
    set_model_defaults("tiny:latest", system_prompt="", options={"top_k": 7}, by=root)
    chat = make_chat(owner=alice, model="tiny:latest")

    assert "7, set for everybody" in shown(alice_client, options_url(chat))
    assert "7, set for everybody" not in shown(alice_client, options_url(chat), model="large:latest")


def test_setting_something_begins_a_chat_where_the_page_is(alice: User, alice_client: Client) -> None:
    folder = make_folder(owner=alice)

    saved = alice_client.post(NEW, {"folder": str(folder.uuid), "model": "tiny:latest", "option_seed": "3"})

    chat = Chat.objects.get()
    assert (chat.owner, chat.folder, chat.options, chat.title) == (alice, folder, {"seed": 3}, "")
    assert json.loads(saved.headers["HX-Trigger"]) == {
        "chat-begun": {"chat": str(chat.uuid), "url": reverse("chats:chat", args=[chat.uuid])}
    }
    # What is set next is set in that chat.
    assert f'hx-post="{options_url(chat)}"' in saved.content.decode()


def test_looking_begins_none_and_neither_does_a_mistake(alice_client: Client) -> None:
    shown(alice_client, NEW)
    alice_client.post(NEW, {"option_seed": "none"})

    assert not Chat.objects.exists()


def test_charlie_reaches_nothing(alice: User, charlie_client: Client) -> None:
    chat, folder = make_chat(owner=alice, system_prompt="Secret."), make_folder(owner=alice, system_prompt="Secret.")
    preset = make_preset(owner=alice, system_prompt="Secret.")

    for method in (charlie_client.get, charlie_client.post):
        assert method(options_url(chat), {"option_seed": "1"}).status_code == 404
        assert method(NEW, {"folder": str(folder.uuid)}).status_code == 404
        assert b"Secret." not in method(NEW, {"model": preset_id(preset.uuid)}).content
        assert method(NEW, {"folder": "nonsense"}).status_code == 404
    assert method(f"/chats/{uuid4()}/options/").status_code == 404
    chat.refresh_from_db()
    assert chat.options == {}


def test_what_people_wrote_is_no_markup(alice: User, alice_client: Client) -> None:
    attack = "<img src=x onerror=alert(1)>"
    set_own_defaults(alice, system_prompt=attack, options={"stop": [attack]})

    html = shown(alice_client, options_url(make_chat(owner=alice, system_prompt=attack)))

    assert attack not in html
    assert html.count("&lt;img src=x") == 3


# ---- a person's own, and an administrator's ------------------------------------------------------


def test_a_person_sets_what_holds_for_all_their_questions(alice: User, bob: User, alice_client: Client) -> None:
    url = reverse("presets:defaults")
    wrong = alice_client.post(url, {"option_top_p": "3"})
    saved = alice_client.post(url, {"system_prompt": "Call me Al.", "option_stop": "END\r\n"}, follow=True)

    alice.refresh_from_db()
    bob.refresh_from_db()
    assert wrong.status_code == 422
    assert (alice.system_prompt, alice.options) == ("Call me Al.", {"stop": ["END"]})
    assert (bob.system_prompt, bob.options) == ("", {})
    assert "Call me Al." in saved.content.decode()


def test_an_administrator_sets_what_holds_for_a_model(root_client: Client, alice_client: Client) -> None:
    url = f"{reverse('administration:model_defaults')}?model=hf.co/a/b:Q4"
    saved = root_client.post(url, {"system_prompt": "Be kind.", "option_num_ctx": "4096"})

    assert saved.status_code == 302
    html = root_client.get(url).content.decode()
    assert "Be kind." in html
    assert 'value="4096"' in html
    assert alice_client.get(url).status_code == alice_client.post(url, {}).status_code == 404
    assert root_client.get(reverse("administration:model_defaults")).status_code == 404
    assert root_client.get(f"{reverse('administration:model_defaults')}?model={'x' * 300}").status_code == 404
