from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import Http404
from django.utils import timezone

from rag.services import knowledge as knowledge_service
from tests.factories import make_answer, make_chat, make_document, make_folder, make_knowledge
from webui.accounts.models import Role, User
from webui.chats.briefings import Briefed, briefings_of
from webui.chats.conf import MAX_FOLDER_SOURCES, MAX_FOLDERS, SYSTEM_PROMPT_MAX_CHARS, UNDO_WINDOW
from webui.chats.errors import FolderFull, FolderNameRefused, SystemPromptTooLong, TooManyFolders
from webui.chats.models import Chat, Folder
from webui.chats.queries import chat_page, visible_folders
from webui.chats.services import folders
from webui.chats.services.chats import delete_chat, undo_delete_chat
from webui.chats.services.messages import send_message
from webui.chats.services.purging import purge_deleted
from webui.chats.services.tasks import Task, task_of
from webui.chats.shown_branch import new_messages


def ask(user: User, **fields: object) -> Task:
    asked = send_message(user, content="When?", model="quotes", **fields)  # type: ignore[arg-type]
    asked.generation.state = "finished"
    asked.generation.save()
    new = new_messages(asked.new_messages, asked.attached, have_siblings=False)
    return task_of(asked.generation, new, briefings_of(asked.chat))


@pytest.fixture
def folder(alice: User) -> Folder:
    return make_folder(owner=alice, name="Harbour", system_prompt="Be brief.")


# ---- the folder itself ---------------------------------------------------------------------------


def test_a_folder_has_a_name_on_one_line(alice: User) -> None:
    assert folders.create_folder(alice, "  The \n harbour ").name == "The harbour"


@pytest.mark.parametrize("name", ["", " \n ", "x" * 101])
def test_a_folder_without_a_name_or_with_a_very_long_one_is_not_made(alice: User, folder: Folder, name: str) -> None:
    with pytest.raises(FolderNameRefused):
        folders.create_folder(alice, name)
    with pytest.raises(FolderNameRefused):
        folders.rename_folder(alice, folder.uuid, name)

    assert [row.name for row in visible_folders(alice)] == ["Harbour"]


def test_there_is_a_limit_to_the_folders_of_one_person(alice: User, bob: User) -> None:
    Folder.objects.bulk_create(Folder(owner=alice, name=f"{n}") for n in range(MAX_FOLDERS))

    with pytest.raises(TooManyFolders):
        folders.create_folder(alice, "one more")

    assert folders.create_folder(bob, "his first")


def test_a_folder_does_not_come_back_into_a_full_list(alice: User, folder: Folder) -> None:
    folders.delete_folder(alice, folder.uuid)
    Folder.objects.bulk_create(Folder(owner=alice, name=f"{n}") for n in range(MAX_FOLDERS))

    with pytest.raises(TooManyFolders):
        folders.undo_delete_folder(alice, folder.uuid)


def test_instructions_have_a_limit(alice: User, folder: Folder) -> None:
    with pytest.raises(SystemPromptTooLong):
        folders.instruct_folder(alice, folder.uuid, "x" * (SYSTEM_PROMPT_MAX_CHARS + 1))

    assert folders.instruct_folder(alice, folder.uuid, "x" * SYSTEM_PROMPT_MAX_CHARS).system_prompt


def test_a_folder_takes_what_its_owner_may_read_and_nothing_else(
    alice: User, bob: User, charlie: User, folder: Folder
) -> None:
    shared = make_document(owner=bob)
    knowledge = make_knowledge(shared, owner=bob, readers=[alice])
    private = make_document(owner=charlie)

    folders.add_to_folder(alice, folder.uuid, documents=[shared.uuid], knowledge=[knowledge.uuid])
    with pytest.raises(Http404):
        folders.add_to_folder(alice, folder.uuid, documents=[private.uuid])
    with pytest.raises(Http404):
        folders.add_to_folder(alice, folder.uuid, knowledge=[make_knowledge(owner=charlie).uuid])

    assert [*folder.documents.all(), *folder.knowledge.all()] == [shared, knowledge]


