"""The audit log: that every changing address of administration is in it, its page, its files and its end."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

import rag.api
from inference import client, services
from inference.models import Connection
from inference.types import PullProgress, UploadCheck
from rag.models import IndexVersion
from tests.administration.test_model import CONTENTS, TEXTS
from tests.administration.test_pictures import make_connection
from tests.doubles.upstream import FakeModel, Upstream
from tests.factories import PASSWORD, make_chat, make_group, make_user
from tests.permissions.routes import NOBODYS, Route, all_routes
from webui.accounts import audit
from webui.accounts import services as accounts
from webui.accounts.audit_events import Event
from webui.accounts.keys import create_key, revoke_key
from webui.accounts.model_access import set_rule
from webui.accounts.models import ApiKey, AuditRecord, Group, Role, User
from webui.administration import problems
from webui.administration.downloads import DOWNLOADS, Download
from webui.administration.services import change_setting
from webui.administration.views import documents
from webui.chats.background import clear_up
from webui.chats.services import sharing
from webui.imagery.models import ImageConnection

pytestmark = pytest.mark.django_db
PAGE = "administration:audit"


@dataclass
class Scene:
    """What there is to change."""

    bob: User
    group: Group
    upstream: Upstream

    def connection(self) -> Connection:
        return services.create_connection(name="Box", kind="ollama", base_url=self.upstream.url)

    def pictures(self) -> ImageConnection:
        return make_connection()

    def download(self) -> Download:
        return DOWNLOADS.start("tiny")


@dataclass(frozen=True)
class Post:
    """One request that changes something: the event that it leaves, its form, and what its address names."""

    event: Event
    form: dict[str, str]
    names: Callable[[Scene], tuple[object, ...]] = lambda scene: ()


def _bob(scene: Scene) -> tuple[object, ...]:
    return (scene.bob.uuid,)


def _group(scene: Scene) -> tuple[object, ...]:
    return (scene.group.uuid,)


def _connection(scene: Scene) -> tuple[object, ...]:
    return (scene.connection().uuid,)


def _pictures(scene: Scene) -> tuple[object, ...]:
    return (scene.pictures().uuid,)


def _member(scene: Scene) -> tuple[object, ...]:
    scene.group.members.add(scene.bob)
    return (scene.group.uuid, scene.bob.uuid)


def _download(scene: Scene) -> tuple[object, ...]:
    return (scene.download().uuid,)


def _setting(scene: Scene) -> tuple[object, ...]:
    change_setting("signup", "closed", by=scene.bob)
    AuditRecord.objects.all().delete()
    return ("signup",)


def _given(scene: Scene) -> tuple[object, ...]:
    User.objects.filter(pk=scene.bob.pk).update(uuid=GIVEN)
    set_rule("builtin/tiny", is_open=False, people=[scene.bob], groups=[], by=scene.bob)
    return ()


GIVEN = "00000000-0000-4000-8000-000000000001"
SERVER = {"name": "Box", "kind": "ollama", "base_url": "http://127.0.0.1:9", "action": "save_anyway"}
STUDIO = {
    "name": "Studio",
    "base_url": "http://127.0.0.1:9/v1",
    "sizes": "512x512",
    "audience": "everybody",
    "action": "save_anyway",
}
VOICE = {"base_url": "http://127.0.0.1:9", "model": "tts-1", "voices": "alloy", "form": "wav"}
MODEL = {"model": "tiny:latest"}
DIGEST = "ab" * 32

POSTS = {
    "change_role": Post(Event.ROLE_CHANGED, {"role": "admin"}, _bob),
    "suspend": Post(Event.PERSON_SUSPENDED, {}, _bob),
    "reinstate": Post(Event.PERSON_REINSTATED, {}, _bob),
    "new_password": Post(Event.PASSWORD_RESET, {}, _bob),
    "sign_out": Post(Event.SESSIONS_ENDED, {}, _bob),
    "revoke_keys": Post(Event.KEYS_REVOKED, {}, _bob),
    "delete": Post(Event.PERSON_DELETED, {}, _bob),
    "create_group": Post(Event.GROUP_CREATED, {"name": "New"}),
    "group": Post(Event.GROUP_CHANGED, {"name": "Renamed"}, _group),
    "group_permissions": Post(Event.GROUP_PERMISSIONS_CHANGED, {"permissions": "upload"}, _group),
    "add_member": Post(Event.MEMBER_ADDED, {"person": "bob@example.org"}, _group),
    "remove_member": Post(Event.MEMBER_REMOVED, {}, _member),
    "delete_group": Post(Event.GROUP_DELETED, {}, _group),
    "permissions": Post(Event.PERMISSIONS_CHANGED, {"permissions": "upload"}),
    "add_connection": Post(Event.CONNECTION_CREATED, SERVER),
    "edit_connection": Post(Event.CONNECTION_CHANGED, SERVER, _connection),
    "enable_connection": Post(Event.CONNECTION_ENABLED, {}, _connection),
    "disable_connection": Post(Event.CONNECTION_DISABLED, {}, _connection),
    "delete_connection": Post(Event.CONNECTION_DELETED, {}, _connection),
    "add_picture_connection": Post(Event.PICTURE_SERVER_CREATED, STUDIO, lambda scene: ("openai",)),
    "edit_picture_connection": Post(Event.PICTURE_SERVER_CHANGED, STUDIO, _pictures),
    "default_picture_connection": Post(Event.PICTURE_SERVER_PREFERRED, {}, _pictures),
    "enable_picture_connection": Post(Event.PICTURE_SERVER_ENABLED, {}, _pictures),
    "disable_picture_connection": Post(Event.PICTURE_SERVER_DISABLED, {}, _pictures),
    "delete_picture_connection": Post(Event.PICTURE_SERVER_DELETED, {}, _pictures),
    "save_texts": Post(Event.MODEL_CHANGED, TEXTS | {"system": "Be brief."}),
    "model_defaults": Post(Event.MODEL_DEFAULTS_CHANGED, {"system_prompt": "Be brief."}),
    "keep_settings": Post(Event.MODEL_LOADING_CHANGED, MODEL),
    "forget_settings": Post(Event.MODEL_LOADING_CHANGED, MODEL),
    "delete_model": Post(Event.MODEL_DELETED, MODEL),
    "change_model_access": Post(Event.MODEL_ACCESS_CHANGED, MODEL | {"openness": "closed"}),
    "give_model": Post(Event.MODEL_ACCESS_CHANGED, MODEL | {"to": "bob@example.org"}),
    "take_model": Post(Event.MODEL_ACCESS_CHANGED, MODEL | {"member": GIVEN}, _given),
    "attach": Post(Event.MODEL_ATTACHED, {"path": "/models/a.gguf"}),
    "pull": Post(Event.MODEL_PULLED, {"name": "tiny"}),
    "cancel_download": Post(Event.DOWNLOAD_CANCELLED, {}, _download),
    "remove_download": Post(Event.DOWNLOAD_CANCELLED, {}, _download),
    "finish_upload": Post(Event.MODEL_UPLOADED, {"digest": DIGEST}, lambda scene: (NOBODYS,)),
    "remove_upload": Post(Event.UPLOAD_REMOVED, {}, lambda scene: (NOBODYS,)),
    "choose_embedder": Post(Event.EMBEDDER_CHOSEN, {"embedder": "tiny:latest"}),
    "abort_build": Post(Event.INDEX_ABORTED, {}),
    "roll_back": Post(Event.INDEX_ROLLED_BACK, {}),
    "drop_previous": Post(Event.INDEX_DROPPED, {}),
    "leave_behind": Post(Event.INDEX_LEFT_BEHIND, {}),
    "save_voice": Post(Event.VOICE_SERVER_KEPT, VOICE, lambda scene: ("speak",)),
    "remove_voice": Post(Event.VOICE_SERVER_REMOVED, {}, lambda scene: ("speak",)),
    "change_setting": Post(Event.SETTING_CHANGED, {"signup-value": "closed"}, lambda scene: ("signup",)),
    "reset_setting": Post(Event.SETTING_RESET, {}, _setting),
}
UNRECORDED = {
    "load_with": "what is in memory now; nothing is kept",
    "load_model": "what is in memory now; nothing is kept",
    "unload": "what is in memory now; nothing is kept",
    "unload_model": "what is in memory now; nothing is kept",
    "unload_runner": "what is in memory now; nothing is kept",
    "begin_upload": "the end of the upload is recorded",
    "send_chunk": "the end of the upload is recorded",
    "try_voice": "tries what was typed and keeps nothing",
}
"""Addresses that are posted to and leave no record, each with the reason."""


@pytest.fixture
def scene(upstream: Upstream, settings: Settings, bob: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    settings.HEARTH_INFERENCE_URL = upstream.url
    upstream.models = [FakeModel(name="tiny:latest", contents=CONTENTS)]
    monkeypatch.setattr(problems, "is_in_container", lambda: False)
    _let_servers_say_yes(monkeypatch)
    yield Scene(bob=bob, group=make_group(name="Readers"), upstream=upstream)
    for download in DOWNLOADS:
        DOWNLOADS.remove(download)
        assert download.wait(5)
    upstream.wait_until(lambda double: double.n_active == 0)


def _let_servers_say_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put doubles where another server or the index is asked for what tests of its own prove."""

    async def nothing(*args: object, **others: object) -> None:
        return None

    async def attached(path: str) -> tuple[str, ...]:
        return ("a:latest",)

    async def finished(*args: object) -> UploadCheck:
        return UploadCheck(is_finished=True, checked_bytes=3, sha256=DIGEST, models=("a:latest",))

    async def chosen(name: str, *, by: User) -> IndexVersion:
        return IndexVersion(state=IndexVersion.State.CURRENT)

    async def endless(name: str) -> AsyncIterator[PullProgress]:
        await asyncio.Event().wait()
        yield PullProgress(status="never")

    # A download runs until it is cancelled.
    monkeypatch.setattr(client, "pull_model", endless)
    for name in ("keep_settings", "delete_model", "change_model", "remove_upload"):
        monkeypatch.setattr(client, name, nothing)
    monkeypatch.setattr(client, "attach_model", attached)
    monkeypatch.setattr(client, "finish_upload", finished)
    monkeypatch.setattr(rag.api, "choose_embedder", chosen)
    for name in ("abort_build", "roll_back", "drop_previous", "leave_behind"):
        monkeypatch.setattr(rag.api, name, lambda: None)
    monkeypatch.setattr(documents.EmbedderForm, "is_valid", lambda form: True)
    monkeypatch.setattr(documents.EmbedderForm, "cleaned_data", {"embedder": "tiny:latest"}, raising=False)


