from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import make_user
from webui.accounts.models import Role, User

pytestmark = pytest.mark.django_db
PEOPLE = "administration:people"


def post(client: Client, action: str, person: User, **form: str) -> str:
    url = reverse(f"administration:{action}", args=[person.uuid])
    return client.post(url, form, follow=True).content.decode()


def test_people_are_found_by_address_and_name(root_client: Client, alice: User, bob: User) -> None:
    page = root_client.get(reverse(PEOPLE), {"q": "ALI"}).content.decode()

    assert "alice@example.org" in page
    assert "bob@example.org" not in page


def test_people_are_filtered_by_role(root_client: Client, alice: User) -> None:
    make_user(email="waiting@example.org", role=Role.PENDING)

    page = root_client.get(reverse(PEOPLE), {"role": "pending"}).content.decode()

    assert "waiting@example.org" in page
    assert "alice@example.org" not in page
    assert "1 waits for approval" in page


def test_pages_of_people_meet_without_gap_or_repetition(root_client: Client, root: User) -> None:
    moment = timezone.now() - timedelta(days=1)
    for number in range(120):
        # The same moment for many: only the id tells them apart.
        make_user(email=f"person{number:03}@example.org", date_joined=moment - timedelta(hours=number // 40))
    seen: list[str] = []
    cursor: str | None = ""

    while cursor is not None:
        page = root_client.get(reverse(PEOPLE), {"before": cursor}).context["page"]
        seen += [person.email for person in page.rows]
        cursor = page.next_cursor

    assert len(seen) == len(set(seen)) == 121


@pytest.mark.parametrize("query", [{"before": "nonsense"}, {"role": "king"}, {"q": "x" * 9000}, {"before": "\0"}])
def test_a_nonsense_query_is_an_ordinary_page(root_client: Client, query: dict[str, str]) -> None:
    assert root_client.get(reverse(PEOPLE), query).status_code == 200


def test_the_page_costs_the_same_for_many_people(root_client: Client, django_assert_max_num_queries: object) -> None:
    for _ in range(40):
        make_user()

    with django_assert_max_num_queries(6):  # type: ignore[operator]
        root_client.get(reverse(PEOPLE))


def test_approving_makes_a_member(root_client: Client) -> None:
    person = make_user(role=Role.PENDING)

    page = post(root_client, "change_role", person, role="user")

    person.refresh_from_db()
    assert person.role == Role.USER
    assert "is now: User" in page


def test_an_unknown_role_changes_nothing(root_client: Client, alice: User) -> None:
    page = post(root_client, "change_role", alice, role="owner")

    alice.refresh_from_db()
    assert alice.role == Role.USER
    assert "no such role" in page


@pytest.mark.parametrize(("action", "form"), [("change_role", {"role": "user"}), ("suspend", {}), ("delete", {})])
def test_the_last_administrator_stays_one(root: User, root_client: Client, action: str, form: dict[str, str]) -> None:
    page = post(root_client, action, root, **form)

    root.refresh_from_db()
    assert root.is_admin
    assert "The last administrator stays one" in page


def test_suspending_and_reinstating(root_client: Client, alice: User) -> None:
    assert "Suspended" in post(root_client, "suspend", alice)
    alice.refresh_from_db()
    assert not alice.is_active

    post(root_client, "reinstate", alice)
    alice.refresh_from_db()
    assert alice.is_active


def test_deleting_removes_one_person(root_client: Client, alice: User, bob: User) -> None:
    post(root_client, "delete", alice)

    assert not User.objects.filter(pk=alice.pk).exists()
    assert User.objects.filter(pk=bob.pk).exists()


def test_a_new_password_is_shown_once_and_works(root_client: Client, alice: User) -> None:
    response = root_client.post(reverse("administration:new_password", args=[alice.uuid]))

    password = response.context["password"]
    alice.refresh_from_db()
    assert password in response.content.decode()
    assert alice.check_password(password)
    assert "no-store" in response.headers["Cache-Control"]
    assert password not in root_client.get(reverse(PEOPLE)).content.decode()


def test_a_name_is_shown_as_text(root_client: Client) -> None:
    make_user(name="<script>alert(1)</script>")

    page = root_client.get(reverse(PEOPLE)).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