def test_a_folder_that_is_full_takes_nothing_more(alice: User, folder: Folder) -> None:
    some = [make_document(owner=alice) for _ in range(MAX_FOLDER_SOURCES)]
    folders.add_to_folder(alice, folder.uuid, documents=[document.uuid for document in some])

    with pytest.raises(FolderFull):
        folders.add_to_folder(alice, folder.uuid, knowledge=[make_knowledge(owner=alice).uuid])
    assert not folder.knowledge.exists()

    folders.take_out_of_folder(alice, folder.uuid, documents=[some[0].uuid])
    folders.add_to_folder(alice, folder.uuid, knowledge=[make_knowledge(owner=alice).uuid])


def test_nobody_else_reaches_a_folder(charlie: User, folder: Folder) -> None:
    chat = make_chat(owner=charlie)
    document = make_document(owner=charlie)
    deeds = [
        lambda: folders.rename_folder(charlie, folder.uuid, "mine"),
        lambda: folders.instruct_folder(charlie, folder.uuid, "Lie."),
        lambda: folders.open_folder(charlie, folder.uuid, is_open=False),
        lambda: folders.add_to_folder(charlie, folder.uuid, documents=[document.uuid]),
        lambda: folders.take_out_of_folder(charlie, folder.uuid),
        lambda: folders.move_chat(charlie, chat.uuid, folder.uuid),
        lambda: folders.delete_folder(charlie, folder.uuid),
        lambda: folders.undo_delete_folder(charlie, folder.uuid),
        lambda: send_message(charlie, content="hi", model="quotes", folder=folder.uuid),
    ]

    for deed in deeds:
        with pytest.raises(Http404):
            deed()


def test_who_is_not_let_in_any_more_reaches_no_folder(alice: User, folder: Folder) -> None:
    alice.role = Role.PENDING

    with pytest.raises(Http404):
        folders.rename_folder(alice, folder.uuid, "mine")


def test_the_newer_copy_of_a_synced_file_takes_the_place_of_the_older_one(alice: User, folder: Folder) -> None:
    old, new = make_document(owner=alice), make_document(owner=alice)
    other = make_folder(owner=alice)
    folder.documents.add(old)
    other.documents.add(old, new)

    folders.exchange_document(old.pk, new.pk)

    assert list(folder.documents.all()) == [new]
    assert set(other.documents.all()) == {old, new}


# ---- its chats -----------------------------------------------------------------------------------


def test_a_chat_begun_in_a_folder_is_listed_there_alone(alice: User, folder: Folder) -> None:
    outside = make_chat(owner=alice)
    ask(alice, folder=folder.uuid)

    assert chat_page(alice).rows == [outside]
    assert [chat.title for chat in chat_page(alice, folder=folder).rows] == ["When?"]


def test_a_chat_moves_into_a_folder_and_out_again(alice: User, folder: Folder) -> None:
    chat = make_chat(owner=alice)

    folders.move_chat(alice, chat.uuid, folder.uuid)
    assert chat_page(alice, folder=folder).rows == [chat]

    folders.move_chat(alice, chat.uuid, None)
    assert chat_page(alice).rows == [chat]


def test_a_chat_of_somebody_else_moves_nowhere(alice: User, folder: Folder, charlie: User) -> None:
    with pytest.raises(Http404):
        folders.move_chat(alice, make_chat(owner=charlie).uuid, folder.uuid)


def test_a_deleted_folder_leaves_its_chats_behind_and_undo_brings_them_into_it_again(
    alice: User, folder: Folder
) -> None:
    stays, moved = make_chat(owner=alice, folder=folder), make_chat(owner=alice, folder=folder)
    other = make_folder(owner=alice)

    folders.delete_folder(alice, folder.uuid)
    assert set(chat_page(alice).rows) == {stays, moved}
    folders.move_chat(alice, moved.uuid, other.uuid)
    folders.undo_delete_folder(alice, folder.uuid)

    assert chat_page(alice, folder=folder).rows == [stays]
    assert chat_page(alice, folder=other).rows == [moved]


