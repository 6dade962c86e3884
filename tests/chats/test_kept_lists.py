"""What the lists of archived and deleted chats, of tags and of shared chats cost."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import make_chat, make_folder, make_tag
from webui.accounts.models import User
from webui.chats.services import sharing

pytestmark = pytest.mark.django_db

PAGES = ("chats:archived", "chats:deleted", "chats:tags", "chats:choose_tag", "chats:shared_list", "chats:list")


def make_some(owner: User, name: str) -> None:
    """Give somebody one more of everything that these pages list."""
    make_chat(owner=owner, title=name, folder=make_folder(owner=owner, name=name), archived_at=timezone.now())
    make_chat(owner=owner, title=name, folder=make_folder(owner=owner, name=name), deleted_at=timezone.now())
    chat = make_chat(owner=owner, title=name, messages=2)
    make_tag(chat, owner=owner, name=name)
    sharing.share_chat(chat, is_live=True)


@pytest.mark.parametrize("page", PAGES)
def test_a_list_costs_the_same_however_long_it_is(alice: User, alice_client: Client, page: str) -> None:
    make_some(alice, "The first")
    costs = []
    for n_more in (0, 12):
        for number in range(n_more):
            make_some(alice, f"Number {number}")
        with CaptureQueriesContext(connection) as asked:
            shown = alice_client.get(reverse(page)).content.decode()
        costs.append(len(asked))

    assert "Number 3" in shown
    assert costs[1] <= costs[0]
