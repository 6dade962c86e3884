"""Chats that are exported, wiped and imported are what they were, whatever they hold."""

from __future__ import annotations

import base64
import io
import json
import uuid
import zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Model
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image as Drawing

import rag.api as rag
from tests.chats.transfer.files import exported, notes_of, taken
from tests.chats.transfer.rows import LEFT_OUT, ONLY_HERE, ROWS, dump
from tests.factories import (
    make_answer,
    make_chat,
    make_document,
    make_folder,
    make_image,
    make_knowledge,
    make_message,
)
from webui.accounts.models import User
from webui.chats.models import (
    BadReason,
    Chat,
    Citation,
    Folder,
    Generation,
    GoodReason,
    Image,
    Message,
    MessageRemoval,
    Rating,
    Tag,
    Upload,
)
from webui.chats.services.tags import add_tags, tags_named
from webui.chats.transfer.bundle import export_chat
from webui.chats.wishes import PictureWish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_folder")]

# What a database takes: no NUL, no halves of characters.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
LINE = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=30)
MOMENT = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
COUNT = st.none() | st.integers(0, 2**31 - 1)
NUMBER = st.floats(0, 1e9)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "top_k": st.none() | st.integers(1, 100),
        "num_ctx": st.integers(512, 8192),
    },
)
WISHES = st.builds(PictureWish, count=st.integers(1, 4), seed=st.none() | st.integers(0, 99), negative_prompt=TEXT).map(
    PictureWish.as_json
)
LEDGER = st.dictionaries(
    LINE, st.recursive(TEXT | COUNT | NUMBER, lambda inner: st.lists(inner, max_size=3)), max_size=3
)


@st.composite
def trees(draw: st.DrawFn) -> list[int | None]:
    """Draw the parent of each message, by its place among those before it; deep ones and wide ones alike."""
    n = draw(st.integers(0, 12))
    is_deep = draw(st.booleans())
    return [
        draw(st.just(place - 1) if is_deep and place else st.none() | st.integers(0, place - 1)) if place else None
        for place in range(n)
    ]


def fill(data: st.DataObject, owner: User) -> None:
    """Make some chats of a person with everything that a row can hold."""
    folders = [
        make_folder(
            owner=owner, name=data.draw(LINE) or "A folder", system_prompt=data.draw(TEXT),
            is_open=data.draw(st.booleans()), created_at=data.draw(MOMENT),
        )
        for _ in range(data.draw(st.integers(0, 2)))
    ]  # fmt: skip
    documents = [upload(owner, f"text {number} of {uuid.uuid4()}") for number in range(data.draw(st.integers(0, 2)))]
    came_into_a_chat = [document for document in documents if data.draw(st.booleans())]
    knowledge = make_knowledge(owner=owner)
    for folder in folders:
        folder.documents.add(*documents[:1])
        folder.knowledge.add(knowledge)
    for parents in data.draw(st.lists(trees(), max_size=3)):
        chat = Chat.objects.create(
            owner=owner,
            title=data.draw(LINE),
            has_automatic_title=data.draw(st.booleans()),
            model=data.draw(LINE),
            beside=data.draw(st.lists(LINE.filter(bool), max_size=2, unique=True)),
            is_side_by_side=data.draw(st.booleans()),
            system_prompt=data.draw(TEXT),
            options=data.draw(OPTIONS),
            folder=data.draw(st.sampled_from([None, *folders])),
            is_pinned=data.draw(st.booleans()),
            archived_at=data.draw(st.none() | MOMENT),
            created_at=data.draw(MOMENT),
            updated_at=data.draw(MOMENT),
        )
        add_tags(chat, tags_named(owner, filter(None, data.draw(st.lists(LINE, max_size=3)))))
        messages: list[Message] = []
        for parent in parents:
            messages.append(put_message(data, chat, None if parent is None else messages[parent], documents, knowledge))
        chat.current_message = data.draw(st.sampled_from([None, *messages]))
        chat.save()
    # What is used nowhere does not go out.
    for document in came_into_a_chat:
        if Message.objects.filter(documents=document).exists():
            Upload.objects.create(document=document)


