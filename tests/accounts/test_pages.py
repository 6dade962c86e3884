from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.factories import PASSWORD, make_user
from webui.accounts import services
from webui.accounts.models import Role, User

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _no_attempts_yet() -> None:
    cache.clear()


@pytest.fixture
def site_with_administrator() -> User:
    return services.add_person(email="root@example.org", password=PASSWORD, role=Role.ADMIN)


def sign_up(client: Client, email: str = "alice@example.org", **form: str) -> str:
    values = {"email": email, "password1": PASSWORD, "name": "Alice", **form}
    return client.post(reverse("account_signup"), values).content.decode()


def test_the_first_visitor_is_sent_to_sign_up(client: Client) -> None:
    response = client.get("/accounts/login/", follow=True)

    assert "It becomes the administrator of this site." in response.content.decode()


def test_a_first_sign_up_is_signed_in_as_administrator(client: Client) -> None:
    sign_up(client)

    user = User.objects.get()
    assert (user.email, user.name, user.role) == ("alice@example.org", "Alice", Role.ADMIN)
    assert client.session["_auth_user_id"] == str(user.pk)


def test_a_later_sign_up_waits_and_is_told_whom_to_ask(site_with_administrator: User, settings: Settings) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"waiting_note": "Ask Root <b>now</b>."}
    client = Client()
    sign_up(client)

    page = client.get(reverse("accounts:profile"), follow=True)

    assert page.request["PATH_INFO"] == reverse("accounts:pending")
    assert "Waiting for approval" in page.content.decode()
    assert "Ask Root &lt;b&gt;now&lt;/b&gt;." in page.content.decode()


def test_an_approved_person_leaves_the_waiting_page(site_with_administrator: User) -> None:
    client = Client()
    sign_up(client)
    services.change_role(User.objects.get(email="alice@example.org"), Role.USER)

    response = client.get(reverse("accounts:pending"))

    assert response.headers["Location"] == "/"


def test_a_closed_site_says_so(client: Client, site_with_administrator: User, settings: Settings) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"signup": "closed"}

    assert "Sign-up is closed" in client.get(reverse("account_signup")).content.decode()
    assert "Sign-up is closed" in sign_up(client)
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"email": "nonsense"}, "Enter a valid email address."),
        ({"password1": "short"}, "too short"),
        ({"password1": "password"}, "too common"),
        ({"email": ""}, "This field is required."),
    ],
)
def test_errors_of_sign_up_stand_beside_the_field(client: Client, form: dict[str, str], error: str) -> None:
    page = sign_up(client, **form)

    assert error in page
    assert "field--wrong" in page
    assert not User.objects.exists()


def test_a_taken_address_is_an_error_and_no_second_account(client: Client, site_with_administrator: User) -> None:
    page = sign_up(client, email="ROOT@example.org")

    assert "already registered" in page
    assert User.objects.count() == 1


def test_an_address_of_any_case_signs_in(client: Client, site_with_administrator: User) -> None:
    response = client.post(reverse("account_login"), {"login": "ROOT@example.org", "password": PASSWORD})

    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(site_with_administrator.pk)


def test_an_unknown_address_and_a_wrong_password_look_the_same(client: Client, site_with_administrator: User) -> None:
    def page_of(email: str) -> str:
        response = client.post(reverse("account_login"), {"login": email, "password": "not the password"})
        assert response.status_code == 200
        return response.content.decode().replace(email, "").split("<form")[1].split("</form>")[0]

    known, unknown = page_of("root@example.org"), page_of("nobody@example.org")

    assert "not correct" in known
    assert known.split("csrfmiddlewaretoken")[1][80:] == unknown.split("csrfmiddlewaretoken")[1][80:]


def test_guessing_passwords_is_slowed_down(client: Client, site_with_administrator: User) -> None:
    for _ in range(5):
        client.post(reverse("account_login"), {"login": "root@example.org", "password": "wrong"})

    page = client.post(reverse("account_login"), {"login": "root@example.org", "password": PASSWORD})

    assert "Too many failed" in page.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_suspended_person_is_locked_out_at_once(alice: User, sign_in: SignIn, root: User) -> None:
    client = sign_in(alice)
    services.suspend(alice)

    assert client.get("/accounts/profile/").status_code == 302
    response = client.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD}, follow=True)
    assert "This account is suspended" in response.content.decode()


