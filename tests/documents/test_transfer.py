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

    page = alice_client.post(IMPORT, {"file": file}, follow=True).content.decode()

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
    service.grant(Knowledge.objects.get(), user=bob, may_write=True)

    assert answer.status_code == 201
    assert "Every file was taken." in alice_client.get(url).content.decode()
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
