from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from rag.services import knowledge as knowledge_service
from tests.factories import make_document, make_group, make_knowledge, make_preset
from webui.accounts.models import Role, User
from webui.presets import queries, services
from webui.presets.coverage import unread_by_some
from webui.presets.errors import TooManyPresets
from webui.presets.models import ModelPreset
from webui.presets.services import Content, content_of


def names(user: User) -> set[str]:
    return {preset.name for preset in queries.usable_presets(user)}


def changed(preset: ModelPreset, editor: User, **content: object) -> bool:
    now = content_of(preset, editor)
    values = {field: getattr(now, field) for field in Content.__dataclass_fields__}
    return services.change_preset(preset, Content(**values | content), editor)


# ---- who may use one -------------------------------------------------------------------------------


def test_a_preset_is_its_owners_until_it_is_shared(alice: User, bob: User, charlie: User) -> None:
    preset = make_preset(owner=alice)
    assert (names(alice), names(bob)) == ({preset.name}, set())

    granted = services.grant(preset, group=make_group(bob))
    assert (names(bob), names(charlie)) == ({preset.name}, set())

    services.revoke(granted)
    assert names(bob) == set()


def test_everybody_is_everybody_who_is_let_in(alice: User, bob: User) -> None:
    preset = make_preset(owner=alice)
    services.grant(preset)
    services.grant(preset)

    assert names(bob) == {preset.name}
    bob.role = Role.PENDING
    bob.save()
    assert names(bob) == set()
    assert preset.grants.count() == 1


def test_only_what_can_be_asked_now_is_offered(alice: User) -> None:
    make_preset(owner=alice, name="Here")
    make_preset(owner=alice, name="Away", base_model="gone:latest")

    assert [preset.name for preset in queries.offered_presets(alice, ["tiny:latest"])] == ["Here"]


