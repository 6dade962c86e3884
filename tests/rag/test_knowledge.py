"""Who may read and change which knowledge, and through it which documents."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.http import Http404
from django.test.utils import CaptureQueriesContext

from rag import access, queries
from rag.errors import FolderRefused
from rag.models import Chunk, Document, Knowledge, KnowledgeFolder, KnowledgeGrant, Membership
from rag.services import knowledge as service
from rag.services.documents import create_document
from rag.types import Totals
from tests.factories import make_document, make_group, make_knowledge, make_user
from webui.accounts.models import Role, User

pytestmark = pytest.mark.django_db


def readable(user: User) -> set[str]:
    return set(queries.readable_documents(user).values_list("name", flat=True))


def known(user: User) -> set[str]:
    return set(queries.readable_knowledge(user).values_list("name", flat=True))


# ---- reading -------------------------------------------------------------------------------------


def test_knowledge_is_its_owners_alone_until_it_is_shared(alice: User, charlie: User) -> None:
    make_knowledge(make_document(owner=alice), owner=alice)

    assert (known(alice), readable(alice)) == ({"Handbook"}, {"notes.txt"})
    assert (known(charlie), readable(charlie)) == (set(), set())


def test_a_person_reads_what_is_shared_with_them_until_it_is_revoked(alice: User, bob: User, charlie: User) -> None:
    shared, private = make_document(owner=alice, name="shared"), make_document(owner=alice, name="private")
    knowledge = make_knowledge(shared, owner=alice, readers=[bob])

    assert (known(bob), readable(bob)) == ({"Handbook"}, {"shared"})
    assert readable(charlie) == set()
    with pytest.raises(Http404):
        access.document_read(bob, private.uuid)

    service.revoke(knowledge.grants.get())

    assert (known(bob), readable(bob)) == (set(), set())


def test_a_group_reads_as_long_as_somebody_is_in_it(alice: User, bob: User, charlie: User) -> None:
    group = make_group(bob)
    knowledge = make_knowledge(make_document(owner=alice), owner=alice)
    service.grant(knowledge, group=group)

    assert (readable(bob), readable(charlie)) == ({"notes.txt"}, set())

    group.members.set([charlie])

    assert (readable(bob), readable(charlie)) == (set(), {"notes.txt"})

    group.delete()

    assert readable(charlie) == set()
    assert not KnowledgeGrant.objects.exists()


def test_everybody_is_everybody_whom_the_site_lets_in(alice: User, bob: User) -> None:
    knowledge = make_knowledge(make_document(owner=alice), owner=alice)
    service.grant(knowledge)
    waiting, suspended = make_user(role=Role.PENDING), make_user(is_active=False)

    assert readable(bob) == {"notes.txt"}
    assert (readable(waiting), known(waiting)) == (set(), set())
    assert (readable(suspended), known(suspended)) == (set(), set())
    assert not queries.documents_readable_by(None).exists()
    assert not queries.knowledge_readable_by(None).exists()


def test_a_suspended_owner_reads_nothing_and_what_they_shared_stays_shared(alice: User, bob: User) -> None:
    make_knowledge(make_document(owner=alice), owner=alice, readers=[bob])
    alice.is_active = False
    alice.save(update_fields=["is_active"])

    assert readable(alice) == set()
    assert readable(bob) == {"notes.txt"}


def test_a_document_in_two_knowledge_comes_once_and_stays_readable_through_the_other(alice: User, bob: User) -> None:
    document = make_document(owner=alice)
    first = make_knowledge(document, owner=alice, name="First", readers=[bob])
    make_knowledge(document, owner=alice, name="Second", readers=[bob])
    service.grant(first)

    assert list(queries.readable_documents(bob)) == [document]

    service.delete_knowledge(first)

    assert list(queries.readable_documents(bob)) == [document]


def test_only_chosen_knowledge_that_may_be_read_is_searched(alice: User, bob: User) -> None:
    mine, hers, private = (make_document(owner=owner, name=n) for owner, n in ((bob, "b"), (alice, "a"), (alice, "p")))
    shared = make_knowledge(mine, hers, owner=alice, readers=[bob])
    hidden = make_knowledge(mine, private, owner=alice, name="Hidden")
    unread = make_document(owner=alice, name="unread", state=Document.State.QUEUED)
    service.add_document(shared, unread)

    assert set(queries.searchable_documents(bob.pk, [], [shared.pk])) == {mine, hers}
    assert set(queries.searchable_documents(bob.pk, [], [hidden.pk])) == set()
    assert set(queries.searchable_documents(bob.pk, [private.pk, mine.pk], [])) == {mine}


# ---- changing ------------------------------------------------------------------------------------


def test_who_may_write_may_fill_a_knowledge_but_not_share_or_delete_it(alice: User, bob: User, charlie: User) -> None:
    document = make_document(owner=alice)
    knowledge = make_knowledge(document, owner=alice, readers=[charlie], writers=[bob])

    assert access.knowledge_write(alice, knowledge.uuid) == access.knowledge_write(bob, knowledge.uuid) == knowledge
    assert access.knowledge_read(charlie, knowledge.uuid) == access.knowledge_own(alice, knowledge.uuid)
    for refused, person in ((access.knowledge_write, charlie), (access.knowledge_own, bob)):
        with pytest.raises(Http404):
            refused(person, knowledge.uuid)
    with pytest.raises(Http404):
        access.document_write(bob, document.uuid)


def test_the_right_to_write_ends_with_its_grant_or_its_group(alice: User, bob: User) -> None:
    group = make_group(bob)
    knowledge = make_knowledge(owner=alice, readers=[bob])
    service.grant(knowledge, group=group, may_write=True)

    assert access.knowledge_write(bob, knowledge.uuid)

    group.members.clear()

    with pytest.raises(Http404):
        access.knowledge_write(bob, knowledge.uuid)
    assert access.knowledge_read(bob, knowledge.uuid)


def test_a_grant_given_again_is_changed(alice: User, bob: User) -> None:
    knowledge = make_knowledge(owner=alice, readers=[bob])
    service.grant(knowledge, user=bob, may_write=True)
    service.grant(knowledge)
    service.grant(knowledge, may_write=True)

    assert [(grant.user, grant.may_write) for grant in knowledge.grants.all()] == [(bob, True), (None, True)]


@pytest.mark.parametrize("again", [True, False], ids=["same person", "both kinds"])
def test_the_database_refuses_grants_that_mean_nothing(alice: User, bob: User, again: bool) -> None:
    knowledge = make_knowledge(owner=alice, readers=[bob])
    with pytest.raises(IntegrityError), transaction.atomic():
        KnowledgeGrant.objects.create(knowledge=knowledge, user=bob, group=None if again else make_group())


# ---- documents in it -----------------------------------------------------------------------------


def test_a_document_is_in_a_knowledge_once_and_can_be_moved_and_taken_out(alice: User) -> None:
    document = make_document(owner=alice)
    knowledge = make_knowledge(document, owner=alice)
    folder = service.create_folder(knowledge, "Reports/2025")
    service.add_document(knowledge, document, folder)

    assert [m.folder for m in queries.memberships_of(knowledge)] == [None]

    service.move_documents(knowledge, knowledge.memberships.all(), folder)

    assert [m.folder for m in queries.memberships_of(knowledge)] == [folder]

    service.remove_documents(knowledge, knowledge.memberships.all())

    assert not knowledge.memberships.exists()
    assert Document.objects.filter(pk=document.pk).exists()


def test_what_somebody_uploads_into_anothers_knowledge_stays_theirs(alice: User, bob: User) -> None:
    knowledge = make_knowledge(owner=alice, writers=[bob])
    document = create_document(bob, SimpleUploadedFile("bob.txt", b"From Bob."))
    service.add_document(knowledge, document)

    assert readable(alice) == {"bob.txt"}
    with pytest.raises(Http404):
        access.document_write(alice, document.uuid)

    service.revoke(knowledge.grants.get())

    assert readable(alice) == readable(bob) == {"bob.txt"}


def test_a_deleted_person_takes_their_documents_along_and_nobody_elses(alice: User, bob: User) -> None:
    hers, his = make_document(owner=alice, name="hers"), make_document(owner=bob, name="his")
    make_knowledge(hers, his, owner=alice, writers=[bob])
    bobs = make_knowledge(hers, his, owner=bob, name="Bob's")

    alice.delete()

    assert list(Document.objects.all()) == [his]
    assert list(Knowledge.objects.all()) == [bobs]
    assert [m.document for m in Membership.objects.all()] == [his]
    assert not KnowledgeGrant.objects.exists()


def test_deleting_a_knowledge_keeps_the_documents_unless_asked(alice: User, bob: User, data_folder: object) -> None:
    own, elsewhere, his = (make_document(owner=o, name=n) for o, n in ((alice, "a"), (alice, "b"), (bob, "c")))
    make_knowledge(elsewhere, owner=alice, name="Other")
    service.delete_knowledge(make_knowledge(own, elsewhere, his, owner=alice))

    assert set(Document.objects.all()) == {own, elsewhere, his}

    service.delete_knowledge(make_knowledge(own, elsewhere, his, owner=alice), with_documents=True)

    assert set(Document.objects.all()) == {elsewhere, his}


def test_the_totals_of_knowledge_are_added_up_in_one_query(alice: User) -> None:
    first, second = make_document(owner=alice, n_chunks=3), make_document(owner=alice, n_chunks=4, state="queued")
    full, empty = make_knowledge(first, second, owner=alice), make_knowledge(owner=alice)

    with CaptureQueriesContext(connection) as captured:
        totals = queries.totals_of([full, empty])

    assert len(captured) == 1
    size_bytes = first.size_bytes + second.size_bytes
    assert totals == {full.pk: Totals(n_documents=2, n_chunks=7, size_bytes=size_bytes, n_unfinished=1)}


# ---- folders -------------------------------------------------------------------------------------


def paths(knowledge: Knowledge) -> list[str]:
    return list(knowledge.folders.values_list("path", flat=True))


def test_folders_above_a_folder_are_made_with_it(alice: User) -> None:
    knowledge = make_knowledge(owner=alice)
    folder = service.create_folder(knowledge, "/Reports//2025/ May/")

    assert folder.path == "Reports/2025/May"
    assert paths(knowledge) == ["Reports", "Reports/2025", "Reports/2025/May"]
    assert service.create_folder(knowledge, "Reports") == knowledge.folders.first()


@pytest.mark.parametrize("path", ["", "/", "..", "a/../../..", "\u202e"])
def test_a_path_never_leads_out_of_its_knowledge(alice: User, path: str) -> None:
    knowledge = make_knowledge(owner=alice)
    try:
        assert service.create_folder(knowledge, path).path == "a"
    except FolderRefused as exc:
        assert exc.reason == FolderRefused.EMPTY


def test_a_renamed_folder_takes_those_below_it_along_and_no_others(alice: User) -> None:
    knowledge = make_knowledge(owner=alice)
    for path in ("Reports/2025", "reports/2024", "Reports2"):
        service.create_folder(knowledge, path)
    service.rename_folder(knowledge.folders.get(path="Reports"), "Archive/Old")

    assert paths(knowledge) == ["Archive", "Archive/Old", "Archive/Old/2025", "Reports2", "reports", "reports/2024"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("b", FolderRefused.TAKEN), ("a/c", FolderRefused.INSIDE_ITSELF), ("x/" * 9, FolderRefused.TOO_DEEP)],
)
def test_a_folder_is_not_renamed_onto_another_or_into_itself(alice: User, path: str, reason: str) -> None:
    knowledge = make_knowledge(owner=alice)
    folder = service.create_folder(knowledge, "a")
    service.create_folder(knowledge, "b")

    with pytest.raises(FolderRefused) as refused:
        service.rename_folder(folder, path)

    assert refused.value.reason == reason
    assert paths(knowledge) == ["a", "b"]


def test_the_documents_of_a_deleted_folder_move_to_the_top(alice: User) -> None:
    document = make_document(owner=alice)
    knowledge = make_knowledge(owner=alice)
    service.add_document(knowledge, document, service.create_folder(knowledge, "a/b"))
    service.create_folder(knowledge, "A/c")
    service.delete_folder(knowledge.folders.get(path="a"))

    assert paths(knowledge) == ["A", "A/c"]
    assert [(m.document, m.folder) for m in queries.memberships_of(knowledge)] == [(document, None)]


def test_a_knowledge_has_a_bounded_number_of_folders(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_FOLDERS", 3)
    knowledge = make_knowledge(owner=alice)
    service.create_folder(knowledge, "a/b")

    with pytest.raises(FolderRefused) as refused:
        service.create_folder(knowledge, "c/d")

    assert refused.value.reason == FolderRefused.TOO_MANY
    assert service.create_folder(knowledge, "a/b").path == "a/b"


# ---- how it is read ------------------------------------------------------------------------------


def test_what_somebody_may_read_is_found_in_indexes_alone(alice: User, bob: User) -> None:
    """However many documents there are, no table but the small one of grants is read from end to end."""
    knowledge = make_knowledge(owner=alice, readers=[bob])
    mine = Document.objects.bulk_create(
        Document(owner=owner, name=f"{n}", media_type="text/plain", size_bytes=1, sha256=f"{n:064x}", state="ready")
        for n, owner in enumerate([alice] * 300 + [make_user()] * 300)
    )
    Membership.objects.bulk_create(Membership(knowledge=knowledge, document=document) for document in mine[:300])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    chunks = Chunk.objects.filter(pk__in=[1, 2, 3], document__in=queries.documents_readable_by(bob.pk).order_by())

    for asked in (
        queries.documents_readable_by(bob.pk).order_by(),
        queries.searchable_documents(bob.pk, [], [1]),
        chunks,
    ):
        plan = asked.explain()
        assert "SCAN rag_document" not in plan and "Seq Scan on rag_document" not in plan, plan
        assert "SCAN rag_membership" not in plan and "SCAN rag_chunk" not in plan, plan
    assert queries.documents_readable_by(bob.pk).count() == 300


def test_folders_of_another_knowledge_are_not_found_in_this_one(alice: User) -> None:
    first, second = make_knowledge(owner=alice), make_knowledge(owner=alice)
    service.create_folder(first, "a")

    with pytest.raises(Http404):
        access.folder_in(second, "a")
    assert access.folder_in(second, "") is None
    assert KnowledgeFolder.objects.count() == 1
