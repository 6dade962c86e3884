"""The pages that take knowledge out as a ZIP and in again."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client
from django.urls import reverse

from rag.imports.taking import go_on
from rag.models import Document, Knowledge
from tests.factories import make_document, make_knowledge
from webui.accounts.models import User

JSON = {"HTTP_ACCEPT": "application/json"}
IMPORT = "/knowledge/import/"


def zip_file(**entries: bytes) -> SimpleUploadedFile:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return SimpleUploadedFile("Papers.zip", file.getvalue(), content_type="application/zip")


def take_all_in() -> None:
    """Do what the loop does beside the pages."""
    while go_on():
        pass


async def test_an_export_is_sent_piece_by_piece(
    transactional_db: None, alice: User, bob: User, data_folder: Path, async_client: AsyncClient
) -> None:
    def prepare() -> Knowledge:
        async_client.force_login(bob)
        return make_knowledge(make_document(owner=alice, text="word " * 100_000), owner=alice, readers=[bob])

    knowledge = await sync_to_async(prepare)()
    response = await async_client.get(reverse("knowledge:export", args=[knowledge.uuid]))
    pieces = [piece async for piece in response]

    assert response.headers["Content-Disposition"] == 'attachment; filename="handbook.zip"'
    assert len(pieces) > 2
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert "originals/notes.txt" in archive.namelist()


@pytest.mark.django_db
def test_nobody_exports_what_is_not_shared(alice: User, charlie_client: Client) -> None:
    knowledge = make_knowledge(make_document(owner=alice), owner=alice)

    assert charlie_client.get(reverse("knowledge:export", args=[knowledge.uuid])).status_code == 404


@pytest.mark.django_db
def test_an_import_leads_to_its_report(alice_client: Client, data_folder: Path) -> None:
    file = zip_file(**{"good.txt": b"Good.", "../bad.txt": b"Bad."})

    answer = alice_client.post(IMPORT, {"file": file}, follow=True)
    assert "Being imported" in answer.content.decode()
    assert "0 of 2 files" in answer.content.decode()
    take_all_in()
    page = alice_client.get(answer.request["PATH_INFO"]).content.decode()

    assert "1 new document" in page and "1 not taken" in page
    assert "Its name leads out of the archive." in page
    assert Knowledge.objects.get().name == "Papers"


@pytest.mark.django_db
def test_a_script_is_told_where_the_report_is(
    alice: User, bob: User, alice_client: Client, bob_client: Client, data_folder: Path
) -> None:
    from rag.services import knowledge as service

    answer = alice_client.post(IMPORT, {"file": zip_file(**{"good.txt": b"Good."})}, **JSON)
    url = answer.json()["url"]
    assert alice_client.get(url, **JSON).json()["state"] == "running"
    take_all_in()
    service.grant(Knowledge.objects.get(), user=bob, may_write=True)

    assert answer.status_code == 201
    assert "Every file was taken." in alice_client.get(url).content.decode()
    assert alice_client.get(url, **JSON).json() == {
        "state": "done", "problem": "", "n_files": 1, "n_done": 1, "n_taken": 1, "n_known": 0, "refused": [],
    }  # fmt: skip
    assert bob_client.get(url).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({}, 400, "No file came"),
        ({"file": SimpleUploadedFile("a.zip", b"no archive")}, 422, "This is no ZIP archive"),
        ({"file": zip_file(**{"a.txt": b""})}, 422, "Nothing in this archive can be read."),
    ],
)
def test_an_import_that_is_refused_says_why(
    alice_client: Client, data_folder: Path, body: dict[str, object], status: int, sentence: str
) -> None:
    answer = alice_client.post(IMPORT, body, **JSON)

    assert answer.status_code == status
    assert sentence in answer.json()["error"]
    assert not Document.objects.exists()


@pytest.mark.django_db
def test_a_running_import_can_be_stopped_by_its_owner_alone(
    alice_client: Client, charlie_client: Client, data_folder: Path
) -> None:
    url = alice_client.post(IMPORT, {"file": zip_file(**{"a.txt": b"One."})}, **JSON).json()["url"]

    assert charlie_client.post(f"{url}stop/").status_code == 404
    page = alice_client.post(f"{url}stop/", follow=True).content.decode()

    assert "It was stopped." in page
    assert "Being imported" not in page
    take_all_in()
    assert not Document.objects.exists()


@pytest.mark.django_db
def test_the_knowledge_says_that_an_import_still_brings_documents(alice_client: Client, data_folder: Path) -> None:
    alice_client.post(IMPORT, {"file": zip_file(**{"a.txt": b"One."})})
    url = reverse("knowledge:knowledge", args=[Knowledge.objects.get().uuid])
    sentence = "An import is still bringing documents."

    before = alice_client.get(url).content.decode()
    take_all_in()

    assert sentence in before and 'hx-trigger="every 1500ms' in before
    assert sentence not in alice_client.get(url).content.decode()


@pytest.mark.django_db
def test_an_archive_of_which_nothing_can_be_read_says_so_where_it_was_sent_from(
    alice_client: Client, data_folder: Path
) -> None:
    file = zip_file(**{"a.exe": bytes(range(256)) * 20})

    page = alice_client.post(IMPORT, {"file": file}, follow=True)

    assert page.redirect_chain == [(IMPORT, 302)]
    assert "Nothing in this archive can be read." in page.content.decode()
    assert not Knowledge.objects.exists()
