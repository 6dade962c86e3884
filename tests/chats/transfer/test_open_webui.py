"""Chats of Open WebUI, as its versions export them and as people's files have them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.chats.transfer.files import as_json, notes_of, taken
from tests.doubles.pictures import png
from webui.accounts.models import User
from webui.chats.conf import MAX_TAGS_OF_CHAT
from webui.chats.errors import FAILED_ELSEWHERE
from webui.chats.models import Chat, Citation, Folder, Generation, Message, Rating, Upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_folder")]

CHAT_ID = "0b1f3f3e-6c1e-4a52-9df5-5b8f0f1f7a01"


def message(id: str, parent: str | None, role: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {
        "id": id, "parentId": parent, "childrenIds": [], "role": role, "content": content, "timestamp": 1_714_000_000,
        **fields,
    }  # fmt: skip


def chat(*messages: dict[str, Any], current: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": CHAT_ID,
        "user_id": "somebody",
        "title": "Ropes",
        "chat": {
            "title": "Ropes",
            "models": ["llama3.2:3b"],
            "history": {"messages": {row["id"]: row for row in messages}, "currentId": current},
            "timestamp": 1_714_000_000_000,
        },
        "created_at": 1_714_000_000,
        "updated_at": 1_714_000_500,
        "archived": False,
        "pinned": False,
        "meta": {},
        **fields,
    }


def tree(chat: Chat) -> list[tuple[str, str | None]]:
    rows = chat.messages.select_related("parent").order_by("pk")
    return [(row.content, row.parent.content if row.parent else None) for row in rows]


def test_the_tree_comes_as_it_is_with_several_models_beside_each_other(alice: User) -> None:
    found = chat(
        message("q", None, "user", "Which rope?", models=["llama3.2:3b", "qwen2.5:7b"]),
        message("a1", "q", "assistant", "Hemp.", model="llama3.2:3b", modelIdx=0),
        message("a2", "q", "assistant", "Nylon.", model="qwen2.5:7b", modelIdx=1),
        message("q2", "a1", "user", "Why?"),
        message("a3", "q2", "assistant", "It swells.", model="llama3.2:3b"),
        current="a3",
    )

    done = taken(alice, [found])

    stored = Chat.objects.get(owner=alice)
    assert str(stored.uuid) == CHAT_ID
    assert (stored.title, stored.model, stored.has_automatic_title) == ("Ropes", "llama3.2:3b", False)
    assert tree(stored) == [
        ("Which rope?", None), ("Hemp.", "Which rope?"), ("Nylon.", "Which rope?"), ("Why?", "Hemp."),
        ("It swells.", "Why?"),
    ]  # fmt: skip
    assert stored.current_message and stored.current_message.content == "It swells."
    assert [row.model for row in stored.messages.filter(role="assistant")] == [
        "llama3.2:3b", "qwen2.5:7b", "llama3.2:3b",
    ]  # fmt: skip
    assert stored.created_at == datetime.fromtimestamp(1_714_000_000, UTC)
    assert stored.updated_at == datetime.fromtimestamp(1_714_000_500, UTC)
    assert notes_of(done) == [{}]


def test_one_chat_alone_is_taken_too(alice: User) -> None:
    taken(alice, chat(message("q", None, "user", "Which rope?")))

    assert Chat.objects.get(owner=alice).title == "Ropes"


def test_the_oldest_exports_have_one_line_of_messages(alice: User) -> None:
    lines = [{"role": "user", "content": "Which rope?"}, {"role": "assistant", "content": "Hemp."}]

    taken(alice, [{"title": "Old", "chat": {"messages": lines, "timestamp": 1_700_000_000_000}}])

    stored = Chat.objects.get(owner=alice)
    assert tree(stored) == [("Which rope?", None), ("Hemp.", "Which rope?")]
    assert stored.current_message and stored.current_message.content == "Hemp."
    assert stored.created_at == datetime.fromtimestamp(1_700_000_000, UTC)


def test_tags_pins_archive_prompt_and_options_come_along(alice: User) -> None:
    found = chat(
        message("q", None, "user", "Which rope?"), pinned=True, archived=True, meta={"tags": ["boats", "old_ropes"]}
    )
    found["chat"] |= {"system": "Be brief.", "params": {"temperature": 0.5, "stream_response": True, "top_k": "many"}}

    taken(alice, [found])

    stored = Chat.objects.get(owner=alice)
    assert stored.is_pinned and stored.archived_at
    assert sorted(tag.name for tag in stored.tags.all()) == ["boats", "old ropes"]
    assert (stored.system_prompt, stored.options) == ("Be brief.", {"temperature": 0.5})


def test_chats_of_one_folder_are_in_one_folder(alice: User) -> None:
    one, two, other = (chat(message("q", None, "user", "?"), id="", title=title) for title in ("1", "2", "3"))

    taken(alice, [one | {"folder_id": "f1"}, two | {"folder_id": "f1"}, other | {"folder_id": "f2"}])

    inside = [sorted(folder.chats.values_list("title", flat=True)) for folder in Folder.objects.order_by("pk")]
    assert inside == [["1", "2"], ["3"]]


def test_ratings_and_citations_come_along(alice: User) -> None:
    source = {
        "source": {"name": "ropes.pdf"}, "document": ["Hemp swells."], "distances": [0.7],
        "metadata": [{"name": "ropes.pdf", "page": 2}],
    }  # fmt: skip
    rated = {"rating": -1, "reason": "not_correct", "comment": "It was nylon."}

    taken(
        alice,
        [
            chat(
                message("q", None, "user", "?"),
                message("a", "q", "assistant", "Hemp [1].", sources=[source], annotation=rated),
            )
        ],
    )

    citation, rating = Citation.objects.get(), Rating.objects.get()
    assert (citation.number, citation.document_name, citation.page, citation.text, citation.score) == (
        1, "ropes.pdf", 3, "Hemp swells.", 0.7,
    )  # fmt: skip
    assert (rating.is_good, rating.comment, rating.rated_by) == (False, "not_correct: It was nylon.", alice)


def test_parts_of_a_content_become_text_pictures_and_documents(alice: User) -> None:
    picture = "data:image/png;base64," + base64.b64encode(png(8, 8)).decode()
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": picture}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "input_audio"},
    ]
    files = [
        {"type": "file", "name": "ropes.pdf", "file": {"data": {"content": "Hemp swells."}}},
        {"type": "collection", "name": "Ropes"},
    ]

    done = taken(alice, [chat(message("q", None, "user", parts, files=files))])

    stored = Message.objects.get()
    assert stored.content == "What is this?"
    assert [document.name for document in stored.documents.all()] == ["ropes.pdf.txt"]
    assert [image.name for image in stored.images.all()] == ["picture.png"]
    assert notes_of(done) == [{"missing_files": 2, "parts": 1}]


FOLDED = """<details type="reasoning" done="true" duration="3">
<summary>Thought for 3 seconds</summary>
&gt; It swells &amp; dries.
> So hemp.
</details>
<details type="tool_calls" id="c" name="look" arguments="&quot;{\\&quot;q\\&quot;: 1}&quot;" result="&quot;found&quot;">
<summary>Tool Executed</summary>
</details>
Hemp. <details type="other">kept</details>"""


def test_steps_that_stand_in_the_words_are_thoughts(alice: User) -> None:
    taken(
        alice,
        [
            chat(
                message("q", None, "user", FOLDED),
                message("a", "q", "assistant", FOLDED),
                message("b", "q", "assistant", 'Open <details type="reasoning">'),
            )
        ],
    )

    question, answer, still_open = Message.objects.order_by("pk")
    assert question.content == FOLDED
    assert answer.content == 'Hemp. <details type="other">kept</details>'
    assert answer.thinking == 'It swells & dries.\nSo hemp.\n\n```\nlook({"q": 1})\n```\n\n```\nfound\n```'
    assert still_open.content == 'Open <details type="reasoning">'


def test_the_items_of_an_answer_are_its_words_and_its_thoughts(alice: User) -> None:
    output = [
        {"type": "reasoning", "summary": [{"text": "I look it up."}]},
        {"type": "function_call", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "output": [{"type": "input_text", "text": "found"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Hemp."}]},
    ]

    taken(alice, [chat(message("q", None, "user", "?"), message("a", "q", "assistant", "", output=output))])

    answer = Message.objects.get(role="assistant")
    assert answer.content == "Hemp."
    assert answer.thinking == "I look it up.\n\n```\nlook({})\n```\n\n```\nfound\n```"


def test_how_answers_came_about_comes_along(alice: User) -> None:
    taken(
        alice,
        [
            chat(
                message("q", None, "user", "?"),
                message(
                    "a", "q", "assistant", "1", usage={"prompt_tokens": 7, "completion_tokens": 2}, followUps=["Why?"]
                ),
                message("b", "q", "assistant", "", error={"content": "No model."}),
                message("c", "q", "assistant", "3", done=False, info={"eval_count": 5}),
            )
        ],
    )

    used, failed, broken = Generation.objects.order_by("message__pk")
    assert (used.state, used.prompt_tokens, used.answer_tokens, used.message.follow_ups) == ("finished", 7, 2, ["Why?"])
    assert (failed.state, failed.error_code, failed.error_facts) == (
        "failed",
        FAILED_ELSEWHERE,
        {"detail": "No model."},
    )
    assert (broken.state, broken.answer_tokens) == ("interrupted", 5)


def test_a_merged_answer_is_one_more_beside_those_it_is_of(alice: User) -> None:
    merged = {"status": True, "content": "Hemp or nylon."}
    found = chat(
        message("q", None, "user", "?", models=["a", "b"]),
        message("a1", "q", "assistant", "Hemp.", model="a", merged=merged),
        message("a2", "q", "assistant", "Nylon.", model="b"),
        current="a1",
    )

    taken(alice, [found])

    stored = Chat.objects.get()
    assert stored.is_side_by_side
    assert tree(stored) == [("?", None), ("Hemp.", "?"), ("Nylon.", "?"), ("Hemp or nylon.", "?")]
    hemp, nylon, both = stored.messages.filter(role="assistant").order_by("pk")
    assert both.merged_from == [{"message": str(hemp.uuid), "name": "a"}, {"message": str(nylon.uuid), "name": "b"}]


def test_citations_are_numbered_by_the_places_they_name(alice: User) -> None:
    sources = [
        {"source": {"id": "k", "name": "Ropes"}, "document": ["1", "2", "3"], "distances": [0.1, 0.9],
         "metadata": [{"source": "a.pdf"}, {"source": "b.pdf"}, {"source": "a.pdf"}]},
        {"source": {"id": "c", "name": "Tar"}, "document": ["4"], "metadata": []},
    ]  # fmt: skip

    taken(alice, [chat(message("q", None, "user", "?"), message("a", "q", "assistant", "[1][2][3]", sources=sources))])

    assert [(c.number, c.document_name, c.text, c.score) for c in Citation.objects.order_by("number")] == [
        (1, "Ropes", "1\n\n3", 0.1), (2, "Ropes", "2", 0.9), (3, "Tar", "4", None),
    ]  # fmt: skip


def test_settings_by_other_names_come_along_and_unknown_ones_are_told(alice: User) -> None:
    found = chat(message("q", None, "user", "?"))
    params = {
        "system": "For this chat.",
        "max_tokens": 9,
        "stop": "END, STOP",
        "reasoning_effort": "low",
        "mirostat": 1,
    }
    found["chat"] |= {"system": "For all.", "params": params | {"top_p": None}, "files": [{"type": "collection"}]}

    done = taken(alice, [found])

    stored = Chat.objects.get()
    assert stored.system_prompt == "For this chat."
    assert stored.options == {"num_predict": 9, "stop": ["END", "STOP"], "think": "low"}
    assert notes_of(done) == [{"options": 1, "missing_files": 1}]


def test_what_a_chat_can_have_only_so_much_of_is_told(alice: User) -> None:
    files = [{"name": f"{n}", "file": {"data": {"content": f"{n}"}}} for n in range(22)]
    found = chat(message("q", None, "user", "?", files=files), meta={"tags": [f"t{n}" for n in range(99)]})

    done = taken(alice, [found])

    assert Message.objects.get().documents.count() == 20
    assert notes_of(done) == [{"too_many": 2 + 99 - MAX_TAGS_OF_CHAT}]
    assert Upload.objects.count() == 20


def test_what_is_wrong_with_a_tree_is_told_and_the_rest_is_there(alice: User) -> None:
    done = taken(
        alice,
        [
            chat(
                message("a", "b", "assistant", "in a circle"),
                message("b", "a", "user", "in a circle too"),
                message("c", "gone", "user", "of a parent that is not there"),
                message("d", "c", "nobody", "of no role"),
                message("e", "d", "assistant", "below that"),
                message("f", "e", "user", "at no time", timestamp=10**400),
                message("g", "f", "assistant", "NUL \x00 and half \ud800 a letter"),
                current="gone",
            )
        ],
    )

    stored = Chat.objects.get(owner=alice)
    assert tree(stored) == [
        ("of a parent that is not there", None), ("below that", "of a parent that is not there"),
        ("at no time", "below that"), ("NUL  and half ? a letter", "at no time"),
        ("in a circle", None), ("in a circle too", "in a circle"),
    ]  # fmt: skip
    assert stored.current_message
    assert notes_of(done) == [{"circles": 1, "dangling": 1, "no_message": 1, "moments": 1, "no_shown": 1}]


@pytest.mark.parametrize("wrong", [None, 7, "x", [], [[]], {}, {"a": []}, True, 1e400, 10**400])
@pytest.mark.parametrize(
    "place", ["title", "created_at", "updated_at", "pinned", "meta", "folder_id", "chat.models", "chat.params",
              "chat.system", "chat.tags", "chat.history.currentId"],
)  # fmt: skip
def test_a_value_of_another_kind_costs_itself_alone(alice: User, place: str, wrong: object) -> None:
    found = chat(message("q", None, "user", "Which rope?"))
    *way, last = place.split(".")
    inner: Any = found
    for step in way:
        inner = inner[step]
    inner[last] = wrong

    taken(alice, [found])

    assert Message.objects.get().content == "Which rope?"


@pytest.mark.parametrize("wrong", [None, 7, "x", [], [[]], [7], {}, {"a": []}, True, 10**400])
@pytest.mark.parametrize(
    "place", ["parentId", "content", "timestamp", "files", "sources", "annotation", "model", "output", "childrenIds"]
)
def test_a_value_of_another_kind_in_a_message_costs_itself_alone(alice: User, place: str, wrong: object) -> None:
    found = chat(
        message("q", None, "user", "Which rope?"), message("a", "q", "assistant", "Hemp.", **{place: wrong})
        if place not in ("parentId", "content", "timestamp", "childrenIds")
        else message("a", "q", "assistant", "Hemp.") | {place: wrong},
    )  # fmt: skip

    taken(alice, [found])

    assert Message.objects.count() == 2


def test_the_same_file_again_brings_nothing_new(alice: User) -> None:
    found = [chat(message("q", None, "user", "?"), id=""), chat(message("q", None, "user", "?"))]

    first, second = taken(alice, found), taken(alice, found)

    assert (first.n_taken, first.n_known) == (2, 0)
    assert (second.n_taken, second.n_known) == (0, 2)
    assert Chat.objects.count() == 2


def test_ids_of_somebody_else_are_left_alone(alice: User, bob: User) -> None:
    found = [chat(message("9b1f3f3e-6c1e-4a52-9df5-5b8f0f1f7a01", None, "user", "mine"))]
    taken(alice, found)
    found[0]["chat"]["history"]["messages"]["9b1f3f3e-6c1e-4a52-9df5-5b8f0f1f7a01"]["content"] = "yours"

    first, second = taken(bob, found), taken(bob, found)

    assert Message.objects.get(chat__owner=alice).content == "mine"
    assert Message.objects.get(chat__owner=bob).content == "yours"
    assert (first.n_taken, second.n_known) == (1, 1)


def test_one_broken_chat_does_not_cost_the_others(alice: User) -> None:
    good = [chat(message("q", None, "user", "?"), id="", title=title) for title in ("1", "2")]
    data = b'[%s, {"chat": nonsense}, {"other": 1}, %s' % tuple(as_json(row).read() for row in good)

    done = taken(alice, SimpleUploadedFile("chats.json", data))

    assert (done.n_taken, done.n_refused, done.state) == (2, 3, "done")
    assert notes_of(done) == [{}, {"not_json": 1}, {"not_a_chat": 1}, {}, {"cut_off": 1}]
