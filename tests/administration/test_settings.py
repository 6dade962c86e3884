from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.doubles.upstream import Upstream
from webui.accounts.models import User
from webui.administration import services
from webui.administration.declarations import DECLARATIONS
from webui.administration.errors import SettingLocked
from webui.administration.models import SiteSetting
from webui.administration.queries import EffectiveSetting, effective_settings, site_setting

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
