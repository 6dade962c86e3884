"""Scanned pages, read by the real tesseract: text, places, limits, and what is said without it."""

from __future__ import annotations

import io
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rag.errors import RenderingFailed
from rag.extraction import child, tesseract
from rag.extraction.tesseract import Tesseract
from rag.models import Document, RecognisedPage
from rag.services.documents import retry_document
from rag.services.in_work import DocumentGone, change_in_work
from rag.services.pages import document_text, page_marks
from rag.types import Problem
from tests.doubles.pdf_files import mixed_pdf, nameless_letters_pdf, printed_page, scanned_pdf
from tests.rag.fixtures import ingest_all
from webui.accounts.models import User
from webui.documents.wording import state_in_words

Upload = Callable[..., Document]

ENGLISH = ["The lighthouse of Nordhaven was built in 1902.", "Its lamp can be seen from thirty kilometres."]
CHINESE = ["管理员可以随时恢复任何一天的数据，无需停止服务。", "系统会在磁盘空间不足时发出警告，并停止接收新文件。"]


@pytest.fixture
def without_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PATH", str(tmp_path))
    return monkeypatch


def program(folder: Path, script: str) -> Tesseract:
    """A tesseract that misbehaves."""
    path = folder / "tesseract"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Tesseract(str(path), ("eng",))


def test_a_pdf_of_text_and_pictures_is_read_whole(ingested: Upload, alice: User) -> None:
    pages = ["This page is text.", printed_page(ENGLISH), printed_page(CHINESE)]

    document = ingested(alice, mixed_pdf(pages), "mixed.pdf")

    content = document_text(document)
    first, english, chinese = (content.text[start:end] for start, end in content.page_spans)
    assert first == "This page is text."
    assert english.split() == " ".join(ENGLISH).split()
    assert "".join(chinese.split()) == "".join(CHINESE)
    assert (document.n_pages, document.n_scanned, document.n_recognised) == (3, 2, 2)
    assert state_in_words(document) == "3 pages, 2 read by text recognition"
    assert {chunk.page for chunk in document.chunks.all()} == {1, 2, 3}


def test_a_scanner_s_stamp_does_not_pass_for_the_page(ingested: Upload, alice: User) -> None:
    document = ingested(alice, mixed_pdf([printed_page(ENGLISH)], stamp="Scan 0001"), "stamped.pdf")

    assert "Nordhaven" in document_text(document).text


def test_a_passage_of_a_scan_is_marked_word_by_word(ingested: Upload, alice: User) -> None:
    document = ingested(alice, mixed_pdf([printed_page(ENGLISH)]), "scan.pdf")
    text = document_text(document).text
    start = text.index("built in 1902")

    marks = page_marks(document, 1, start, start + len("built in 1902."))

    (box,) = marks.boxes
    points_a_pixel = marks.width / 1240
    assert 90 * points_a_pixel < box.y < 130 * points_a_pixel
    assert 480 * points_a_pixel < box.x < 620 * points_a_pixel
    assert 150 * points_a_pixel < box.width < 280 * points_a_pixel


def test_a_passage_over_two_lines_has_a_box_for_each(ingested: Upload, alice: User) -> None:
    document = ingested(alice, mixed_pdf([printed_page(ENGLISH)]), "scan.pdf")

    marks = page_marks(document, 1, 0, len(document_text(document).text))

    assert len(marks.boxes) == 2


def test_without_tesseract_a_scan_says_what_to_install_and_reads_after_that(
    ingested: Upload, alice: User, without_tesseract: pytest.MonkeyPatch
) -> None:
    document = ingested(alice, mixed_pdf([printed_page(ENGLISH)]), "scan.pdf")
    assert (document.state, document.error) == (Document.State.FAILED, Problem.SCANNED)

    without_tesseract.setenv("PATH", os.defpath)
    retry_document(document)
    ingest_all()

    document.refresh_from_db()
    assert document.is_ready
    assert "Nordhaven" in document_text(document).text


