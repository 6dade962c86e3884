from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.doubles.upstream import Upstream
from tests.factories import make_user
from webui.accounts.models import Role, User
from webui.administration import services
from webui.administration.declarations import BY_NAME, DECLARATIONS
from webui.administration.errors import SettingLocked
from webui.administration.models import SettingChange, SiteSetting
from webui.administration.queries import EffectiveSetting, effective_settings, history_of, site_setting

pytestmark = pytest.mark.django_db


def effective(name: str) -> EffectiveSetting:
    return next(setting for setting in effective_settings() if setting.declaration.name == name)


def change(client: Client, name: str, value: str) -> tuple[int, str]:
    url = reverse("administration:change_setting", args=[name])
    response = client.post(url, {f"{name}-value": value}, follow=True)
    return response.status_code, response.content.decode()


def test_a_setting_starts_at_its_default() -> None:
    assert site_setting("signup") == "approval"
    assert effective("signup").provenance == "default"


def test_an_administrator_changes_a_setting_and_is_named(root_client: Client, root: User) -> None:
    _, page = change(root_client, "signup", "open")

    assert site_setting("signup") == "open"
    assert effective("signup").provenance == "administrator"
    assert "Set by Root" in page


def test_a_setting_returns_to_its_default(root_client: Client) -> None:
    change(root_client, "signup", "open")

    root_client.post(reverse("administration:reset_setting", args=["signup"]))

    assert effective("signup").provenance == "default"


def test_the_environment_wins_visibly_and_cannot_be_changed(
    root_client: Client, root: User, settings: Settings
) -> None:
    services.change_setting("signup", "open", by=root)
    settings.HEARTH_PINNED_SETTINGS = {"signup": "closed"}

    page = root_client.get(reverse("administration:settings")).content.decode()
    assert "Fixed by HEARTH_SIGNUP" in page
    change(root_client, "signup", "approval")
    root_client.post(reverse("administration:reset_setting", args=["signup"]))

    assert site_setting("signup") == "closed"
    assert SiteSetting.objects.get(name="signup").value == "open"


def test_a_locked_setting_refuses_also_below_the_page(settings: Settings, root: User) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"signup": "closed"}

    with pytest.raises(SettingLocked):
        services.change_setting("signup", "open", by=root)


def test_a_value_out_of_choice_is_an_error_beside_the_field(root_client: Client) -> None:
    status, page = change(root_client, "signup", "sometimes")

    assert status == 422
    assert "field__error" in page
    assert site_setting("signup") == "approval"


def test_a_row_that_makes_no_sense_any_more_counts_as_the_default(root: User) -> None:
    SiteSetting.objects.create(name="signup", value="from another version")

    assert effective("signup").provenance == "default"


@pytest.mark.parametrize("action", ["change_setting", "reset_setting"])
def test_an_unknown_setting_does_not_exist(root_client: Client, action: str) -> None:
    assert root_client.post(reverse(f"administration:{action}", args=["secret_key"])).status_code == 404
    assert root_client.get(reverse("administration:setting_history", args=["secret_key"])).status_code == 404


def test_the_history_tells_who_changed_a_setting_from_what_to_what(root_client: Client, root: User) -> None:
    change(root_client, "signup", "open")
    change(root_client, "signup", "open")
    root_client.post(reverse("administration:reset_setting", args=["signup"]))
    root_client.post(reverse("administration:reset_setting", args=["signup"]))
    change(root_client, "web_pages", "off")

    entries = history_of(BY_NAME["signup"])
    page = root_client.get(reverse("administration:setting_history", args=["signup"])).content.decode()

    assert [(entry.former, entry.value, entry.change.person) for entry in entries] == [
        ("Everybody, at once", "Default: Everybody, after an administrator has approved", "Root"),
        ("Default: Everybody, after an administrator has approved", "Everybody, at once", "Root"),
    ]
    assert "Everybody, at once" in page
    assert "Root" in page


