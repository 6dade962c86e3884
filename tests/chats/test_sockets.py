"""Who may go on using a socket, as the database has it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from webui.accounts.models import User
from webui.chats.background import clear_up
from webui.chats.sockets import CLOSE_SIGNED_OUT, Ticket, check_tickets

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket(alice: User, alice_client: Client) -> Ticket:
    return Ticket(
        user_id=alice.pk,
        session_key=alice_client.session.session_key,
        session_hash=alice.get_session_auth_hash(),
    )


def expire_sessions() -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def test_a_session_that_lives_keeps_its_sockets(alice: User, ticket: Ticket) -> None:
    assert check_tickets([ticket]) == {ticket: alice}


def test_a_session_that_has_expired_loses_them(ticket: Ticket) -> None:
    expire_sessions()

    assert check_tickets([ticket]) == {ticket: CLOSE_SIGNED_OUT}


def test_expired_sessions_are_cleared_up(ticket: Ticket, bob_client: Client) -> None:
    expire_sessions()
    bob_client.get("/")

    clear_up()

    assert not Session.objects.filter(session_key=ticket.session_key).exists()
