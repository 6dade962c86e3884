from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_group, make_prompt
from webui.accounts.models import Role, User
from webui.presets import prompts, queries, services
from webui.presets.errors import CommandTaken, ImportRefused, TooManyPresets
from webui.presets.models import PROMPT_MAX_LENGTH, PromptPreset
from webui.presets.prompt_transfer import exported, import_prompts
from webui.presets.prompts import PromptContent


def commands(user: User) -> set[str]:
    return {prompt.command for prompt in queries.usable(PromptPreset, user)}


# ---- who may use one -------------------------------------------------------------------------------


def test_a_prompt_is_its_owners_until_it_is_shared(alice: User, bob: User, charlie: User) -> None:
    prompt = make_prompt(owner=alice)
    assert (commands(alice), commands(bob)) == ({"harbour"}, set())

    granted = services.grant(prompt, group=make_group(bob))
    assert (commands(bob), commands(charlie)) == ({"harbour"}, set())

    services.revoke(granted)
    assert commands(bob) == set()


def test_everybody_is_everybody_who_is_let_in(alice: User, bob: User) -> None:
    services.grant(make_prompt(owner=alice))
    assert commands(bob) == {"harbour"}

    bob.role = Role.PENDING
    bob.save()
    assert commands(bob) == set()


# ---- commands --------------------------------------------------------------------------------------


def test_a_command_is_one_prompts_of_a_person(alice: User, bob: User) -> None:
    make_prompt(owner=alice)
    make_prompt(owner=bob)

    with pytest.raises(CommandTaken):
        make_prompt(owner=alice)
    assert PromptPreset.objects.count() == 2


def test_a_prompt_that_comes_back_finds_its_command_taken(alice: User) -> None:
    deleted = make_prompt(owner=alice)
    services.delete_preset(deleted)
    make_prompt(owner=alice)

    prompts.undo_delete_prompt(deleted)

    assert commands(alice) == {"harbour", "harbour-2"}


def test_a_version_that_is_restored_keeps_the_command_when_the_old_one_is_taken(alice: User) -> None:
    prompt = make_prompt(owner=alice, content="Old")
    prompts.change_prompt(prompt, PromptContent(name="New", command="new", content="New"), alice)
    make_prompt(owner=alice)

    prompts.restore_version(prompt.versions.get(number=1), alice)

    prompt.refresh_from_db()
    assert (prompt.command, prompt.content, prompt.versions.count()) == ("new", "Old", 3)


@pytest.mark.parametrize(
    ("words", "command"), [("Sum it up, please!", "sum-it-up-please"), ("总结", "总结"), ("!!!", "prompt")]
)
def test_a_command_is_made_of_a_name(words: str, command: str) -> None:
    assert prompts.command_for(words) == command


def test_a_free_command_is_not_longer_than_there_is_room_for() -> None:
    assert prompts.free_command("x" * 60, {"x" * 60, "x" * 58 + "-2"}) == "x" * 58 + "-3"


def test_saving_what_is_there_makes_no_version(alice: User) -> None:
    prompt = make_prompt(owner=alice)

    assert not prompts.change_prompt(prompt, prompts.content_of(prompt), alice)
    assert prompt.versions.count() == 1


def test_no_more_prompts_than_anybody_needs(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "MAX_PROMPTS", 1)
    make_prompt(owner=alice)

    with pytest.raises(TooManyPresets):
        make_prompt(owner=alice, command="other")


def test_deleted_prompts_are_purged_after_the_undo_window(alice: User) -> None:
    prompt = make_prompt(owner=alice)
    services.delete_preset(prompt)
    assert commands(alice) == set()

    assert services.purge_deleted(timezone.now()) == 0
    assert services.purge_deleted(timezone.now() + services.UNDO_WINDOW + timedelta(seconds=1)) == 1


# ---- inserting -------------------------------------------------------------------------------------