def changing_routes(root_client: Client) -> set[str]:
    """Return the addresses of administration that can be posted to: what `Allow` says to a verb that none knows."""

    def takes_posts(route: Route) -> bool:
        response = root_client.put(route.url([NOBODYS] * len(route.ids)))
        return "POST" in response.headers.get("Allow", "")

    return {route.name.partition(":")[2] for route in all_routes("administrator") if takes_posts(route)}


def test_every_address_that_can_be_posted_to_leaves_a_record_or_has_a_reason(root_client: Client) -> None:
    assert changing_routes(root_client) == POSTS.keys() | UNRECORDED.keys()


@pytest.mark.parametrize("name", POSTS)
def test_a_change_is_in_the_log_with_who_and_from_where(
    root_client: Client, root: User, scene: Scene, name: str
) -> None:
    post = POSTS[name]
    url = reverse(f"administration:{name}", args=post.names(scene))
    AuditRecord.objects.all().delete()

    url = f"{url}?model=tiny" if name == "model_defaults" else url
    root_client.post(url, post.form, REMOTE_ADDR="192.0.2.7")

    row = AuditRecord.objects.get()
    assert (row.event, row.actor, row.address) == (post.event, "Root (root@example.org)", "192.0.2.7")


def test_a_refused_change_leaves_no_record(root_client: Client, root: User) -> None:
    AuditRecord.objects.all().delete()

    root_client.post(reverse("administration:change_role", args=[root.uuid]), {"role": "user"})

    assert not AuditRecord.objects.exists()