def put_message(
    data: st.DataObject, chat: Chat, parent: Message | None, documents: list[rag.Document], knowledge: rag.Knowledge
) -> Message:
    message = Message.objects.create(
        chat=chat,
        parent=parent,
        role=data.draw(st.sampled_from(Message.Role.values)),
        content=data.draw(TEXT),
        thinking=data.draw(TEXT),
        model=data.draw(LINE),
        preset_name=data.draw(LINE),
        answerer=data.draw(LINE),
        picture_wish=data.draw(st.none() | WISHES),
        ends_context=data.draw(st.booleans()),
        follow_ups=data.draw(st.lists(LINE.filter(bool), max_size=3, unique=True)),
        merged_from=[
            {"message": str(other) if other else "", "name": data.draw(LINE)}
            for other in data.draw(st.lists(st.none() | st.uuids() | st.just(parent and parent.uuid), max_size=2))
        ],
        created_at=data.draw(MOMENT),
    )
    if data.draw(st.booleans()):
        message.documents.add(*documents)
        message.knowledge.add(knowledge)
    if message.role in (Message.Role.USER, Message.Role.ASSISTANT) and data.draw(st.booleans()):
        put_image(data, message)
    if message.is_answer and data.draw(st.booleans()):
        put_generation(data, message)
    if message.is_answer and data.draw(st.booleans()):
        is_good = data.draw(st.booleans())
        reasons: list[str] = GoodReason.values if is_good else BadReason.values
        Rating.objects.create(
            message=message, rated_by=chat.owner, is_good=is_good, comment=data.draw(TEXT), rated_at=data.draw(MOMENT),
            reasons=data.draw(st.lists(st.sampled_from(reasons), max_size=2, unique=True)),
        )  # fmt: skip
    for number in data.draw(st.sets(st.integers(0, 99), max_size=2)):
        document = data.draw(st.sampled_from([None, *documents]))
        Citation.objects.create(
            message=message, number=number, document=document, document_name=data.draw(LINE), page=data.draw(COUNT),
            page_kind=data.draw(st.sampled_from(["page", "slide", "sheet"])), page_name=data.draw(TEXT),
            start=data.draw(st.integers(0, 99)), end=data.draw(st.integers(0, 99)), text=data.draw(TEXT),
            score=data.draw(st.none() | st.floats(-1, 1)),
        )  # fmt: skip
    return message


def put_image(data: st.DataObject, message: Message) -> None:
    """A picture with more than one colour: as a JPEG it loses something each time that it is drawn."""
    image = make_image(owner=message.chat.owner, message=message, name=data.draw(LINE) or "photo.png")
    kind = data.draw(st.sampled_from(["PNG", "JPEG"]))
    file = io.BytesIO()
    Drawing.effect_noise((9, 7), 80).convert("RGB").save(file, kind)
    image.content, image.media_type = file.getvalue(), f"image/{kind.lower()}"
    image.digest = sha256(image.content).hexdigest()
    image.width, image.height = 9, 7
    image.created_at = data.draw(MOMENT)
    image.save()


def put_generation(data: st.DataObject, message: Message) -> None:
    states = set(Generation.State.values) - set(Generation.ACTIVE_STATES)
    Generation.objects.create(
        message=message,
        asked_by=message.chat.owner,
        ref=str(uuid.uuid4()),
        state=data.draw(st.sampled_from(sorted(states))),
        error_code=data.draw(st.sampled_from(["", "queue_full", "internal", "no longer known"])),
        created_at=data.draw(MOMENT),
        heartbeat_at=data.draw(MOMENT),
        first_delta_at=data.draw(st.none() | MOMENT),
        finished_at=data.draw(st.none() | MOMENT),
        prompt_tokens=data.draw(COUNT),
        answer_tokens=data.draw(COUNT),
        cached_tokens=data.draw(COUNT),
        timings=data.draw(st.dictionaries(LINE, NUMBER, max_size=3)),
        ledger=data.draw(LEDGER),
    )


def upload(owner: User, text: str, name: str = "notes.txt") -> rag.Document:
    return rag.create_document(owner, ContentFile(text.encode(), name=name))


def wipe(owner: User) -> None:
    Chat.objects.filter(owner=owner).delete()
    Folder.objects.filter(owner=owner).delete()
    Tag.objects.filter(owner=owner).delete()
    for document in rag.Document.objects.filter(owner=owner):
        rag.delete_document(document)