def test_what_was_used_last_is_offered_first_to_whom_used_it(
    alice: User, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, second, third = (make_prompt(owner=alice, command=name, readers=[bob]) for name in ("one", "two", "three"))
    prompts.insert_prompt(first, alice)
    prompts.insert_prompt(second, alice)
    prompts.insert_prompt(first, alice)
    prompts.insert_prompt(third, bob)

    def offered(user: User, query: str = "") -> list[str]:
        return [prompt.command for prompt in queries.offered_prompts(user, query)]

    with django_assert_num_queries(1):
        assert offered(alice) == ["one", "two", "three"]
    assert offered(bob) == ["three", "two", "one"]
    assert offered(alice, "TW") == ["two"]
    assert offered(alice, "hre harbour") == ["three"]


# ---- as a file -------------------------------------------------------------------------------------


def as_file(*items: object) -> bytes:
    return json.dumps(items).encode()


def outcomes(owner: User, data: bytes) -> list[str]:
    return [item.outcome for item in import_prompts(owner, data)]


def test_an_export_of_open_webui_is_imported_as_private(alice: User, bob: User) -> None:
    data = as_file(
        {"id": "1", "command": "sum", "name": "Sum up", "content": "Sum up {{what}}.", "data": {}, "meta": None,
         "tags": ["work"], "is_active": True, "version_id": "7", "created_at": 1700000000, "updated_at": 1700000000,
         "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}]},
        {"command": "/old", "title": "An old one", "content": "Old", "timestamp": 1600000000, "access_control": None},
    )  # fmt: skip

    report = import_prompts(alice, data)

    made = PromptPreset.objects.order_by("command").values_list("command", "name", "content")
    assert list(made) == [("old", "An old one", "Old"), ("sum", "Sum up", "Sum up {{what}}.")]
    assert [(item.outcome, item.left_out) for item in report] == [("imported", ("tags",)), ("imported", ())]
    assert commands(bob) == set()


def test_nothing_is_imported_twice(alice: User) -> None:
    make_prompt(owner=alice, command="sum", content="Mine")
    data = as_file(
        {"command": "sum", "name": "Sum", "content": "Theirs"},
        {"command": "sum", "name": "Sum", "content": "Theirs"},
        {"command": "new", "name": "New", "content": "New"},
    )

    assert outcomes(alice, data) == ["renamed", "present", "imported"]
    assert outcomes(alice, data) == ["present", "present", "present"]
    assert commands(alice) == {"sum", "sum-2", "new"}


def test_each_item_that_cannot_be_read_is_named_and_the_others_come(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "MAX_PROMPTS", 2)
    data = as_file(
        7,
        {"command": "empty", "content": " "},
        {"command": "odd", "content": ["no text"]},
        {"command": "long", "content": "x" * (PROMPT_MAX_LENGTH + 1)},
        {"command": "<b>", "name": "A\x00 name", "content": "Zero\x00 and \ud800 half"},
        {"command": "good", "content": "Good"},
        {"command": "late", "content": "Late"},
    )

    assert outcomes(alice, data) == ["no_object", "no_text", "no_text", "too_long", "imported", "imported", "no_room"]
    odd = PromptPreset.objects.get(command="b")
    assert (odd.name, odd.content) == ("A name", "Zero and ? half")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff\xfe", "no_json"), (b"[" * 100_000, "no_json"), (b"{}", "nothing"), (b"[]", "nothing"),
        (b"[1, 2]", "nothing"), (b'"text"', "nothing"), (b" " * (10 * 1024 * 1024 + 1), "too_large"),
        (json.dumps([{"content": "x"}] * 5001).encode(), "too_large"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_and_nothing_is_imported(alice: User, data: bytes, problem: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        import_prompts(alice, data)

    assert refused.value.problem == problem
    assert PromptPreset.objects.count() == 0


_texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40)
_contents = st.builds(
    PromptContent,
    name=_texts.map(str.strip).filter(bool),
    command=st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True),
    content=_texts.filter(lambda text: text.strip() != ""),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_contents, min_size=1, max_size=6, unique_by=lambda content: content.command))
def test_what_was_exported_and_imported_again_is_the_same(alice: User, contents: list[PromptContent]) -> None:
    PromptPreset.objects.all().delete()
    for content in contents:
        prompts.create_prompt(alice, content)
    data = json.dumps(exported(PromptPreset.objects.all())).encode()
    PromptPreset.objects.all().delete()

    import_prompts(alice, data)

    assert {prompts.content_of(prompt) for prompt in PromptPreset.objects.all()} == set(contents)
