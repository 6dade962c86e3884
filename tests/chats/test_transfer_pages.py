"""The pages that take chats out and in."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client
from django.urls import reverse

from tests.chats.transfer.files import as_json, exported
from tests.factories import make_answer, make_chat, make_document, make_image, make_message
from webui.accounts.models import User
from webui.chats.models import Chat, ChatImport, Citation, Image, Message
from webui.chats.transfer.taking import Worker

JSON = {"HTTP_ACCEPT": "application/json"}
IMPORT = "/chats/transfer/import/"
PAPERS = ("export_markdown", "export_html", "export_json")

HOSTILE_TEXTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "</title></head><body onload=alert(1)>",
    "<svg/onload=alert(1)>",
    "[a](javascript:alert(1)) ![b](https://evil.example/x.png)",
    "<iframe src=https://evil.example></iframe>",
    "{% load static %}{{ user.password }}",
    '<a href="https://evil.example" ping="https://evil.example">x</a>',
    "../../etc/passwd\r\nSet-Cookie: a=b",
    "\u202egnp.exe \u0000 \u200b",
    "`" * 60 + "\n<base href=//evil.example>",
    "$\\href{javascript:alert(1)}{x}$",
]

pytestmark = [pytest.mark.usefixtures("data_folder")]
in_database = pytest.mark.django_db


def open_webui_chat(title: str = "Ropes") -> dict[str, object]:
    messages = {
        "q": {"id": "q", "parentId": None, "role": "user", "content": "Which rope?"},
        "a": {"id": "a", "parentId": "gone", "role": "assistant", "content": "Hemp."},
    }
    return {"title": title, "chat": {"history": {"messages": messages, "currentId": "a"}}}


def take_all_in() -> None:
    """Do what the loop does beside the pages."""
    worker = Worker()
    while worker.go_on():
        pass


@in_database
def test_an_import_leads_to_its_report_and_to_the_chats(alice: User, alice_client: Client) -> None:
    answer = alice_client.post(IMPORT, {"file": as_json([open_webui_chat(), {"no": "chat"}])}, follow=True)
    assert "Being imported" in answer.content.decode()
    take_all_in()
    page = alice_client.get(answer.request["PATH_INFO"]).content.decode()

    assert "1 new chat, 1 not imported" in page
    assert "1 message answers one that is not in the file" in page
    assert "This is no chat in a form that is known here." in page
    assert reverse("chats:chat", args=[Chat.objects.get(owner=alice).uuid]) in page
    assert "chats.json" in alice_client.get(reverse("chats:transfer")).content.decode()


@in_database
def test_the_whole_report_can_be_taken_along(alice_client: Client) -> None:
    alice_client.post(IMPORT, {"file": as_json([open_webui_chat("With\ttab"), 7, {"no": "chat"}])})
    take_all_in()

    response = alice_client.get(reverse("chats:import_report_text", args=[ChatImport.objects.get().uuid]))

    lines = b"".join(response).decode().splitlines()  # type: ignore[arg-type]  # sync here
    assert [line.split("\t")[:2] for line in lines] == [["1", "With tab"], ["2", "Chat 2 of the file"]]


@in_database
def test_a_script_is_told_how_far_an_import_is(alice_client: Client) -> None:
    begun = alice_client.post(IMPORT, {"file": as_json([open_webui_chat()])}, **JSON)
    before = alice_client.get(begun.json()["url"], **JSON).json()
    take_all_in()
    after = alice_client.get(begun.json()["url"], **JSON).json()

    assert (begun.status_code, before["state"], before["percent"]) == (201, "running", 0)
    assert (after["state"], after["percent"], after["n_taken"]) == ("done", 100, 1)


@in_database
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello", "neither a ZIP nor JSON"),
        (b"", "neither a ZIP nor JSON"),
        (b"PK\x03\x04 broken", "This archive is damaged."),
        (b"PK\x05\x06" + bytes(18), "There are no chats in this file."),
    ],
)
def test_what_holds_no_chats_is_refused_and_not_kept(alice_client: Client, content: bytes, words: str) -> None:
    answer = alice_client.post(IMPORT, {"file": SimpleUploadedFile("chats.zip", content)}, **JSON)

    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert not ChatImport.objects.exists()
    assert not default_storage.exists("chat-imports") or not default_storage.listdir("chat-imports")[1]


@in_database
def test_one_file_is_imported_after_the_other_and_can_be_stopped(alice_client: Client) -> None:
    begun = alice_client.post(IMPORT, {"file": as_json([open_webui_chat()])}, **JSON)
    second = alice_client.post(IMPORT, {"file": as_json([open_webui_chat()])}, **JSON)
    stopped = alice_client.post(reverse("chats:stop_import", args=[ChatImport.objects.get().uuid]), follow=True)
    take_all_in()
    third = alice_client.post(IMPORT, {"file": as_json([open_webui_chat()])}, **JSON)

    assert (begun.status_code, second.status_code, third.status_code) == (201, 409, 201)
    assert "It was stopped. What had been imported stays." in stopped.content.decode()
    assert not Chat.objects.exists()
    assert len(default_storage.listdir("chat-imports")[1]) == 1


@in_database
def test_charlie_reaches_no_import_and_no_export(alice: User, alice_client: Client, charlie_client: Client) -> None:
    chat = make_chat(owner=alice, messages=2)
    alice_client.post(IMPORT, {"file": as_json([open_webui_chat()])})
    imported = ChatImport.objects.get().uuid

    for name in ("import_report", "import_report_text"):
        assert charlie_client.get(reverse(f"chats:{name}", args=[imported])).status_code == 404
    assert charlie_client.post(reverse("chats:stop_import", args=[imported])).status_code == 404
    for name in ("export", *PAPERS):
        assert charlie_client.get(reverse(f"chats:{name}", args=[chat.uuid])).status_code == 404
    assert ChatImport.objects.get().is_running


async def test_the_export_of_all_is_sent_piece_by_piece(
    transactional_db: None, alice: User, async_client: AsyncClient
) -> None:
    def prepare() -> None:
        async_client.force_login(alice)
        for number in range(3):
            chat = make_chat(owner=alice, title=f"Chat {number}")
            make_message(chat, content="".join(chr(0x4E00 + n % 9000) for n in range(700_000)))

    await sync_to_async(prepare)()
    response = await async_client.get(reverse("chats:export_all"))
    pieces = [piece async for piece in response]

    assert re.fullmatch(r'attachment; filename="chats-[\d-]+\.zip"', response.headers["Content-Disposition"])
    assert len(pieces) > 2


# ---- one chat as a paper -------------------------------------------------------------------------


@pytest.fixture
def told(alice: User) -> Chat:
    chat = make_chat(owner=alice, title="Ropes & tar: *which* ones?")
    question = make_message(chat, content="Which rope?\n\n<b>not bold</b>")
    question.documents.add(make_document(owner=alice, name="ropes.pdf"))
    make_answer(chat, content="another", parent=question)
    answer = make_answer(chat, content="**Hemp** [1].\n\n```python\nprint(1)\n```", parent=question)
    Citation.objects.create(
        message=answer, number=1, document_name="ropes.pdf", page=3, start=0, end=9, text="Hemp swells."
    )
    return chat


@in_database
def test_markdown_holds_the_shown_branch_with_its_sources(told: Chat, alice_client: Client) -> None:
    response = alice_client.get(reverse("chats:export_markdown", args=[told.uuid]))

    text = response.content.decode()
    assert response.headers["Content-Disposition"] == 'attachment; filename="ropes-tar-which-ones.md"'
    assert text.startswith("# Ropes & tar: \\*which\\* ones?\n\n## You, ")
    assert "- ropes.pdf" in text
    assert "**Hemp** [1].\n\n```python\nprint(1)\n```\n\nSources:\n\n- \\[1\\] ropes.pdf, page 3\n" in text.replace(
        "- [1]", "- \\[1\\]"
    )
    assert "another" not in text


@in_database
def test_papers_hold_all_answers_side_by_side(told: Chat, alice_client: Client) -> None:
    told.is_side_by_side = True
    told.save()

    for paper in ("export_markdown", "export_html"):
        text = alice_client.get(reverse(f"chats:{paper}", args=[told.uuid])).content.decode()

        assert text.index("another") < text.index("Hemp")


@in_database
def test_a_file_is_named_after_its_chat_in_any_script(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, title="如何保存旧照片?", messages=2)

    response = alice_client.get(reverse("chats:export_markdown", args=[chat.uuid]))

    assert unquote(response.headers["Content-Disposition"]) == "attachment; filename*=utf-8''如何保存旧照片.md"


class Page(HTMLParser):
    """Everything in a page that may ask a server for something, or run."""

    # What a browser fetches or runs without a click; links wait for one.
    ASKING = ("src", "srcset", "poster", "background", "data", "action", "formaction", "ping", "style")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video", "svg"):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name, _ in attrs if name in self.ASKING or name.startswith("on")]
        self.found += [
            f"{tag} {value}" for name, value in attrs if name == "href" and not str(value).startswith("http")
        ]


@in_database
def test_the_web_page_needs_nothing_else(told: Chat, alice_client: Client) -> None:
    response = alice_client.get(reverse("chats:export_html", args=[told.uuid]))

    page = response.content.decode()
    assert response.headers["Content-Disposition"].endswith('.html"')
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert Page(page).found == []
    assert "url(" not in page and "@import" not in page
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert "<strong>Hemp</strong>" in page and "&lt;b&gt;not bold&lt;/b&gt;" in page and "Hemp swells." in page


@in_database
def test_the_web_page_has_the_pictures_in_it(told: Chat, alice: User, alice_client: Client) -> None:
    question = told.messages.filter(role="user").first()
    image = make_image(owner=alice, message=question, name='a "flag".png')

    page = alice_client.get(reverse("chats:export_html", args=[told.uuid])).content.decode()

    assert Page(page).found == ["img", "img src"]
    content = base64.b64encode(Image.objects.get(pk=image.pk).content).decode()
    assert f'<img src="data:image/png;base64,{content}" alt="a &quot;flag&quot;.png">' in page


@in_database
@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_texts_stay_texts_in_every_paper(alice: User, alice_client: Client, text: str) -> None:
    text = text.replace("\x00", "")
    chat = make_chat(owner=alice, title=text)
    make_answer(make_message(chat, content=text).chat, content=text)

    page = alice_client.get(reverse("chats:export_html", args=[chat.uuid]))
    assert Page(page.content.decode()).found == []
    for name in PAPERS:
        response = alice_client.get(reverse(f"chats:{name}", args=[chat.uuid]))
        assert re.fullmatch(
            r'attachment; filename="[a-z0-9_-]+\.(md|html|json)"', response.headers["Content-Disposition"]
        )


@in_database
@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_titles_and_names_of_an_import_are_shown_as_text(alice_client: Client, text: str) -> None:
    hostile = open_webui_chat(text) | {"meta": {"tags": [text]}, "folder": {"id": text, "name": text}}
    file = SimpleUploadedFile("x.json", json.dumps([hostile, {"title": text}]).encode())
    file.name = text[:200] or "x"

    alice_client.post(IMPORT, {"file": file})
    take_all_in()

    for url in (reverse("chats:import_report", args=[ChatImport.objects.get().uuid]), reverse("chats:transfer"), "/"):
        page = alice_client.get(url).content.decode()
        assert not any(
            tag in page for tag in ("<script>alert", "<img src=x", "<body onload", "<svg/", "<iframe", "<base")
        )


@in_database
def test_the_json_of_a_chat_holds_all_branches(told: Chat, alice_client: Client) -> None:
    found = json.loads(alice_client.get(reverse("chats:export_json", args=[told.uuid])).content)

    assert [message["content"] for message in found["messages"]][1:] == [
        "another", "**Hemp** [1].\n\n```python\nprint(1)\n```",
    ]  # fmt: skip
    assert found["hearth_chat"] == 1


@in_database
def test_a_bundle_that_was_exported_is_taken_by_the_page(alice: User, alice_client: Client, data_folder: Path) -> None:
    make_chat(owner=alice, messages=2, title="Harbour")
    file = exported(alice)
    Chat.objects.all().delete()

    alice_client.post(IMPORT, {"file": file})
    take_all_in()

    assert Chat.objects.get(owner=alice).title == "Harbour"
    assert Message.objects.count() == 2
