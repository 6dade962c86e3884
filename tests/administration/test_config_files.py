from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from webui.accounts.models import User
from webui.administration import config_files, services
from webui.administration.declarations import BY_NAME, DECLARATIONS, Declaration
from webui.administration.errors import ConfigFileRefused
from webui.administration.models import SettingChange, SiteSetting
from webui.administration.queries import effective_settings, site_setting

pytestmark = pytest.mark.django_db


def config(deed: str, file: Path | None = None) -> str:
    out = StringIO()
    call_command("config", deed, *([str(file)] if file else []), stdout=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hearth.yml"
    path.write_text("settings:\n  signup: open\n  web_pages: off\n  waiting_note: Ask Ada.\n")
    return path


def test_a_plan_tells_what_would_change_and_changes_nothing(file: Path) -> None:
    told = config("plan", file)

    assert told.splitlines() == [
        "signup: approval (default) -> open",
        "web_pages: on (default) -> off",
        "waiting_note: '' (default) -> 'Ask Ada.'",
        "3 to change, 0 as they are.",
    ]
    assert not SiteSetting.objects.exists()


def test_a_file_is_applied_once_and_leaves_the_others_alone(file: Path, root: User) -> None:
    services.change_setting("pictures", "off", by=root)

    config("apply", file)
    again = config("apply", file)

    assert [site_setting(name) for name in ("signup", "web_pages", "waiting_note", "pictures")] == [
        "open", "off", "Ask Ada.", "off",
    ]  # fmt: skip
    assert again == "0 changed, 3 as they are.\n"
    assert SettingChange.objects.count() == 4


def test_null_gives_up_what_was_chosen_also_where_it_is_the_default(root: User) -> None:
    services.change_setting("signup", "approval", by=root)

    config_files.apply({"signup": None}, file_name="hearth.yml")

    assert not SiteSetting.objects.exists()
    assert SettingChange.objects.first().value is None  # type: ignore[union-attr]


def test_what_the_environment_fixes_stays_and_is_told(file: Path, settings: Settings) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"signup": "closed", "web_pages": "off"}

    told = config("apply", file)

    assert "signup: stays closed, fixed by HEARTH_SIGNUP\n" in told
    assert told.endswith("1 changed, 1 as they are, 1 fixed by the environment.\n")
    assert set(SiteSetting.objects.values_list("name", flat=True)) == {"waiting_note"}


def test_the_page_names_the_file_that_a_value_comes_from(file: Path, root_client: Client) -> None:
    config("apply", file)

    page = root_client.get(reverse("administration:settings")).content.decode()
    history = root_client.get(reverse("administration:setting_history", args=["signup"])).content.decode()

    assert "Set by the file hearth.yml" in page
    assert "The file hearth.yml" in history


WRONG = {
    "settings:\n  sign_up: open": ["hearth.yml: 'sign_up' is no setting; is 'signup' meant?"],
    "settings:\n  signup: perhaps\n  3: x": [
        "hearth.yml: signup must be one of open, approval, closed, not 'perhaps'",
        "hearth.yml: '3' is no setting",
    ],
    "settings:\n  waiting_note: 5": ["hearth.yml: waiting_note must be a text, in quotation marks if need be"],
    "settings:\n  waiting_note: [a]": ["hearth.yml: waiting_note must be a text, in quotation marks if need be"],
    f"settings:\n  waiting_note: {'x' * 501}": ["hearth.yml: waiting_note must have at most 500 characters, not 501"],
    'settings:\n  waiting_note: "a\\0b"': ["hearth.yml: waiting_note must not hold the character NUL"],
    "settings:\n  signup: open\n  signup: closed": ["hearth.yml: is not YAML: 'signup' stands there twice, line 3"],
    "settings: &a\n  signup: *a": ["hearth.yml: is not YAML: references are not taken, line 2"],
    "settings:\n  signup: !!python/object:os.system x": [
        "hearth.yml: is not YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object:os.system', line 2"  # noqa: E501
    ],
    "settings:\n  ? [a, b]\n  : c": ["hearth.yml: is not YAML: found unhashable key, line 2"],
    "settings:\n\tsignup: open": ["hearth.yml: is not YAML: found character '\\t' that cannot start any token, line 2"],
    "settings:\n  signup: open\nconnections: {}": ["hearth.yml: has a section that is not known: connections"],
    "signup: open": ["hearth.yml: has no section 'settings:' with names and values"],
    "- open": ["hearth.yml: has no section 'settings:' with names and values"],
    "": ["hearth.yml: has no section 'settings:' with names and values"],
    "[" * 20_000: ["hearth.yml: is nested too deeply"],
}