def test_a_record_outlives_the_person_that_it_tells_of(root_client: Client) -> None:
    person = make_user(email="gone@example.org", name="Gone")

    root_client.post(reverse("administration:delete", args=[person.uuid]))

    assert AuditRecord.objects.get(event=Event.PERSON_DELETED).subject == "Gone (gone@example.org)"


def test_signing_in_and_failing_to_are_recorded_without_what_was_typed(client: Client, alice: User) -> None:
    url = reverse("account_login")

    client.post(url, {"login": "alice@example.org", "password": "a wrong secret"}, REMOTE_ADDR="192.0.2.7")
    client.post(url, {"login": "a.secret@example.org", "password": "a wrong secret"})
    client.post(url, {"login": "alice@example.org", "password": PASSWORD})

    found = list(AuditRecord.objects.order_by("id").values_list("event", "actor", "subject"))
    assert found == [
        (Event.SIGN_IN_FAILED, "", "Alice (alice@example.org)"),
        (Event.SIGN_IN_FAILED, "", ""),
        (Event.SIGNED_IN, "Alice (alice@example.org)", ""),
    ]
    assert AuditRecord.objects.order_by("id")[0].address == "192.0.2.7"
    assert not [row for row in AuditRecord.objects.values_list() if "secret" in str(row)]


