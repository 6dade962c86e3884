"""Chats of ChatGPT: its real tree, what was hidden in it, and the pictures of its archive."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.chats.transfer.files import as_zip, notes_of, taken
from tests.chats.transfer.test_open_webui import tree
from tests.doubles.pictures import png
from webui.accounts.models import User
from webui.chats.models import Chat, Message, Rating

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_folder")]

CHAT_ID = "67a1f3f3-6c1e-8a52-9df5-5b8f0f1f7a01"


def node(id: str, parent: str | None, role: str, *parts: Any, kind: str = "text", **fields: Any) -> dict[str, Any]:
    content = {"content_type": kind, "parts": list(parts)} if kind in ("text", "multimodal_text") else parts[0]
    return {
        "id": id,
        "parent": parent,
        "children": [],
        "message": {
            "id": id, "author": {"role": role}, "create_time": 1_714_000_000.25, "recipient": "all", "metadata": {},
            "content": content if "content_type" in content else {"content_type": kind, **content}, **fields,
        },
    }  # fmt: skip


def chat(*nodes: dict[str, Any], current: str | None = None, **fields: Any) -> dict[str, Any]:
    root = {"id": "root", "parent": None, "children": [], "message": None}
    return {
        "title": "Ropes",
        "create_time": 1_714_000_000.5,
        "update_time": 1_714_000_009.75,
        "mapping": {row["id"]: row for row in [root, *nodes]},
        "current_node": current,
        "conversation_id": CHAT_ID,
        "default_model_slug": "gpt-4o",
        **fields,
    }


def test_the_real_tree_comes_with_the_branch_that_was_shown(alice: User) -> None:
    done = taken(
        alice,
        [
            chat(
                node("s", "root", "system", ""),
                node("q", "s", "user", "Which rope?"),
                node("a", "q", "assistant", "Hemp.", metadata={"model_slug": "gpt-4o"}),
                node("q1", "a", "user", "Why?"),
                node("q2", "a", "user", "How long?"),
                node("b1", "q1", "assistant", "It swells.", metadata={"model_slug": "o3"}),
                node("b2", "q2", "assistant", "Ten metres."),
                current="b1",
            )
        ],
    )

    stored = Chat.objects.get(owner=alice)
    assert str(stored.uuid) == CHAT_ID
    assert (stored.title, stored.model) == ("Ropes", "gpt-4o")
    assert tree(stored) == [
        ("Which rope?", None), ("Hemp.", "Which rope?"), ("Why?", "Hemp."), ("How long?", "Hemp."),
        ("It swells.", "Why?"), ("Ten metres.", "How long?"),
    ]  # fmt: skip
    assert stored.current_message and stored.current_message.content == "It swells."
    assert [row.model for row in stored.messages.filter(role="assistant")] == ["gpt-4o", "o3", ""]
    assert stored.created_at.timestamp() == 1_714_000_000.5
    assert notes_of(done) == [{}]


def test_what_was_not_shown_goes_with_the_thoughts_of_the_answer_below_it(alice: User) -> None:
    taken(
        alice,
        [
            chat(
                node("q", "root", "user", "How many?"),
                node("t", "q", "assistant", {"thoughts": [{"content": "I count."}]}, kind="thoughts"),
                node("c", "t", "assistant", {"text": "print(7)"}, kind="code", recipient="python"),
                node("r", "c", "tool", {"text": "7"}, kind="execution_output"),
                node("a", "r", "assistant", "Seven."),
                current="a",
            )
        ],
    )

    stored = Chat.objects.get(owner=alice)
    answer = stored.messages.get(role="assistant")
    assert tree(stored) == [("How many?", None), ("Seven.", "How many?")]
    assert answer.thinking == "I count.\n\n```\nprint(7)\n```\n\n```\n7\n```"
    assert stored.current_message == answer


def test_hidden_messages_and_contexts_are_no_messages(alice: User) -> None:
    hidden = {"is_visually_hidden_from_user_message": True}
    taken(
        alice,
        [
            chat(
                node("h", "root", "user", "secret instructions", metadata=hidden),
                node("e", "h", "user", {"user_profile": "secret"}, kind="user_editable_context"),
                node("q", "e", "user", "Which rope?"),
                node("a", "q", "assistant", "Hemp."),
                current="a",
            )
        ],
    )

    stored = Chat.objects.get(owner=alice)
    assert tree(stored) == [("Which rope?", None), ("Hemp.", "Which rope?")]
    assert not Message.objects.exclude(thinking="").exists()


def test_parts_of_one_answer_are_one_message_and_its_shown_end_is_found(alice: User) -> None:
    taken(
        alice,
        [
            chat(
                node("q", "root", "user", "?"),
                node("a", "q", "assistant", "I look it up."),
                node("t", "a", "tool", "found"),
                node("b", "t", "assistant", "Hemp."),
                node("q2", "b", "user", "Sure?"),
                current="t",
            )
        ],
    )

    assert tree(Chat.objects.get()) == [
        ("?", None),
        ("I look it up.\n\nHemp.", "?"),
        ("Sure?", "I look it up.\n\nHemp."),
    ]
    assert Chat.objects.get().current_message == Message.objects.get(content="Sure?")


@pytest.mark.parametrize(
    ("entry", "pointer"),
    [
        ("file-AbC123-rope.png", "file-service://file-AbC123"),
        ("user-xyz/file_00000000abcd-sanitized.png", "sediment://file_00000000abcd"),
    ],
)
def test_pictures_of_the_archive_go_with_their_question(alice: User, entry: str, pointer: str) -> None:
    picture = {"content_type": "image_asset_pointer", "asset_pointer": pointer, "width": 8, "height": 8}
    found = [chat(node("q", "root", "user", picture, "What is this?", kind="multimodal_text"), current="q")]

    done = taken(alice, as_zip({"conversations.json": json.dumps(found), entry: png(8, 8), "user.json": '{"id": "x"}'}))

    stored = Message.objects.get()
    image = stored.images.get()
    assert stored.content == "What is this?"
    assert (image.owner, image.media_type, image.width) == (alice, "image/png", 8)
    assert image.name == entry.rpartition("/")[2]
    assert not stored.documents.exists()
    assert notes_of(done) == [{}]


def test_without_the_archive_a_missing_picture_is_told(alice: User) -> None:
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-AbC123"}

    done = taken(alice, [chat(node("q", "root", "user", picture, "What is this?", kind="multimodal_text"))])

    assert Message.objects.get().content == "What is this?"
    assert notes_of(done) == [{"missing_files": 1}]


def drawn(id: str, parent: str, pointer: str) -> dict[str, Any]:
    picture = {
        "content_type": "image_asset_pointer", "asset_pointer": f"sediment://{pointer}",
        "metadata": {"dalle": {"prompt": "A coil of rope"}},
    }  # fmt: skip
    return node(id, parent, "tool", picture, kind="multimodal_text")


def test_pictures_that_were_drawn_are_the_answer(alice: User) -> None:
    found = [
        chat(
            node("q", "root", "user", "Draw a rope."),
            node("c", "q", "assistant", {"text": '{"prompt": "A coil"}'}, kind="code", recipient="dalle.text2im"),
            drawn("d", "c", "file_00000000abcd"),
            node("a", "d", "assistant", "Here it is.", metadata={"model_slug": "gpt-4o"}),
            current="a",
        )
    ]

    done = taken(alice, as_zip({"conversations.json": json.dumps(found), "x/file_00000000abcd-1.png": png(8, 8)}))

    answer = Message.objects.get(role="assistant")
    assert tree(Chat.objects.get()) == [("Draw a rope.", None), ("Here it is.", "Draw a rope.")]
    assert (answer.model, answer.is_picture, "A coil" in answer.thinking) == ("gpt-4o", True, True)
    assert [image.name for image in answer.images.all()] == ["A coil of rope"]
    assert not answer.documents.exists()
    assert notes_of(done) == [{}]


def test_what_stood_in_the_canvas_is_in_the_answer(alice: User) -> None:
    new = {"text": json.dumps({"name": "Knots", "type": "code/python", "content": "print(1)"})}
    taken(
        alice,
        [
            chat(
                node("q", "root", "user", "Write it."),
                node("c", "q", "assistant", new, kind="code", recipient="canmore.create_textdoc"),
                node("t", "c", "tool", "Successfully created."),
                node("a", "t", "assistant", "There it is."),
                current="a",
            )
        ],
    )

    answer = Message.objects.get(role="assistant")
    assert answer.content == "**Knots**\n\n```python\nprint(1)\n```\n\nThere it is."
    assert answer.thinking == "```\nSuccessfully created.\n```"


def test_pages_that_an_answer_names_are_its_citations(alice: User) -> None:
    one, two = ({"title": title, "url": f"https://example.org/{title}", "snippet": f"Of {title}."} for title in "AB")
    references = [
        {"matched_text": "\ue200cite\ue202turn0search0\ue201", "items": [one, two]},
        {"matched_text": "\ue200cite\ue202turn0search1\ue201", "items": [two]},
        {"matched_text": " ", "type": "sources_footnote"},
    ]
    said = (
        "Wet. \ue200cite\ue202turn0search1\ue201 Dry. \ue200cite\ue202turn0search0\ue201\ue200nav\ue201 \ue2107\ue211"
    )
    old = {"start_ix": 6, "end_ix": 16, "metadata": {"title": "C", "url": "https://example.org/C"}}
    taken(
        alice,
        [
            chat(
                node("q", "root", "user", "?"),
                node("a", "q", "assistant", said, metadata={"content_references": references}),
                node("b", "a", "assistant", "Tarred【3†source】.", metadata={"citations": [old]}),
            )
        ],
    )

    answer = Message.objects.get(role="assistant")
    assert answer.content == "Wet. [1] Dry. [2][1] 7\n\nTarred[3]."
    assert [(c.number, c.document_name, c.text) for c in answer.citations.all()] == [
        (1, "B", "Of B.\nhttps://example.org/B"), (2, "A", "Of A.\nhttps://example.org/A"),
        (3, "C", "https://example.org/C"),
    ]  # fmt: skip


def test_thoughts_that_came_to_no_answer_are_one(alice: User) -> None:
    done = taken(
        alice,
        [
            chat(
                node("q", "root", "user", "How many?"),
                node("t", "q", "assistant", {"thoughts": [{"content": "I count."}]}, kind="thoughts"),
                node("c", "t", "assistant", {"text": "print(7)"}, kind="code", recipient="python"),
                current="c",
            ),
            chat(
                node("q", "root", "user", "How many?"),
                node("a", "q", "assistant", "Seven."),
                node("t", "a", "tool", "stored"),
                node("q2", "t", "user", "Sure?"),
                node("h", "q2", "system", "Be kind."),
                node("q3", "h", "user", "Yes?"),
                conversation_id="2",
            ),
        ],
    )

    first, second = Chat.objects.order_by("pk")
    assert tree(first) == [("How many?", None), ("", "How many?")]
    assert first.current_message and first.current_message.thinking == "I count.\n\n```\nprint(7)\n```"
    assert second.messages.get(content="Seven.").thinking == "```\nstored\n```"
    assert notes_of(done) == [{}, {"hidden": 1}]


def test_what_the_person_had_said_of_themselves_are_the_instructions_of_the_chat(alice: User) -> None:
    said = {"user_profile": "I sail.", "user_instructions": "Be brief."}

    taken(alice, [chat(node("e", "root", "user", said, kind="user_editable_context"), node("q", "e", "user", "?"))])

    assert Chat.objects.get().system_prompt == "I sail.\n\nBe brief."


def test_what_was_remembered_of_the_person_is_among_the_instructions_as_it_was_last(alice: User) -> None:
    older = {"user_context_message_data": {"about_user_message": "I sail.", "about_model_message": "Be brief."}}
    nodes = [
        node("e", "root", "user", {}, kind="user_editable_context", metadata=older),
        node("m", "e", "assistant", {"model_set_context": "Has a boat."}, kind="model_editable_context"),
        node("q", "m", "user", "?"),
        node("n", "q", "assistant", {"model_set_context": "Has two boats."}, kind="model_editable_context"),
        node("a", "n", "assistant", "!"),
    ]

    done = taken(alice, [chat(*nodes, current="a")])

    assert Chat.objects.get().system_prompt == "I sail.\n\nBe brief.\n\nHas two boats."
    assert tree(Chat.objects.get()) == [("?", None), ("!", "?")]
    assert notes_of(done) == [{}]


def test_answers_of_a_custom_gpt_say_of_which(alice: User) -> None:
    other = {"gizmo_id": "g-other", "model_slug": "gpt-5"}
    of_gpt = chat(
        node("q", "root", "user", "?"), node("a", "q", "assistant", "one"),
        node("b", "q", "assistant", "two", metadata=other), current="a", conversation_template_id="g-abc",
    )  # fmt: skip
    of_project = chat(
        node("q", "root", "user", "?"), node("a", "q", "assistant", "three"), gizmo_id="g-p-1", conversation_id="other"
    )

    taken(alice, [of_gpt, of_project])

    said_by = dict(Message.objects.values_list("content", "preset_name"))
    assert said_by == {"?": "", "one": "GPT abc", "two": "GPT other", "three": ""}
    assert Message.objects.get(content="two").model == "gpt-5"


def test_siblings_stand_as_their_parent_lists_them(alice: User) -> None:
    found = chat(
        node("q", "root", "user", "?"),
        node("h2", "q", "tool", "looked up"),
        node("a2", "h2", "assistant", "two"),
        node("a1", "q", "assistant", "one"),
        node("a3", "q", "assistant", "three"),
        current="a2",
    )
    found["mapping"]["q"]["children"] = ["a1", "h2", "gone"]

    taken(alice, [found])

    answers = Message.objects.filter(role="assistant").order_by("pk")
    assert [answer.content for answer in answers] == ["one", "two", "three"]
    assert Chat.objects.get().current_message == answers[1]


def test_thumbs_of_the_archive_are_ratings(alice: User) -> None:
    found = [chat(node("q", "root", "user", "?"), node("a", "q", "assistant", "!"), current="a")]
    thumbs = [{"message_id": "a", "rating": "thumbsDown", "content": json.dumps({"text": "No rope."})}, 7]

    taken(alice, as_zip({"conversations.json": json.dumps(found), "message_feedback.json": json.dumps(thumbs)}))

    rating = Rating.objects.get()
    assert (rating.rated_by, rating.is_good, rating.comment) == (alice, False, "No rope.")


def test_a_text_is_in_a_chat_once_however_many_answers_stand_below_it(alice: User) -> None:
    """A small file must not become a large one."""
    long = node("t", "q", "tool", "x" * 5_000)
    answers = (node(f"a{n}", "t", "assistant", "!") for n in range(50))

    taken(alice, [chat(node("q", "root", "user", "?"), long, *answers)])

    assert sum(map(len, Message.objects.values_list("thinking", flat=True))) < 6_000


def test_large_accounts_have_several_files(alice: User) -> None:
    entries = {
        f"export/conversations-{number:03}.json": json.dumps(
            [chat(node("q", "root", "user", str(number)), conversation_id=f"c{number}", current="q")]
        )
        for number in range(3)
    }

    done = taken(alice, as_zip(entries))

    assert done.n_taken == 3
    assert [message.content for message in Message.objects.order_by("pk")] == ["0", "1", "2"]


@pytest.mark.parametrize("wrong", [None, 7, "x", [], [7], {}, {"a": []}, True, 10**400])
@pytest.mark.parametrize("place", ["author", "content", "metadata", "create_time", "recipient"])
def test_a_value_of_another_kind_costs_itself_alone(alice: User, place: str, wrong: object) -> None:
    broken = node("a", "q", "assistant", "Hemp.")
    broken["message"][place] = wrong

    taken(alice, [chat(node("q", "root", "user", "Which rope?"), broken, current="a")])

    assert Message.objects.filter(content="Which rope?").exists()


def test_circles_in_a_mapping_end(alice: User) -> None:
    found = chat(node("a", "b", "user", "one"), node("b", "a", "assistant", "two"), node("x", "x", "tool", "three"))
    found["mapping"]["y"] = {"id": "y", "parent": "x", "message": None}
    found["mapping"]["z"] = node("z", "y", "assistant", "four")

    done = taken(alice, SimpleUploadedFile("conversations.json", json.dumps([found]).encode()))

    assert Message.objects.count() == 3
    assert done.n_taken == 1