@pytest.mark.parametrize(("source", "problems"), WRONG.items(), ids=range(len(WRONG)))
@pytest.mark.parametrize("deed", ["plan", "apply"])
def test_a_wrong_file_is_refused_whole_with_every_problem(
    deed: str, source: str, problems: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "hearth.yml"
    path.write_text(source)

    with pytest.raises(CommandError) as refused:
        config(deed, path)

    assert str(refused.value).splitlines() == problems
    assert not SiteSetting.objects.exists()


def test_a_file_that_is_no_text_too_large_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileRefused, match="is not UTF-8 text"):
        config_files.read(b"settings:\n  waiting_note: \xff")
    with pytest.raises(ConfigFileRefused, match="has more than 1,000,000 bytes"):
        config_files.read(b" " * 1_000_001)
    with pytest.raises(CommandError, match=r"none\.yml cannot be read: No such file"):
        config("plan", tmp_path / "none.yml")


def values_of(declaration: Declaration) -> st.SearchStrategy[str | None]:
    texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=declaration.max_length)
    names = [name for name, _ in declaration.choices]
    return st.none() | (st.sampled_from(names) if names else texts)


STATES = st.fixed_dictionaries({declaration.name: values_of(declaration) for declaration in DECLARATIONS})


@given(state=STATES)
@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_an_export_leads_back_to_every_state(settings: Settings, state: dict[str, str | None]) -> None:
    settings.HEARTH_PINNED_SETTINGS = {}
    SiteSetting.objects.all().delete()
    for name, value in state.items():
        if value is not None:
            services.change_setting(name, value, by=None)
    exported = config_files.export()
    in_force = {setting.declaration.name: setting.value for setting in effective_settings()}
    SiteSetting.objects.all().delete()

    config_files.apply(config_files.read(exported.encode()), file_name="export.yml")

    assert {setting.declaration.name: setting.value for setting in effective_settings()} == in_force


@given(
    chosen=STATES, pinned=st.fixed_dictionaries({}, optional={name: st.just("") for name in BY_NAME}), data=st.data()
)
@hypothesis_settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_the_environment_outweighs_an_administrator_who_outweighs_the_default(
    settings: Settings, chosen: dict[str, str | None], pinned: dict[str, str], data: st.DataObject
) -> None:
    """Of every setting, in every combination: the value that is used, and the source that is told."""
    SiteSetting.objects.all().delete()
    settings.HEARTH_PINNED_SETTINGS = {}
    for name, value in chosen.items():
        if value is not None:
            services.change_setting(name, value, by=None)
    for name in pinned:
        pinned[name] = data.draw(values_of(BY_NAME[name]).filter(lambda value: value is not None)) or ""
    settings.HEARTH_PINNED_SETTINGS = pinned
    settings.HEARTH_ENV_FILE_DECIDES = frozenset({"HEARTH_SIGNUP"})

    for setting in effective_settings():
        name, declaration = setting.declaration.name, setting.declaration
        if name in pinned:
            expected = pinned[name], "file" if declaration.variable == "HEARTH_SIGNUP" else "environment"
        elif (value := chosen[name]) is not None:
            expected = value, "administrator"
        else:
            expected = declaration.default, "default"
        assert (setting.value, setting.provenance) == expected
        assert site_setting(name) == expected[0]