def test_the_chosen_one_is_offered_however_many_there_are(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MAX_OFFERED", 2)
    presets = [make_preset(owner=alice, name=name) for name in "ABC"]

    def offered(chosen: ModelPreset | None) -> list[str]:
        found = queries.offered_presets(alice, ["tiny:latest"], chosen.uuid if chosen else None)
        return [preset.name for preset in found]

    assert offered(None) == offered(presets[1]) == ["A", "B"]
    assert offered(presets[2]) == ["C", "A", "B"]
    services.delete_preset(presets[2])
    assert offered(presets[2]) == ["A", "B"]


def test_no_more_presets_than_anybody_needs(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_PRESETS", 1)
    services.delete_preset(make_preset(owner=alice))
    make_preset(owner=alice)

    with pytest.raises(TooManyPresets):
        make_preset(owner=alice)


# ---- versions --------------------------------------------------------------------------------------


def test_each_save_is_kept_and_can_be_brought_back(alice: User) -> None:
    document, knowledge = make_document(owner=alice), make_knowledge(owner=alice)
    preset = make_preset(owner=alice, documents=[document], knowledge=[knowledge], options={"seed": 1})
    changed(preset, alice, system_prompt="Be brief.", documents=[], options={})

    services.restore_version(preset.versions.get(number=1), alice)

    preset.refresh_from_db()
    assert preset.system_prompt == "You are Harbour master."
    assert preset.options == {"seed": 1}
    assert list(preset.documents.all()) == [document]
    assert list(preset.knowledge.all()) == [knowledge]
    assert [(version.number, version.made_by) for version in preset.versions.all()] == [
        (3, alice), (2, alice), (1, alice),
    ]  # fmt: skip


def test_a_save_that_changes_nothing_is_no_version(alice: User) -> None:
    preset = make_preset(owner=alice, documents=[make_document(owner=alice)])

    assert not changed(preset, alice)
    assert preset.versions.count() == 1


def test_what_is_gone_does_not_come_back_with_a_version(alice: User, bob: User) -> None:
    gone, lent = make_document(owner=alice), make_knowledge(owner=bob, readers=[alice])
    preset = make_preset(owner=alice, documents=[gone], knowledge=[lent])
    changed(preset, alice, documents=[], knowledge=[])
    gone.delete()
    knowledge_service.revoke(lent.grants.get())

    services.restore_version(preset.versions.get(number=1), alice)

    assert (preset.documents.count(), preset.knowledge.count()) == (0, 0)


def test_the_oldest_versions_are_dropped(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_VERSIONS", 3)
    preset = make_preset(owner=alice)
    for number in range(4):
        changed(preset, alice, description=f"Take {number}")

    assert list(preset.versions.values_list("number", flat=True)) == [5, 4, 3]


# ---- copies ----------------------------------------------------------------------------------------


def test_a_copy_is_ones_own_with_what_one_may_read(alice: User, bob: User) -> None:
    private, shared = make_document(owner=alice), make_document(owner=alice)
    lent, kept = make_knowledge(shared, owner=alice, readers=[bob]), make_knowledge(owner=alice)
    preset = make_preset(
        owner=alice, readers=[bob], documents=[private, shared], knowledge=[lent, kept], suggestions=["Hello?"]
    )

    copy = services.copy_preset(preset, bob, "Mine")

    assert (copy.owner, copy.name, copy.system_prompt) == (bob, "Mine", preset.system_prompt)
    assert copy.suggestions == ["Hello?"]
    assert list(copy.documents.all()) == [shared]
    assert list(copy.knowledge.all()) == [lent]
    assert copy.grants.count() == 0
    assert names(alice) == {"Harbour master"}


# ---- deleting --------------------------------------------------------------------------------------


def test_deleting_can_be_undone_until_it_is_for_good(alice: User, bob: User) -> None:
    preset = make_preset(owner=alice, readers=[bob])
    services.delete_preset(preset)
    assert (names(alice), names(bob)) == (set(), set())

    services.undo_delete_preset(preset)
    assert names(bob) == {preset.name}

    services.delete_preset(preset)
    now = timezone.now()
    assert services.purge_deleted(now) == 0
    assert services.purge_deleted(now + services.UNDO_WINDOW + timedelta(seconds=1)) == 1
    assert ModelPreset.objects.count() == 0


def test_the_newer_copy_of_a_synced_file_takes_the_place_of_the_older(alice: User) -> None:
    old, new = make_document(owner=alice), make_document(owner=alice)
    with_old = make_preset(owner=alice, documents=[old])
    with_both = make_preset(owner=alice, documents=[old, new])

    services.exchange_document(old.pk, new.pk)

    assert list(with_old.documents.all()) == [new]
    assert new in with_both.documents.all()


# ---- what others cannot read of it -----------------------------------------------------------------


def test_it_is_told_what_not_everybody_may_read(alice: User, bob: User, charlie: User) -> None:
    group = make_group(charlie)
    inside, alone, bobs = make_document(owner=alice), make_document(owner=alice), make_document(owner=bob)
    for_group = make_knowledge(inside, owner=alice)
    knowledge_service.grant(for_group, group=group)
    for_all, private = make_knowledge(bobs, owner=alice), make_knowledge(owner=alice)
    knowledge_service.grant(for_all)
    preset = make_preset(owner=alice)
    documents, knowledge = [inside, alone, bobs], [for_group, for_all, private]

    def unread() -> set[object]:
        return set(unread_by_some(list(preset.grants.select_related("user")), documents, knowledge))

    assert unread() == set()
    services.grant(preset, user=charlie)
    assert unread() == {alone, private}
    services.grant(preset, group=group)
    assert unread() == {alone, private}
    services.grant(preset, user=bob)
    assert unread() == {alone, private, for_group, inside}
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert unread() == {alone, private}


def test_to_tell_it_costs_the_same_for_many(alice: User, django_assert_max_num_queries: object) -> None:
    documents = [make_document(owner=alice) for _ in range(5)]
    knowledge = [make_knowledge(document, owner=alice) for document in documents]
    preset = make_preset(owner=alice, readers=[])
    for number in range(5):
        services.grant(preset, group=make_group(name=f"Group of presets {number}"))
    grants = list(preset.grants.all())

    with django_assert_max_num_queries(4):  # type: ignore[operator]
        assert len(unread_by_some(grants, documents, knowledge)) == 10
