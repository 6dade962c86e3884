"""Fifty people sign up at once; one becomes the administrator.

Real transactions on a real database file from real threads, so the tests run outside a transaction of their own.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import close_old_connections, connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.factories import PASSWORD, make_user
from webui.accounts import services
from webui.accounts.errors import LastAdministrator
from webui.accounts.models import Role, User

N_PEOPLE = 50

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("policy", ["open", "approval", "closed"])
def test_fifty_parallel_sign_ups_make_one_administrator(settings: Settings, policy: str) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"signup": policy}
    start = Barrier(N_PEOPLE)

    def sign_up(number: int) -> int:
        # Each from an address of its own: how many may sign up from one is the rate limit's question.
        client = Client(REMOTE_ADDR=f"10.0.0.{number}")
        start.wait(timeout=30)
        try:
            form = {"email": f"person{number}@example.org", "password1": PASSWORD, "name": ""}
            return client.post(reverse("account_signup"), form).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(N_PEOPLE) as pool:
        statuses = Counter(pool.map(sign_up, range(N_PEOPLE)))

    roles = Counter(User.objects.values_list("role", flat=True))
    assert roles[Role.ADMIN] == 1
    if policy == "closed":
        assert 500 not in statuses
        assert roles.total() == 1
    else:
        assert statuses == {302: N_PEOPLE}
        assert roles.total() == N_PEOPLE


def test_the_first_administrator_of_the_environment_races_with_a_sign_up() -> None:
    start = Barrier(2)

    def in_thread(number: int) -> None:
        start.wait(timeout=30)
        try:
            if number:
                services.ensure_first_administrator(email="root@example.org", password=PASSWORD)
            else:
                services.sign_up(User(email="alice@example.org"))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(in_thread, range(2)))

    assert User.objects.filter(role=Role.ADMIN).count() == 1


def test_administrators_who_remove_each_other_at_once_leave_one() -> None:
    administrators = [make_user(role=Role.ADMIN) for _ in range(8)]
    start = Barrier(len(administrators))

    def demote(number: int) -> None:
        start.wait(timeout=30)
        try:
            services.change_role(administrators[number], Role.USER)
        except LastAdministrator:
            return
        finally:
            connection.close()

    with ThreadPoolExecutor(len(administrators)) as pool:
        list(pool.map(demote, range(len(administrators))))

    close_old_connections()
    assert User.objects.filter(role=Role.ADMIN).count() == 1