def test_without_tesseract_the_pages_with_text_are_read(
    ingested: Upload, alice: User, without_tesseract: pytest.MonkeyPatch
) -> None:
    document = ingested(alice, mixed_pdf(["This page is text.", printed_page(ENGLISH)]), "mixed.pdf")

    assert document_text(document).text.strip() == "This page is text."
    assert state_in_words(document) == "2 pages, 1 scanned and not read"

    without_tesseract.setenv("PATH", os.defpath)
    retry_document(document)
    ingest_all()

    document.refresh_from_db()
    assert state_in_words(document) == "2 pages, 1 read by text recognition"


def test_pictures_without_text_are_empty(ingested: Upload, alice: User) -> None:
    document = ingested(alice, scanned_pdf(1), "photo.pdf")

    assert (document.state, document.error) == (Document.State.FAILED, Problem.EMPTY)
    assert not RecognisedPage.objects.exists()


def test_pages_read_before_a_crash_are_not_read_again(ingested: Upload, alice: User) -> None:
    document = ingested(alice, mixed_pdf([printed_page(ENGLISH), printed_page(CHINESE)]), "scan.pdf")
    # As a killed process leaves it: one page kept, its text unlike what is on the page.
    RecognisedPage.objects.filter(number=2).delete()
    RecognisedPage.objects.filter(number=1).update(text="Read before the crash.")
    Document.objects.update(state=Document.State.QUEUED, n_recognised=0)

    ingest_all()

    first, second = document_text(document).text.split("\n", 1)
    assert first == "Read before the crash."
    assert "警告" in second


def test_a_document_that_is_no_longer_in_work_is_left_alone(ingested: Upload, alice: User) -> None:
    document = ingested(alice, "Text.", "a.txt")

    with pytest.raises(DocumentGone):
        change_in_work(document, n_recognised=1)


def test_languages_are_chosen_from_those_installed() -> None:
    found = tesseract.find()
    assert found
    assert found.languages[:2] == ("chi_sim", "eng")

    assert tesseract.find(["chi_sim", "xyz"]) == Tesseract(found.path, ("chi_sim",), sees_turns=True)
    many = ["afr", "chi_sim", "deu", "eng", "fra", "jpn_vert", "script/Latin"]
    assert tesseract._chosen(many, ()) == ("chi_sim", "eng", "afr", "deu")


def test_a_tesseract_that_crashes_costs_its_page_alone(ingested: Upload, alice: User, tmp_path: Path) -> None:
    with pytest.raises(RenderingFailed) as caught:
        child.recognise(io.BytesIO(mixed_pdf([printed_page(ENGLISH)])), 1, program(tmp_path, "exit 3"))

    assert caught.value.problem == Problem.CRASHED


def test_tesseract_cannot_take_more_memory_than_it_may(tmp_path: Path) -> None:
    reader = program(tmp_path, f"exec {sys.executable} -c 'bytes(1_100_000_000)'")

    with pytest.raises(RenderingFailed) as caught:
        child.recognise(io.BytesIO(mixed_pdf([printed_page(ENGLISH)])), 1, reader)

    assert caught.value.problem == Problem.CRASHED


def test_tesseract_ends_with_the_child_that_started_it(tmp_path: Path) -> None:
    reader = program(tmp_path, "exec sleep 60")
    source = tmp_path / "scan.pdf"
    source.write_bytes(mixed_pdf([printed_page(ENGLISH)]))
    deadline = time.monotonic() + 20
    with source.open("rb") as file, child._started(["ocr", "1", reader.path, "eng"], file) as process:
        while not (readers := running("sleep")) and time.monotonic() < deadline:
            os.sched_yield()

        child.stop_all()

        assert process.wait() != 0
    assert len(readers) == 1
    readers[0].wait(10)


def running(name: str) -> list[psutil.Process]:
    """Return the processes of that name that this one, or one of its own, has started."""
    return [process for process in psutil.Process().children(recursive=True) if process.name() == name]


def test_letters_that_a_program_cannot_know_are_read_as_a_person_reads_them(ingested: Upload, alice: User) -> None:
    document = ingested(alice, nameless_letters_pdf("系统会在磁盘空间不足时发出警告"), "nameless.pdf")

    assert document.is_ready
    assert "空间不足" in "".join(document_text(document).text.split())