def test_a_folder_can_be_deleted_with_its_chats_and_both_come_back(alice: User, folder: Folder) -> None:
    chat, trashed = make_chat(owner=alice, folder=folder), make_chat(owner=alice, folder=folder)
    running = make_answer(chat, state="running")
    delete_chat(alice, trashed.uuid)

    _, stopped = folders.delete_folder(alice, folder.uuid, with_chats=True)
    assert stopped == [str(running.generation.uuid)]
    assert not Chat.objects.filter(deleted_at=None).exists()
    folders.undo_delete_folder(alice, folder.uuid)

    assert chat_page(alice, folder=folder).rows == [chat]


def test_a_chat_that_comes_back_before_its_folder_is_outside(alice: User, folder: Folder) -> None:
    chat = make_chat(owner=alice, folder=folder)
    folders.delete_folder(alice, folder.uuid, with_chats=True)

    undo_delete_chat(alice, chat.uuid)

    assert chat_page(alice).rows == [chat]
    assert ask(alice, chat_uuid=chat.uuid).briefed == []


def test_after_the_undo_window_a_folder_is_gone_and_its_chats_stay(alice: User, folder: Folder) -> None:
    chat = make_chat(owner=alice, folder=folder)
    other = make_folder(owner=alice)
    doomed = make_chat(owner=alice, folder=other)
    folders.delete_folder(alice, folder.uuid)
    folders.delete_folder(alice, other.uuid, with_chats=True)

    assert purge_deleted(timezone.now()) == 0
    assert purge_deleted(timezone.now() + UNDO_WINDOW + timedelta(seconds=1)) == 3

    assert list(Chat.objects.all()) == [chat]
    assert not Folder.objects.exists()
    assert doomed.title


# ---- what it adds to questions -------------------------------------------------------------------


def test_a_question_gets_what_the_folder_of_its_chat_adds(alice: User, folder: Folder) -> None:
    document, knowledge = make_document(owner=alice), make_knowledge(owner=alice)
    folders.add_to_folder(alice, folder.uuid, documents=[document.uuid], knowledge=[knowledge.uuid])
    attached = make_document(owner=alice)

    task = ask(alice, folder=folder.uuid, documents=[attached.uuid])

    assert task.briefed == [
        Briefed(
            source="folder", name="Harbour", system="Be brief.", document_ids=[document.pk],
            knowledge_ids=[knowledge.pk],
        )
    ]  # fmt: skip
    assert task.document_ids == [document.pk, attached.pk]
    assert task.question_document_ids == [attached.pk]
    assert task.knowledge_ids == [knowledge.pk]


def test_a_change_acts_from_the_next_question_on(alice: User, folder: Folder) -> None:
    chat = make_chat(owner=alice, folder=folder, messages=2)
    document = make_document(owner=alice)
    assert ask(alice, chat_uuid=chat.uuid).briefed[0].system == "Be brief."

    folders.instruct_folder(alice, folder.uuid, "Be thorough.")
    folders.add_to_folder(alice, folder.uuid, documents=[document.uuid])
    task = ask(alice, chat_uuid=chat.uuid)
    assert (task.briefed[0].system, task.document_ids) == ("Be thorough.", [document.pk])

    folders.move_chat(alice, chat.uuid, None)
    task = ask(alice, chat_uuid=chat.uuid)
    assert (task.briefed, task.document_ids) == ([], [])


def test_what_is_revoked_or_deleted_is_no_part_of_the_next_question(alice: User, bob: User, folder: Folder) -> None:
    own, shared = make_document(owner=alice), make_document(owner=bob)
    knowledge = make_knowledge(shared, owner=bob, readers=[alice])
    folders.add_to_folder(alice, folder.uuid, documents=[own.uuid, shared.uuid], knowledge=[knowledge.uuid])
    assert ask(alice, folder=folder.uuid).document_ids == [own.pk, shared.pk]

    knowledge_service.revoke(knowledge.grants.get())
    own.delete()
    task = ask(alice, folder=folder.uuid)

    assert (task.document_ids, task.knowledge_ids) == ([], [])
    assert folders.n_sources(folder, alice) == 0
