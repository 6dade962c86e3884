from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from tests.factories import PASSWORD
from webui.accounts.models import User
from webui.accounts.sessions import device_in_words

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1 Mobile/15E148 Safari/604.1"


def signed_in(person: User, user_agent: str = FIREFOX) -> Client:
    browser = Client(headers={"User-Agent": user_agent})
    answer = browser.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
    assert answer.status_code == 302
    return browser


def is_signed_in(browser: Client) -> bool:
    return browser.get(reverse("accounts:profile")).status_code == 200


def session_of(browser: Client) -> UserSession:
    return UserSession.objects.get(session_key=browser.session.session_key)


def test_each_browser_is_listed_and_the_own_one_named(alice: User, bob: User) -> None:
    here, _phone, _bobs = signed_in(alice), signed_in(alice, SAFARI), signed_in(bob, "curl/8.5.0")

    page = here.get(reverse("accounts:sessions")).content.decode()

    assert "Firefox on Linux" in page
    assert "Safari on iPhone" in page
    assert "curl" not in page
    assert page.count("This browser") == 1
    assert reverse("accounts:end_session", args=[session_of(here).pk]) not in page


def test_a_browser_is_signed_out_from_another_one(alice: User) -> None:
    here, phone, third = signed_in(alice), signed_in(alice, SAFARI), signed_in(alice)

    here.post(reverse("accounts:end_session", args=[session_of(phone).pk]))

    assert [is_signed_in(browser) for browser in (here, phone, third)] == [True, False, True]


def test_all_other_browsers_are_signed_out_at_once(alice: User, bob: User) -> None:
    here, phone, third, bobs = signed_in(alice), signed_in(alice, SAFARI), signed_in(alice), signed_in(bob)

    page = here.post(reverse("accounts:end_other_sessions"), follow=True).content.decode()

    assert "Signed out of 2 other browsers." in page
    assert [is_signed_in(browser) for browser in (here, phone, third, bobs)] == [True, False, False, True]
    assert "Sign out everywhere else" not in page


def test_nobody_ends_a_session_of_somebody_else(alice: User, bob: User, root: User) -> None:
    bobs = signed_in(bob)

    for person in (alice, root):
        answer = signed_in(person).post(reverse("accounts:end_session", args=[session_of(bobs).pk]))
        assert answer.status_code == 404

    assert is_signed_in(bobs)


def test_an_administrator_signs_a_person_out_everywhere(alice: User, root_client: Client, alice_client: Client) -> None:
    browsers = [signed_in(alice), signed_in(alice, SAFARI)]

    page = root_client.post(reverse("administration:sign_out", args=[alice.uuid]), follow=True).content.decode()

    assert "was signed out of 2 browsers" in page
    assert not any(map(is_signed_in, browsers))
    assert alice_client.post(reverse("administration:sign_out", args=[alice.uuid])).status_code == 404
    assert is_signed_in(signed_in(alice))


def test_a_changed_password_leaves_this_browser_alone_signed_in(alice: User) -> None:
    here, phone = signed_in(alice), signed_in(alice, SAFARI)
    new = "another long passphrase"

    here.post(
        reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new}, follow=True
    )

    assert [is_signed_in(browser) for browser in (here, phone)] == [True, False]
    page = here.get(reverse("accounts:sessions")).content.decode()
    assert "This browser" in page
    assert "Safari" not in page


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (SAFARI, "Safari on iPhone"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0 Safari/537.36 Edg/120.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        ("python-httpx/0.28.1", "python-httpx"),
        ("<script>alert(1)</script>", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_called_by_what_it_calls_itself(user_agent: str, words: str) -> None:
    assert device_in_words(user_agent) == words


def test_who_ends_the_own_session_is_asked_to_sign_in(alice: User) -> None:
    here, phone = signed_in(alice), signed_in(alice, SAFARI)

    answer = here.post(reverse("accounts:end_session", args=[session_of(here).pk]))

    assert answer.status_code == 302
    assert [is_signed_in(browser) for browser in (here, phone)] == [False, True]


def test_an_administrator_who_signs_themselves_out_everywhere_is_asked_to_sign_in(root: User) -> None:
    here = signed_in(root)

    answer = here.post(reverse("administration:sign_out", args=[root.uuid]))

    assert answer.status_code == 302
    assert not is_signed_in(here)
