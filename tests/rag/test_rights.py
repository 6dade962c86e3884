"""What may be searched is asked in a statement that is written once; it must say what `queries` says."""

from __future__ import annotations

import pytest
from django.db import connection

from rag import rights
from rag.models import Document, KnowledgeGrant, Membership
from rag.prepared import SOMEBODY
from rag.queries import documents_readable_by, searchable_documents
from rag.rights import readable_ids, searchable_ids
from tests.factories import make_document, make_group, make_knowledge
from webui.accounts.models import User


@pytest.mark.usefixtures("db")
def test_the_written_statement_finds_what_the_rules_find(alice: User, bob: User, charlie: User) -> None:
    own, granted, grouped, open_to_all, hidden = (make_knowledge(owner=alice) for _ in range(5))
    KnowledgeGrant.objects.create(knowledge=granted, user=bob)
    KnowledgeGrant.objects.create(knowledge=grouped, group=make_group(bob))
    KnowledgeGrant.objects.create(knowledge=open_to_all)
    for knowledge in (own, granted, grouped, open_to_all, hidden):
        for state in (Document.State.READY, Document.State.QUEUED):
            Membership.objects.create(knowledge=knowledge, document=make_document(owner=alice, state=state))
    make_document(owner=bob, state=Document.State.READY)
    documents = list(Document.objects.values_list("pk", flat=True))
    knowledge_ids = [own.pk, granted.pk, grouped.pk, open_to_all.pk]

    for person in (alice, bob, charlie):
        for chosen, among in ((documents, []), (documents[::2], knowledge_ids[1:3]), ([], knowledge_ids), ([], [])):
            expected = set(searchable_documents(person.pk, chosen, among).values_list("pk", flat=True))
            assert set(searchable_ids(person.pk, chosen, among)) == expected
            expected = set(documents_readable_by(person.pk).filter(pk__in=chosen).values_list("pk", flat=True))
            assert readable_ids(person.pk, chosen) == expected


@pytest.mark.usefixtures("db")
def test_a_right_that_was_taken_back_is_gone_at_once(alice: User, bob: User) -> None:
    knowledge = make_knowledge(owner=alice)
    document = make_document(owner=alice, state=Document.State.READY)
    Membership.objects.create(knowledge=knowledge, document=document)
    right = KnowledgeGrant.objects.create(knowledge=knowledge, user=bob)
    assert searchable_ids(bob.pk, [], [knowledge.pk]) == (document.pk,)

    right.delete()

    assert searchable_ids(bob.pk, [], [knowledge.pk]) == ()


@pytest.mark.usefixtures("db")
def test_a_suspended_person_finds_nothing(alice: User) -> None:
    document = make_document(owner=alice, state=Document.State.READY)
    User.objects.filter(pk=alice.pk).update(is_active=False)

    assert searchable_ids(alice.pk, [document.pk]) == ()


@pytest.mark.usefixtures("db")
def test_as_many_documents_as_one_likes_are_one_statement(alice: User) -> None:
    document = make_document(owner=alice, state=Document.State.READY)

    assert searchable_ids(alice.pk, range(document.pk, document.pk + 200_000)) == (document.pk,)


@pytest.mark.usefixtures("db")
def test_nobody_in_particular_is_left_in_the_statement(alice: User) -> None:
    for lists in (("documents",), ("documents", "knowledge")):
        written = rights._searchable(connection.vendor, *lists)

        assert SOMEBODY in written.parameters
        assert str(SOMEBODY) not in written.sql
    assert searchable_ids(SOMEBODY, [make_document(owner=alice, state=Document.State.READY).pk]) == ()