# Without shrinking, which takes minutes with a database behind each example: they are small as they are.
@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_export_wipe_import_gives_the_same(alice: User, data: st.DataObject) -> None:
    wipe(alice)
    fill(data, alice)
    before = dump(alice)
    file = exported(alice)

    wipe(alice)
    assert dump(alice) == []
    if not before:
        return
    done = taken(alice, file)

    assert dump(alice) == before
    assert all(notes == {} for notes in notes_of(done))


def test_every_kind_of_row_goes_out_or_is_known_to_stay() -> None:
    assert {*apps.get_app_config("chats").get_models()} == {*ROWS} | ONLY_HERE


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_every_field_of_a_row_goes_out_or_is_known_to_stay(model: type[Model]) -> None:
    fields = {field.name for field in [*model._meta.fields, *model._meta.many_to_many]}

    assert fields - LEFT_OUT == ROWS[model], "let `transfer.own` write and read it, and `fill` draw it"


def test_one_chat_in_a_file_of_its_own_has_its_pictures(alice: User) -> None:
    question = make_message(make_chat(owner=alice), content="What is this?")
    make_image(owner=alice, message=question, colour="teal")
    before, file = dump(alice), export_chat(question.chat)
    wipe(alice)

    taken(alice, json.loads(file))

    assert dump(alice) == before


def test_a_picture_that_this_server_has_not_drawn_is_drawn_anew(alice: User) -> None:
    """Whoever writes a file may put anything behind the picture."""
    question = make_message(make_chat(owner=alice), content="What is this?")
    make_image(owner=alice, message=question)
    said = json.loads(export_chat(question.chat))
    picture = said["messages"][0]["images"][0]
    content = base64.b64decode(picture["data"]) + b"<script>"
    picture |= {"data": base64.b64encode(content).decode(), "sha256": sha256(content).hexdigest()}
    wipe(alice)

    taken(alice, said)

    (stored,) = Image.objects.filter(owner=alice)
    assert b"<script>" not in stored.content


def test_three_hundred_messages_in_one_line_come_back(alice: User) -> None:
    chat = make_chat(owner=alice)
    parent = None
    for number in range(300):
        parent = Message.objects.create(chat=chat, parent=parent, role="user", content=str(number))
    before, file = dump(alice), exported(alice)

    wipe(alice)
    taken(alice, file)

    assert dump(alice) == before


def test_the_export_of_one_chat_can_be_imported(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)
    make_answer(chat, parent=chat.messages.filter(role="user").last(), content="another")
    before = dump(alice)
    export = json.loads(export_chat(chat))

    wipe(alice)
    taken(alice, export)

    assert dump(alice) == before


def test_an_import_of_what_is_there_changes_nothing(alice: User) -> None:
    make_chat(owner=alice, messages=4, title="One")
    make_chat(owner=alice, messages=2, title="Two")
    before, file = dump(alice), exported(alice)

    done = taken(alice, file)

    assert dump(alice) == before
    assert (done.n_taken, done.n_known, done.n_refused) == (0, 2, 0)


def test_files_come_back_with_their_content_and_what_was_fetched_with_its_address(alice: User) -> None:
    chat = make_chat(owner=alice)
    question = make_message(chat)
    question.documents.add(upload(alice, "The lighthouse was built in 1902.", "lighthouse.txt"))
    page = ContentFile(b"<!doctype html><html><body><p>A page about ropes.</p></body></html>", name="Ropes")
    question.documents.add(rag.keep_page(alice, page, "https://example.org/ropes"))
    before, file = dump(alice), exported(alice)

    wipe(alice)
    taken(alice, file)

    assert dump(alice) == before
    documents = {document.name: document for document in rag.Document.objects.filter(owner=alice)}
    with documents["lighthouse.txt"].file.open() as kept:
        assert kept.read() == b"The lighthouse was built in 1902."
    assert documents["Ropes"].source_url == "https://example.org/ropes"
    assert documents["Ropes"].media_type == "text/html"


