"""The document pages over the real index; uploads are ingested as the loop would."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from rag.models import Chunk, Document, ExtractedText
from tests.doubles.office_files import OLE_HEADER, docx_file, xlsx_file
from tests.doubles.pdf_files import scanned_pdf, text_pdf
from tests.factories import make_document
from webui.accounts.models import User
from webui.documents.links import passage_page_url, passage_url

Upload = Callable[..., Document]

JSON = {"HTTP_ACCEPT": "application/json"}
PAGES = [f"Page {n} begins here. The code of locker {n} is {n * 1111}. It ends here." for n in range(1, 4)]


def post_file(client: Client, content: bytes, name: str, **headers: str) -> object:
    return client.post(reverse("documents:upload"), {"file": SimpleUploadedFile(name, content)}, **headers)


def test_an_upload_is_stored_and_queued(alice: User, alice_client: Client) -> None:
    response = post_file(alice_client, b"The lighthouse was built in 1902.", "lighthouse.txt", **JSON)

    document = Document.objects.get(owner=alice)
    assert response.status_code == 201
    assert response.json()["uuid"] == str(document.uuid)
    assert (response.json()["name"], response.json()["state"]) == ("lighthouse.txt", "queued")


@pytest.mark.parametrize(
    ("content", "name", "status", "code"),
    [
        (b"", "empty.txt", 422, "empty"),
        (b"\x00\x01\x02\x03" * 100, "really.pdf", 422, "broken"),
        (b"PK\x03\x04" + b"\x00" * 100, "letter.docx", 422, "broken"),
        (b"PK\x03\x04" + b"\x00" * 100, "letters.zip", 415, "unsupported"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(
    alice_client: Client, content: bytes, name: str, status: int, code: str
) -> None:
    response = post_file(alice_client, content, name, **JSON)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["error"].endswith(".")
    assert not Document.objects.exists()


def test_a_file_over_the_limit_is_refused(alice_client: Client, settings: Settings) -> None:
    settings.HEARTH_MAX_UPLOAD_MB = 1

    response = post_file(alice_client, b"a" * (1024 * 1024 + 1), "long.txt", **JSON)

    assert response.status_code == 413
    assert "1 MB" in response.json()["error"]


def test_a_full_disk_is_told_in_words(alice_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(*args: object, **options: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "save", save)

    response = post_file(alice_client, b"The lighthouse was built in 1902.", "lighthouse.txt", **JSON)

    assert response.status_code == 507
    assert "its disk may be full" in response.json()["error"]
    assert not Document.objects.exists()


def test_an_upload_without_a_file_is_refused(alice_client: Client) -> None:
    response = alice_client.post(reverse("documents:upload"), {}, **JSON)

    assert response.status_code == 400


def test_a_plain_form_goes_back_to_the_list_and_says_what_was_wrong(alice_client: Client) -> None:
    response = post_file(alice_client, b"", "empty.txt")

    assert response.url == reverse("documents:list")
    assert "There is no text in this file." in alice_client.get(response.url).content.decode()


def test_a_name_is_shown_without_its_folders_and_stored_under_our_own(alice: User, alice_client: Client) -> None:
    post_file(alice_client, b"some text", "..\\..\\etc/<b>evil\u202etxt.exe", **JSON)

    document = Document.objects.get(owner=alice)
    assert document.name == "<b>eviltxt.exe"
    assert document.file.name == f"documents/{document.uuid.hex}"
    assert "&lt;b&gt;evil" in alice_client.get(reverse("documents:list")).content.decode()


def test_the_list_shows_states_in_words(alice: User, alice_client: Client) -> None:
    make_document(owner=alice, name="a.pdf", state=Document.State.FAILED, error="password")
    make_document(owner=alice, name="b.pdf", state=Document.State.EMBEDDING, n_chunks=10, n_chunks_done=4)
    make_document(owner=alice, name="c.pdf", state=Document.State.EMBEDDING, error="embedder_down")

    page = alice_client.get(reverse("documents:list")).content.decode()

    assert "protected by a password" in page
    assert "Indexing, 4 of 10 passages" in page
    assert "The embedding model does not answer." in page


def test_the_list_costs_the_same_however_long_it_is(
    alice: User, alice_client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        make_document(owner=alice)

    with django_assert_num_queries(3):
        alice_client.get(reverse("documents:list"))


def test_the_list_goes_on_with_older_documents(alice: User, alice_client: Client) -> None:
    for number in range(51):
        make_document(owner=alice, name=f"number {number}.txt")

    first = alice_client.get(reverse("documents:list")).content.decode()
    older = re.search(r'href="(\?before=[^"]+)"', first)
    assert older
    second = alice_client.get(reverse("documents:list") + older[1].replace("&amp;", "&")).content.decode()

    assert "number 0.txt" in second
    assert "number 1.txt" in first


def test_a_busy_list_asks_again_and_a_quiet_one_does_not(alice: User, alice_client: Client) -> None:
    document = make_document(owner=alice, state=Document.State.QUEUED)
    assert "every 1500ms" in alice_client.get(reverse("documents:list")).content.decode()

    Document.objects.filter(pk=document.pk).update(state=Document.State.READY)
    page = alice_client.get(reverse("documents:list"), headers={"HX-Target": "documents"}).content.decode()

    assert "every 1500ms" not in page
    assert "<html" not in page


def test_search_finds_usable_documents_by_name(alice: User, bob: User, alice_client: Client) -> None:
    make_document(owner=alice, name="Harbour report.pdf")
    make_document(owner=alice, name="Recipes.txt")
    make_document(owner=alice, name="harbour scan.pdf", state=Document.State.FAILED, error="scanned")
    make_document(owner=bob, name="harbour of bob.pdf")

    response = alice_client.get(reverse("documents:search"), {"q": "harbour"})

    assert [found["name"] for found in response.json()["documents"]] == ["Harbour report.pdf"]


def test_the_reader_marks_the_passage_on_its_page(ingested: Upload, alice: User, alice_client: Client) -> None:
    document = ingested(alice, text_pdf(PAGES), "lockers.pdf")
    start = ExtractedText.objects.get(document=document).text.index("The code of locker 2")

    page = alice_client.get(passage_page_url(document.uuid, page=2, start=start, end=start + 28)).content.decode()

    assert '<mark id="passage">The code of locker 2 is 2222</mark>' in page
    assert "locker 3" not in page
    assert re.search(r'<rect x="[\d.]+" y="[\d.]+" width="[\d.]+" height="[\d.]+"', page)


def test_the_passage_panel_shows_what_stands_around_it(ingested: Upload, alice: User, alice_client: Client) -> None:
    document = ingested(alice, text_pdf(PAGES), "lockers.pdf")
    start = ExtractedText.objects.get(document=document).text.index("The code of locker 2")

    panel = alice_client.get(passage_url(document.uuid, page=2, start=start, end=start + 28)).content.decode()

    assert 'Page 2 begins here. <mark id="passage">The code of locker 2 is 2222</mark>. It ends here.' in panel
    assert "<html" not in panel


def test_a_page_is_drawn_once_and_kept(
    ingested: Upload,
    alice: User,
    alice_client: Client,
    data_folder: Path,
) -> None:
    document = ingested(alice, text_pdf(PAGES), "lockers.pdf")
    url = reverse("documents:page_image", args=[document.uuid, 2, 900])

    first = b"".join(alice_client.get(url).streaming_content)
    second = b"".join(alice_client.get(url).streaming_content)

    assert first == second
    assert first.startswith(b"\x89PNG")
    assert [image.name for image in (data_folder / "cache" / "pages").iterdir()] == [f"{document.uuid.hex}-2-900.png"]


@pytest.mark.parametrize(("number", "width"), [(0, 900), (4, 900), (1, 901), (1, 100_000)])
def test_only_existing_pages_are_drawn_in_known_widths(
    ingested: Upload,
    alice: User,
    alice_client: Client,
    number: int,
    width: int,
) -> None:
    document = ingested(alice, text_pdf(PAGES), "lockers.pdf")

    assert alice_client.get(reverse("documents:page_image", args=[document.uuid, number, width])).status_code == 404


def test_a_long_text_is_shown_in_parts(ingested: Upload, alice: User, alice_client: Client) -> None:
    text = "\n\n".join(f"Paragraph {n} of a long text." for n in range(2000))
    document = ingested(alice, text, "long.txt")
    start = text.index("Paragraph 1500")

    page = alice_client.get(passage_page_url(document.uuid, page=None, start=start, end=start + 14)).content.decode()

    assert '<mark id="passage">Paragraph 1500</mark>' in page
    assert "Paragraph 1 " not in page


def test_the_reader_shows_a_sheet_under_its_name(ingested: Upload, alice: User, alice_client: Client) -> None:
    sheets = {"Crew": [["Name", "Post"], ["Berg", "keeper"]], "Budget": [["Item", "Cost"], ["Lamp oil", 96]]}
    document = ingested(alice, xlsx_file(sheets), "books.xlsx")
    start = ExtractedText.objects.get(document=document).text.index("Cost: 96")

    page = alice_client.get(passage_page_url(document.uuid, page=2, start=start, end=start + 8)).content.decode()
    rows = alice_client.get(reverse("documents:list")).content.decode()

    assert 'Item: Lamp oil | <mark id="passage">Cost: 96</mark>' in page
    assert ">Sheet</label>" in page
    assert ">Budget</span>" in page
    assert "Berg" not in page
    assert "2 sheets" in rows


def test_the_reader_shows_sections_in_one_text(ingested: Upload, alice: User, alice_client: Client) -> None:
    def write(document: Any) -> None:
        for n in range(1, 4):
            document.add_heading(f"Section {n}", 1)
            document.add_paragraph(f"Text {n}.")

    document = ingested(alice, docx_file(write), "report.docx")
    start = ExtractedText.objects.get(document=document).text.index("Text 3.")

    page = alice_client.get(passage_page_url(document.uuid, page=None, start=start, end=start + 7)).content.decode()

    assert 'Text 2.\nSection 3\n<mark id="passage">Text 3.</mark>' in page


def test_an_old_word_file_says_what_to_do(ingested: Upload, alice: User, alice_client: Client) -> None:
    ingested(alice, OLE_HEADER + "WordDocument".encode("utf-16-le"), "letter.doc")

    assert "once they are saved as .docx" in alice_client.get(reverse("documents:list")).content.decode()


def test_a_text_in_the_reader_stays_text(ingested: Upload, alice: User, alice_client: Client) -> None:
    document = ingested(alice, "<script>alert(1)</script> and <img src=x onerror=alert(2)>", "bad.txt")

    page = alice_client.get(reverse("documents:document", args=[document.uuid])).content.decode()

    assert "&lt;script&gt;alert(1)" in page
    assert "<img src=x" not in page


@pytest.mark.parametrize("query", ["page=0", "page=-3", "page=x", "start=9999999999&end=1", "page=999", "start=-1"])
def test_a_nonsense_place_shows_the_document_all_the_same(
    ingested: Upload,
    alice: User,
    alice_client: Client,
    query: str,
) -> None:
    document = ingested(alice, text_pdf(PAGES), "lockers.pdf")

    for name in ("documents:document", "documents:passage"):
        assert alice_client.get(f"{reverse(name, args=[document.uuid])}?{query}").status_code == 200


def test_the_file_comes_back_as_a_download_that_cannot_act(ingested: Upload, alice: User, alice_client: Client) -> None:
    document = ingested(alice, "<html><script>alert(1)</script>", "page.txt")

    response = alice_client.get(reverse("documents:file", args=[document.uuid]))

    assert b"".join(response.streaming_content) == b"<html><script>alert(1)</script>"
    assert response["Content-Disposition"] == 'attachment; filename="page.txt"'
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]


def test_a_failed_document_can_be_tried_again(alice: User, alice_client: Client) -> None:
    document = make_document(owner=alice, state=Document.State.FAILED, error="crashed")

    response = alice_client.post(reverse("documents:retry", args=[document.uuid]), headers={"HX-Request": "true"})

    document.refresh_from_db()
    assert (document.state, document.error) == (Document.State.QUEUED, "")
    assert f'id="document-{document.uuid}"' in response.content.decode()


def test_the_reading_of_a_document_can_be_stopped_and_begun_again(alice: User, alice_client: Client) -> None:
    document = make_document(owner=alice, state=Document.State.EMBEDDING, n_chunks=10, n_chunks_done=4)
    Chunk.objects.create(document=document, position=0, start=0, end=3, text="The", chunker="c")

    stopped = alice_client.post(reverse("documents:stop", args=[document.uuid]), headers={"HX-Request": "true"})

    document.refresh_from_db()
    assert (document.state, document.error, document.n_chunks) == (Document.State.FAILED, "stopped", 0)
    assert not document.chunks.exists()
    assert "Reading was stopped." in stopped.content.decode()
    assert reverse("documents:retry", args=[document.uuid]) in stopped.content.decode()


def test_a_document_that_is_ready_is_not_stopped(alice: User, alice_client: Client) -> None:
    document = make_document(owner=alice)

    alice_client.post(reverse("documents:stop", args=[document.uuid]))

    document.refresh_from_db()
    assert document.is_ready


@pytest.mark.parametrize(
    ("fields", "words", "progress"),
    [
        ({"state": "queued"}, "Waiting for its turn", None),
        ({"state": "extracting"}, "Reading", None),
        ({"state": "extracting", "n_scanned": 20, "n_recognised": 7, "work_before": 2},
         "Reading scanned page 8 of 20, 26 seconds left", 35),
        ({"state": "embedding", "n_chunks": 400, "n_chunks_done": 40},
         "Indexing, 40 of 400 passages, about 2 minutes left", 10),
        ({"state": "embedding", "n_chunks": 400, "n_chunks_done": 0}, "Indexing, 0 of 400 passages", 0),
        ({"state": "embedding", "n_chunks": 400, "n_chunks_done": 40, "work_before": 40},
         "Indexing, 40 of 400 passages", 10),
    ],
)  # fmt: skip
def test_progress_is_told_with_the_time_that_is_left(
    alice: User, alice_client: Client, fields: dict[str, Any], words: str, progress: int | None
) -> None:
    document = make_document(owner=alice, **fields)
    began = document.updated_at - timedelta(seconds=10)
    Document.objects.update(work_since=began)

    status = alice_client.get(reverse("documents:status", args=[document.uuid]), **JSON).json()

    assert (status["detail"], status["progress"]) == (words, progress)


def test_a_scanned_pdf_says_what_to_do(
    ingested: Upload, alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    document = ingested(alice, scanned_pdf(), "scan.pdf")

    page = alice_client.get(reverse("documents:document", args=[document.uuid])).content.decode()

    assert "apt-get install tesseract-ocr" in page


def test_deleting_removes_it_and_says_so(ingested: Upload, alice: User, alice_client: Client) -> None:
    document = ingested(alice, text_pdf(PAGES), "lockers.pdf")

    response = alice_client.post(reverse("documents:delete", args=[document.uuid]), follow=True)

    assert not Document.objects.exists()
    assert "“lockers.pdf” was deleted." in response.content.decode()


DOCUMENT_VIEWS = [
    ("get", "document", ()),
    ("get", "status", ()),
    ("get", "passage", ()),
    ("get", "page_image", (1, 900)),
    ("get", "file", ()),
    ("post", "retry", ()),
    ("post", "delete", ()),
]


@pytest.mark.parametrize(("method", "name", "args"), DOCUMENT_VIEWS)
def test_to_charlie_it_does_not_exist(
    alice: User, charlie_client: Client, method: str, name: str, args: tuple[int, ...]
) -> None:
    document = make_document(owner=alice)

    response = getattr(charlie_client, method)(reverse(f"documents:{name}", args=[document.uuid, *args]))

    assert response.status_code == 404
    assert Document.objects.filter(pk=document.pk).exists()


@pytest.mark.parametrize(("method", "name", "args"), DOCUMENT_VIEWS)
def test_a_stranger_is_sent_to_sign_in(
    alice: User, client: Client, method: str, name: str, args: tuple[int, ...]
) -> None:
    document = make_document(owner=alice)

    response = getattr(client, method)(reverse(f"documents:{name}", args=[document.uuid, *args]))

    assert response.status_code == 302
    assert reverse("account_login") in response.url


def test_charlie_sees_none_of_it_in_lists(alice: User, charlie_client: Client) -> None:
    make_document(owner=alice, name="alices secret.txt")

    assert "alices secret" not in charlie_client.get(reverse("documents:list")).content.decode()
    assert charlie_client.get(reverse("documents:search"), {"q": ""}).json() == {"knowledge": [], "documents": []}


@pytest.mark.parametrize(("name", "wrong"), [("upload", "get"), ("list", "post"), ("search", "post")])
def test_each_view_takes_its_own_method_only(alice_client: Client, name: str, wrong: str) -> None:
    assert getattr(alice_client, wrong)(reverse(f"documents:{name}")).status_code == 405