@pytest.mark.parametrize("password", ["", "\0", "a" * 5000])
def test_odd_passwords_are_refused_without_a_failure(
    client: Client, site_with_administrator: User, password: str
) -> None:
    response = client.post(reverse("account_login"), {"login": "root@example.org", "password": password})

    assert response.status_code == 200
    assert "_auth_user_id" not in client.session


def test_signing_out_needs_a_post(alice_client: Client) -> None:
    alice_client.get(reverse("account_logout"))
    assert "_auth_user_id" in alice_client.session

    alice_client.post(reverse("account_logout"))
    assert "_auth_user_id" not in alice_client.session


def test_a_person_renames_herself_and_nothing_else(alice: User, alice_client: Client) -> None:
    alice_client.post(reverse("accounts:profile"), {"name": "Alice B.", "role": "admin", "email": "x@example.org"})

    alice.refresh_from_db()
    assert (alice.name, alice.role, alice.email) == ("Alice B.", Role.USER, "alice@example.org")


def test_a_password_change_keeps_this_browser_and_ends_the_others(alice: User, sign_in: SignIn) -> None:
    here, elsewhere = sign_in(alice), sign_in(alice)
    new = "another long password"

    here.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new})

    assert here.get(reverse("accounts:profile")).status_code == 200
    assert elsewhere.get(reverse("accounts:profile")).status_code == 302


def test_a_script_is_told_401_and_403_instead_of_being_redirected() -> None:
    stranger, waiting = Client(), Client()
    waiting.force_login(make_user(role=Role.PENDING))

    for client, status in [(stranger, 401), (waiting, 403)]:
        response = client.get(reverse("accounts:profile"), headers={"accept": "application/json"})
        assert response.status_code == status
        assert response.json()["error"]


def test_htmx_takes_the_whole_page_to_the_sign_in(client: Client) -> None:
    response = client.get(reverse("accounts:profile"), headers={"hx-request": "true"})

    assert response.headers["HX-Redirect"].startswith(reverse("account_login"))


def test_a_form_without_its_token_changes_nothing(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    response = client.post(reverse("accounts:profile"), {"name": "Mallory"})

    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()
    alice.refresh_from_db()
    assert alice.name == "Alice"


def test_the_session_cookie_is_hardened(client: Client, site_with_administrator: User) -> None:
    client.post(reverse("account_login"), {"login": "root@example.org", "password": PASSWORD})

    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_a_person_chooses_what_models_are_asked_for_after_an_answer(
    alice: User, alice_client: Client, settings: Settings
) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"afterthoughts": "on"}
    assert (alice.wants_titles, alice.wants_follow_ups, alice.wants_tags) == (True, True, False)

    page = alice_client.post(reverse("accounts:afterthoughts"), {"wants_tags": "on"}, follow=True)

    alice.refresh_from_db()
    assert (alice.wants_titles, alice.wants_follow_ups, alice.wants_tags) == (False, False, True)
    assert "Put tags on my chats" in page.content.decode()
    settings.HEARTH_PINNED_SETTINGS = {"afterthoughts": "off"}
    assert "Put tags on my chats" not in alice_client.get(reverse("accounts:profile")).content.decode()


def test_a_theme_is_kept_for_all_devices_of_a_person(alice: User, sign_in: Callable[[User], Client]) -> None:
    here, there = sign_in(alice), sign_in(alice)

    assert here.post(reverse("accounts:theme"), {"theme": "contrast"}).status_code == 204

    assert 'data-theme="contrast"' in there.get(reverse("accounts:profile")).content.decode()


def test_a_theme_that_there_is_not_is_refused(alice: User, alice_client: Client) -> None:
    assert alice_client.post(reverse("accounts:theme"), {"theme": "pink"}).status_code == 422

    alice.refresh_from_db()
    assert alice.theme == ""