def test_signing_up_and_a_new_password_of_ones_own_are_recorded(client: Client, root: User) -> None:
    accounts.change_role(root, Role.ADMIN)
    new = {"email": "dora@example.org", "password1": "a rare long phrase", "name": "Dora"}
    client.post(reverse("account_signup"), new)
    User.objects.filter(email="dora@example.org").update(role=Role.USER)

    client.post(
        reverse("account_change_password"),
        {"oldpassword": "a rare long phrase", "password1": "another rare phrase", "password2": "another rare phrase"},
    )

    assert AuditRecord.objects.filter(event=Event.SIGNED_UP, actor="Dora (dora@example.org)").exists()
    assert AuditRecord.objects.filter(event=Event.PASSWORD_CHANGED, actor="Dora (dora@example.org)").exists()
    assert "phrase" not in str(list(AuditRecord.objects.values_list()))


def test_a_chat_for_everybody_is_recorded_when_it_begins_and_when_it_ends(alice: User) -> None:
    link = sharing.share_chat(make_chat(owner=alice, messages=2), is_live=True)

    for is_public in (True, True, False):
        sharing.change_link(link, is_live=True, has_files=False, is_public=is_public)

    events = AuditRecord.objects.order_by("id").values_list("event", flat=True)
    assert list(events) == [Event.SHARED_PUBLICLY, Event.PUBLIC_SHARING_ENDED]


def test_keys_are_recorded_without_their_tokens(alice: User) -> None:
    key, token = create_key(alice, name="Laptop", scopes=[ApiKey.Scope.ANSWERS])
    revoke_key(key)

    found = list(AuditRecord.objects.order_by("id").values_list("event", "subject", "detail"))
    facts = f"{token[:13]}…, answers"
    assert found == [(Event.KEY_CREATED, "Laptop", facts), (Event.KEY_REVOKED, "Laptop", facts)]


def test_who_manages_models_with_a_key_is_recorded(client: Client, root: User, scene: Scene) -> None:
    _key, token = create_key(root, name="Script", scopes=[ApiKey.Scope.MANAGEMENT])
    AuditRecord.objects.all().delete()

    client.delete("/ollama/api/delete", {"model": "tiny:latest"}, "application/json", headers={"x-api-key": token})

    row = AuditRecord.objects.get()
    assert (row.event, row.actor, row.subject) == (Event.MODEL_DELETED, "Root (root@example.org)", "tiny:latest")


def test_taking_all_chats_along_is_recorded(alice_client: Client) -> None:
    alice_client.get(reverse("chats:export_all"))

    assert AuditRecord.objects.filter(event=Event.CHATS_EXPORTED, actor="Alice (alice@example.org)").exists()


def test_what_the_command_line_does_is_told_apart(db: None) -> None:
    accounts.add_person(email="dora@example.org", password=PASSWORD, role=Role.USER)

    assert AuditRecord.objects.get().actor == audit.COMMAND_LINE


# ---- the page and its files --------------------------------------------------------------------------


def shown(root_client: Client, **query: str) -> str:
    return root_client.get(reverse(PAGE), query).content.decode()


def make_records(n: int, event: str = Event.SIGNED_IN, **fields: object) -> None:
    moment = timezone.now() - timedelta(days=1)
    rows = [AuditRecord(event=event, happened_at=moment, **{"actor": f"p{n}", **fields}) for n in range(n)]
    AuditRecord.objects.bulk_create(rows)


