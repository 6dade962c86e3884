"""The list of keys: what each does is known, and none is said twice."""

from __future__ import annotations

from collections import Counter
from typing import get_args

from django.test import Client

from webui.accounts.models import User
from webui.ui.shortcuts import SHORTCUTS, Act

ALL = [shortcut for group in SHORTCUTS for shortcut in group.shortcuts]


def test_no_keys_do_two_things() -> None:
    acting = Counter(shortcut.keys for shortcut in ALL if shortcut.act)

    assert [keys for keys, n in acting.items() if n > 1] == []
    assert {shortcut.act for shortcut in ALL} == {*get_args(Act)}
    assert all(bool(shortcut.target) == (shortcut.act == "press") for shortcut in ALL)


def test_only_the_question_mark_is_a_single_key() -> None:
    assert [shortcut.keys for shortcut in ALL if shortcut.is_single] == [("?",)]


def test_pages_list_them_and_single_keys_can_be_switched_off(alice: User, alice_client: Client) -> None:
    on = alice_client.get("/accounts/profile/").content.decode()
    alice_client.post("/accounts/profile/", {"name": "Alice", "language": ""})
    off = alice_client.get("/accounts/profile/").content.decode()

    assert on.count("shortcuts__row") == len(ALL)
    assert ("data-no-single-keys" in on, "data-no-single-keys" in off) == (False, True)