def test_the_history_outlives_who_made_it(root_client: Client) -> None:
    other = make_user(email="grace@example.org", name="Grace", role=Role.ADMIN)
    services.change_setting("signup", "open", by=other)
    other.delete()

    page = root_client.get(reverse("administration:setting_history", args=["signup"])).content.decode()

    assert "Grace" in page


def test_a_value_of_the_past_can_be_set_again_where_it_still_is_one(
    root_client: Client, root: User, settings: Settings
) -> None:
    for value in ("closed", "open"):
        services.change_setting("signup", value, by=root)
    SettingChange.objects.create(name="signup", former="a", value="from another version")
    SettingChange.objects.create(name="signup", former="open", value="open")
    history = reverse("administration:setting_history", args=["signup"])

    page = root_client.get(history).content.decode()
    settings.HEARTH_PINNED_SETTINGS = {"signup": "closed"}
    locked = root_client.get(history).content.decode()

    assert page.count("Set again") == 2
    assert 'name="signup-value" value="closed"' in page
    assert 'value="from another version"' not in page
    assert "Set again" not in locked


def test_a_variable_from_the_file_is_told_apart_from_one_of_the_environment(
    root_client: Client, settings: Settings
) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"signup": "closed", "web_pages": "off"}
    settings.HEARTH_ENV_FILE_DECIDES = frozenset({"HEARTH_SIGNUP"})

    page = root_client.get(reverse("administration:settings")).content.decode()

    assert "Fixed by HEARTH_SIGNUP in the file of variables" in page
    assert "Fixed by HEARTH_WEB_PAGES<" in page


def test_the_page_lists_what_was_given_and_no_secret(root_client: Client, settings: Settings) -> None:
    settings.HEARTH_GIVEN_VARIABLES = {"HEARTH_PORT": "3001", "HEARTH_SECRET_KEY": ""}

    page = root_client.get(reverse("administration:settings")).content.decode()

    assert "3001" in page
    assert re.search(r"HEARTH_SECRET_KEY</code>\s*<span class=\"variable__value\"><span class=\"muted\">secret", page)


def test_every_declaration_is_complete() -> None:
    for declaration in DECLARATIONS:
        assert str(declaration.label)
        assert str(declaration.help)
        assert not declaration.choices or declaration.default in dict(declaration.choices)


def test_the_page_tells_how_the_model_server_runs(root_client: Client, upstream: Upstream, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = upstream.url

    page = root_client.get(reverse("administration:settings")).content.decode()

    assert "OLLAMA_KEEP_ALIVE" in page
    assert "24h" in page
    assert "Not supported" in page
    assert "CPU: A processor" in page
    assert "No graphics card is used: none is there." in page


def test_what_the_model_server_says_of_its_variables_is_translated(
    root_client: Client, root: User, upstream: Upstream, settings: Settings
) -> None:
    settings.HEARTH_INFERENCE_URL = upstream.url
    upstream.no_gpu_reason = "no driver of a graphics card is loaded"
    User.objects.filter(pk=root.pk).update(language="zh-hans")

    page = root_client.get(reverse("administration:settings")).content.decode()

    assert "模型最后一次使用后保持加载的时间；-1 表示一直保持" in page
    assert "没有加载显卡驱动" in page


def test_the_page_is_there_without_the_model_server(root_client: Client, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = "http://127.0.0.1:1"

    page = root_client.get(reverse("administration:settings")).content.decode()

    assert "It does not answer." in page
    assert "signup" in page


def test_the_folders_that_may_be_connected_are_told_with_where_that_comes_from(
    root_client: Client, settings: Settings, upstream: Upstream
) -> None:
    page = root_client.get(reverse("administration:settings")).content.decode()
    settings.HEARTH_FOLDERS = (Path("/srv/handbook"),)
    pinned = root_client.get(reverse("administration:settings")).content.decode()

    assert "Fixed by HEARTH_FOLDERS" not in page
    assert "Fixed by HEARTH_FOLDERS" in pinned
    assert "/srv/handbook" in pinned
