from __future__ import annotations

import pytest
from pytest_django import Settings

from tests.factories import PASSWORD, make_user
from webui.accounts import queries, services
from webui.accounts.errors import EmailTaken, LastAdministrator, SignUpClosed
from webui.accounts.models import Role, User

pytestmark = pytest.mark.django_db


def signed_up(email: str) -> User:
    user = User(email=email)
    user.set_password(PASSWORD)
    return services.sign_up(user)


@pytest.mark.parametrize("policy", ["open", "approval", "closed"])
def test_the_first_to_sign_up_becomes_the_administrator(settings: Settings, policy: str) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"signup": policy}

    assert signed_up("first@example.org").role == Role.ADMIN


@pytest.mark.parametrize(("policy", "role"), [("open", Role.USER), ("approval", Role.PENDING)])
def test_the_policy_decides_about_everybody_after(settings: Settings, policy: str, role: Role) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"signup": policy}
    signed_up("first@example.org")

    assert signed_up("second@example.org").role == role


def test_a_closed_site_admits_nobody(settings: Settings) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"signup": "closed"}
    signed_up("first@example.org")

    with pytest.raises(SignUpClosed):
        signed_up("second@example.org")
    assert not User.objects.filter(email="second@example.org").exists()


def test_setup_stays_finished_when_everybody_has_gone() -> None:
    signed_up("first@example.org")
    User.objects.all().delete()

    assert signed_up("later@example.org").role == Role.PENDING


def test_an_address_is_taken_whatever_its_case() -> None:
    signed_up("first@example.org")

    with pytest.raises(EmailTaken):
        signed_up("FIRST@Example.org")


def test_an_administrator_by_hand_finishes_the_setup() -> None:
    services.add_person(email="root@example.org", password=PASSWORD, role=Role.ADMIN)

    assert signed_up("second@example.org").role == Role.PENDING


def test_a_user_by_hand_leaves_the_setup_open() -> None:
    services.add_person(email="user@example.org", password=PASSWORD, role=Role.USER)

    assert not queries.has_administrator()
    assert signed_up("first@example.org").role == Role.ADMIN


def test_the_first_administrator_is_ensured_once() -> None:
    first = services.ensure_first_administrator(email="Root@example.org", password=PASSWORD)
    second = services.ensure_first_administrator(email="other@example.org", password=PASSWORD)

    assert first is not None
    assert (first.email, first.role) == ("root@example.org", Role.ADMIN)
    assert second is None
    assert User.objects.count() == 1


def test_the_last_administrator_keeps_the_role(root: User) -> None:
    with pytest.raises(LastAdministrator):
        services.change_role(root, Role.USER)
    with pytest.raises(LastAdministrator):
        services.suspend(root)
    with pytest.raises(LastAdministrator):
        services.delete_person(root)

    root.refresh_from_db()
    assert root.is_admin


def test_a_suspended_administrator_does_not_count_as_another(root: User) -> None:
    make_user(role=Role.ADMIN, is_active=False)

    with pytest.raises(LastAdministrator):
        services.change_role(root, Role.USER)


def test_one_of_two_administrators_may_go(root: User) -> None:
    other = make_user(role=Role.ADMIN)

    services.delete_person(other)

    assert list(User.objects.all()) == [root]


def test_a_new_password_is_random_and_works(alice: User) -> None:
    first = services.give_new_password(alice)
    second = services.give_new_password(alice)

    assert first != second
    alice.refresh_from_db()
    assert alice.check_password(second)