def test_another_account_gets_copies_of_its_own(alice: User, bob: User) -> None:
    chat = make_chat(owner=alice, messages=2, title="Harbour")
    chat.messages.get(role="user").documents.add(upload(alice, "Ropes."))
    before, file = dump(alice), exported(alice)

    done = taken(bob, file)
    again = taken(bob, file)

    copy = Chat.objects.get(owner=bob)
    assert dump(alice) == before
    assert copy.uuid != chat.uuid
    assert [message.content for message in copy.messages.all()] == ["question 1", "answer 1"]
    assert set(copy.messages.values_list("uuid", flat=True)).isdisjoint(chat.messages.values_list("uuid", flat=True))
    assert copy.messages.get(role="user").documents.get().owner == bob
    assert (done.n_taken, again.n_taken, again.n_known) == (1, 0, 1)


def test_what_is_deleted_or_temporary_does_not_go_out(alice: User) -> None:
    make_chat(owner=alice, messages=2, title="secret", deleted_at=datetime.now(UTC))
    make_chat(owner=alice, messages=2, title="secret", temporary_until=datetime.now(UTC) + timedelta(days=1))

    with zipfile.ZipFile(io.BytesIO(exported(alice).read())) as archive:
        assert archive.namelist() == ["folders.json", "manifest.json"]
        assert json.loads(archive.read("manifest.json"))["n_chats"] == 0


def test_a_chat_in_the_trash_is_imported_beside_it(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    file = exported(alice)
    Chat.objects.update(deleted_at=datetime.now(UTC))

    first, second = taken(alice, file), taken(alice, file)

    assert Chat.objects.get(owner=alice, deleted_at=None).uuid != chat.uuid
    assert (first.n_taken, second.n_taken, second.n_known) == (1, 0, 1)


def test_ids_of_messages_that_were_removed_are_taken_too(alice: User) -> None:
    chat = make_chat(owner=alice, messages=2)
    file = exported(alice)
    chat.messages.update(removal=MessageRemoval.objects.create(chat=chat))
    chat.deleted_at = datetime.now(UTC)
    chat.save()

    done = taken(alice, file)

    assert (done.n_taken, notes_of(done)) == (1, [{}])
    assert Message.objects.filter(chat__deleted_at=None).count() == 2


def test_what_somebody_shares_is_named_and_linked_again_but_never_copied(alice: User, bob: User) -> None:
    shared = make_document(owner=bob, name="of bob.txt", text="Bob's words.")
    knowledge = make_knowledge(shared, owner=bob, readers=[alice])
    chat = make_chat(owner=alice)
    question = make_message(chat)
    question.documents.add(shared)
    question.knowledge.add(knowledge)
    before, file = dump(alice), exported(alice)
    with zipfile.ZipFile(file) as archive:
        assert all(b"Bob's words" not in archive.read(name) for name in archive.namelist())

    wipe(alice)
    taken(alice, file)

    assert dump(alice) == before


def test_what_is_not_shared_any_more_does_not_go_out(alice: User, bob: User) -> None:
    shared = make_document(owner=bob, name="of bob.txt")
    chat = make_chat(owner=alice)
    make_message(chat).documents.add(shared)
    answer = make_answer(chat, content="So it is [1].")
    Citation.objects.create(
        message=answer, number=1, document=shared, document_name="of bob.txt", is_of_own_document=False, start=0,
        end=9, text="Bob's words.",
    )  # fmt: skip

    export = export_chat(chat).decode()

    assert "of bob.txt" not in export and "Bob's words" not in export


def test_a_made_up_ledger_is_not_taken(alice: User, data_folder: Path) -> None:
    chat = make_chat(owner=alice)
    make_answer(chat, ledger={"retrieval": {"candidates": [{"document_id": 1}]}})
    export = json.loads(export_chat(chat))
    export["messages"][0]["generation"]["ledger"]["retrieval"]["candidates"][0]["document_id"] = 2

    wipe(alice)
    done = taken(alice, export)

    assert Generation.objects.get().ledger == {}
    assert notes_of(done) == [{"records": 1}]


def test_an_export_asks_the_database_as_often_for_many_chats_as_for_few(
    alice: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        make_chat(owner=alice, messages=4)

    with django_assert_max_num_queries(20):
        exported(alice)


def test_nothing_of_an_import_is_left_in_the_store(alice: User) -> None:
    make_chat(owner=alice, messages=2)

    done = taken(alice, exported(alice))

    assert done.file.name == ""
    assert default_storage.listdir("chat-imports")[1] == []
