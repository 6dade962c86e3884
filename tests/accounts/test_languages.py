from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import PASSWORD
from webui.accounts import services
from webui.accounts.models import Role, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def site_with_administrator() -> User:
    return services.add_person(email="root@example.org", password=PASSWORD, role=Role.ADMIN)


@pytest.mark.parametrize(
    ("wanted", "word", "direction"), [("zh-CN,zh;q=0.9,en;q=0.5", "登录", "ltr"), ("ar-EG", "تسجيل الدخول", "rtl")]
)
def test_who_is_not_signed_in_reads_the_language_of_their_browser(
    site_with_administrator: User, wanted: str, word: str, direction: str
) -> None:
    page = Client(headers={"accept-language": wanted}).get(reverse("account_login"))

    assert word in page.content.decode()
    assert f'dir="{direction}"' in page.content.decode()


def test_a_language_is_chosen_before_signing_in(site_with_administrator: User) -> None:
    browser = Client(headers={"accept-language": "en"})

    chosen = browser.post(reverse("accounts:language"), {"language": "zh-hans", "next": reverse("account_login")})

    assert chosen.headers["Location"] == reverse("account_login")
    assert "登录" in browser.get(reverse("account_login")).content.decode()


@pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example", ""])
def test_a_choice_of_the_language_sends_nobody_to_another_site(place: str) -> None:
    chosen = Client().post(reverse("accounts:language"), {"language": "ar", "next": place})

    assert chosen.headers["Location"] == "/"


def test_a_language_that_there_is_not_is_refused(alice: User, alice_client: Client) -> None:
    assert alice_client.post(reverse("accounts:language"), {"language": "tlh"}).status_code == 422

    alice.refresh_from_db()
    assert alice.language == ""


def test_the_language_of_a_person_holds_on_all_their_devices(alice: User, sign_in: Callable[[User], Client]) -> None:
    here, there = sign_in(alice), sign_in(alice)

    saved = here.post(reverse("accounts:profile"), {"name": "Alice", "language": "zh-hans"}, follow=True)

    # What is said of it is said in it.
    assert "已保存。" in saved.content.decode()
    page = there.get(reverse("accounts:profile"), headers={"accept-language": "ar"})
    assert "个人资料" in page.content.decode()
    assert '<html lang="zh-hans" dir="ltr"' in page.content.decode()
    assert page.headers["Content-Language"] == "zh-hans"


def test_the_forms_of_accounts_speak_the_language_too(site_with_administrator: User) -> None:
    browser = Client(headers={"accept-language": "zh-hans"})

    page = browser.post(reverse("account_login"), {"login": "nobody@example.org", "password": "wrong"})
    short = browser.post(reverse("account_signup"), {"email": "no address", "password1": "1"})

    assert "邮箱或密码不正确。" in page.content.decode()
    # Django's own, with what its catalogue lacks.
    assert "这个密码太常见了。" in short.content.decode()
    assert "密码太短，至少需要 8 个字符。" in short.content.decode()
