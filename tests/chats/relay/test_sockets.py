"""Who may go on using a socket, as the database has it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest import MonkeyPatch

from webui.accounts.models import User
from webui.chats.background import clear_up
from webui.chats.relay import sockets
from webui.chats.relay.sockets import CLOSE_SIGNED_OUT, CloseCode, Ticket, TicketChecks, check_tickets

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


def in_own_connection(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connection.close()


def test_a_session_that_lives_keeps_its_sockets(alice: User, ticket: Ticket) -> None:
    assert check_tickets([ticket]) == {ticket: alice}


def test_a_session_that_has_expired_loses_them(ticket: Ticket) -> None:
    expire_sessions()

    assert check_tickets([ticket]) == {ticket: CLOSE_SIGNED_OUT}


@pytest.mark.django_db(transaction=True)
async def test_those_who_ask_together_are_checked_together(
    alice: User, ticket: Ticket, charlie_client: Client, monkeypatch: MonkeyPatch
) -> None:
    checked: list[int] = []

    def counted(tickets: set[Ticket]) -> dict[Ticket, User | CloseCode]:
        checked.append(len(tickets))
        return check_tickets(tickets)

    monkeypatch.setattr(sockets, "check_tickets", counted)
    stranger = replace(ticket, session_key="none")
    checks = TicketChecks()

    verdicts = await asyncio.gather(*(checks.verdict(one) for one in [ticket, stranger] * 20))

    assert verdicts == [alice, CLOSE_SIGNED_OUT] * 20
    assert checked == [2]


@pytest.mark.django_db(transaction=True)
async def test_a_check_that_began_before_a_change_does_not_answer_who_asks_after_it(
    ticket: Ticket, monkeypatch: MonkeyPatch
) -> None:
    checks = TicketChecks()
    began, may_go_on = threading.Event(), threading.Event()

    def slow(tickets: set[Ticket]) -> dict[Ticket, User | CloseCode]:
        verdicts = check_tickets(tickets)
        began.set()
        may_go_on.wait(10)
        return verdicts

    monkeypatch.setattr(sockets, "check_tickets", slow)
    early = asyncio.ensure_future(checks.verdict(ticket))
    await asyncio.to_thread(began.wait, 10)
    await asyncio.to_thread(in_own_connection, expire_sessions)
    late = asyncio.ensure_future(checks.verdict(ticket))
    await asyncio.sleep(0)
    may_go_on.set()

    assert isinstance(await early, User)
    assert await late == CLOSE_SIGNED_OUT


def test_expired_sessions_are_cleared_up(ticket: Ticket, bob_client: Client) -> None:
    expire_sessions()
    bob_client.get("/")

    clear_up()

    assert not Session.objects.filter(session_key=ticket.session_key).exists()