def test_only_administrators_read_the_log(alice_client: Client) -> None:
    assert alice_client.get(reverse(PAGE)).status_code == 404
    assert alice_client.get(reverse("administration:export_audit", args=["csv"])).status_code == 404


def test_the_log_is_filtered_by_person_kind_and_day(root_client: Client) -> None:
    yesterday, today = timezone.now() - timedelta(days=1), timezone.localdate()
    AuditRecord.objects.create(event=Event.ROLE_CHANGED, actor="Bob (bob@example.org)", subject="first")
    AuditRecord.objects.create(event=Event.SIGNED_IN, actor="zoe@example.org", subject="second")
    AuditRecord.objects.create(event=Event.SIGNED_IN, actor="bob@example.org", subject="third", happened_at=yesterday)

    def subjects(**query: str) -> list[str]:
        page = root_client.get(reverse(PAGE), query).context["page"]
        return [row.subject for row in page.rows if row.subject]

    assert subjects() == ["second", "first", "third"]
    assert subjects(person="BOB@") == ["first", "third"]
    assert subjects(event="signed_in") == ["second", "third"]
    assert subjects(since=today.isoformat()) == ["second", "first"]
    assert subjects(until=(today - timedelta(days=1)).isoformat()) == ["third"]
    assert subjects(person="bob", event="signed_in") == ["third"]


@pytest.mark.parametrize(
    "query",
    [
        {"before": "x"},
        {"event": "king"},
        {"since": "soon"},
        {"until": "9999-12-31"},
        {"since": "0001-01-01"},
        {"person": "\0"},
    ],
)
def test_a_nonsense_query_is_an_ordinary_page(root_client: Client, query: dict[str, str]) -> None:
    assert root_client.get(reverse(PAGE), query).status_code == 200


def test_pages_of_the_log_meet_without_gap_or_repetition_and_cost_the_same(
    root_client: Client, django_assert_max_num_queries: object
) -> None:
    make_records(120)
    seen: list[int] = []
    cursor: str | None = ""

    while cursor is not None:
        with django_assert_max_num_queries(6):  # type: ignore[operator]
            page = root_client.get(reverse(PAGE), {"before": cursor}).context["page"]
        seen += [row.pk for row in page.rows]
        cursor = page.next_cursor

    assert len(seen) == len(set(seen)) == AuditRecord.objects.count()


def test_what_people_are_called_is_text_on_the_page_and_no_formula_in_the_file(root_client: Client) -> None:
    make_records(1, actor="=HYPERLINK(1)", subject="<script>alert(1)</script>", detail='a "quoted", word')

    page = shown(root_client)
    response = root_client.get(reverse("administration:export_audit", args=["csv"]))
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))

    assert "<script>alert" not in page
    assert rows[-1]["actor"] == "'=HYPERLINK(1)"
    assert rows[-1]["detail"] == 'a "quoted", word'
    assert "attachment" in response.headers["Content-Disposition"]


def test_the_file_has_all_pages_of_what_is_filtered_and_is_itself_recorded(root_client: Client) -> None:
    make_records(1200, subject="many")

    response = root_client.get(
        reverse("administration:export_audit", args=["jsonl"]), {"event": "signed_in", "person": "many"}
    )
    lines = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]

    assert len({line["actor"] for line in lines}) == len(lines) == 1200
    assert AuditRecord.objects.filter(event=Event.LOG_EXPORTED, detail="jsonl").exists()


def test_the_upkeep_removes_what_is_older_than_the_site_keeps_it(root: User) -> None:
    now = timezone.now()
    for days in (29, 31, 364, 366):
        AuditRecord.objects.create(event="signed_in", subject=str(days), happened_at=now - timedelta(days=days))

    def kept() -> list[str]:
        clear_up()
        return list(AuditRecord.objects.filter(event="signed_in").order_by("id").values_list("subject", flat=True))

    assert kept() == ["29", "31", "364"]
    change_setting("audit_days", "0", by=root)
    assert kept() == ["29", "31", "364"]
    change_setting("audit_days", "30", by=root)
    assert kept() == ["29"]


def test_each_kind_of_event_fits_its_column_and_has_words_of_its_own() -> None:
    labels = [str(event.label) for event in Event]

    assert len(set(labels)) == len(labels)
    assert max(len(event.value) for event in Event) <= AuditRecord._meta.get_field("event").max_length
