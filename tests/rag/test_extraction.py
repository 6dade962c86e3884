"""The bounded child on good, bad and hostile files: it answers with text or a problem, never with an exception."""

from __future__ import annotations

import io
import os
import zlib

import pytest

from rag.errors import ChildTimedOut
from rag.extraction import child, detect, limits
from rag.types import MARKDOWN, PDF, PLAIN, Extraction, Problem
from tests.doubles.pdf_files import blank_pdf, form_pdf, nameless_letters_pdf, scanned_pdf, text_pdf


def extract(data: bytes, name: str, *, wall_s: float = 60) -> Extraction:
    return child.extract_text(io.BytesIO(data), name, wall_s=wall_s)


def bomb_pdf(n_bytes: int) -> bytes:
    """A page whose content stream unpacks to `n_bytes` of drawing operators."""
    packer = zlib.compressobj(9)
    block = b"0 0 m 1 1 l S\n" * 70_000
    # After a full flush the packer has forgotten everything: the same block packs to the same bytes again.
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    stream = head + (packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)) * (n_bytes // len(block))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(out)
    return out + b"xref\n0 5\n0000000000 65535 f \n" + table + trailer


def test_a_pdf_gives_its_text_with_the_span_of_each_page() -> None:
    found = extract(text_pdf(["First page here.", "", "Third page here."]), "a.pdf")

    assert (found.problem, found.media_type) == (None, PDF)
    assert [found.text[start:end] for start, end in found.page_spans] == ["First page here.", "", "Third page here."]


def test_wrapped_lines_of_a_pdf_become_running_text() -> None:
    sentence = "A sentence that is much longer than one line of the page is wide, so that it is wrapped on paper twice."

    found = extract(text_pdf([sentence * 2]), "a.pdf")

    assert found.text == sentence * 2


@pytest.mark.parametrize(
    ("data", "name", "problem"),
    [
        (text_pdf(["Secret."], password="geheim"), "a.pdf", Problem.PASSWORD),
        (scanned_pdf(2), "a.pdf", Problem.SCANNED),
        (blank_pdf(), "a.pdf", Problem.EMPTY),
        (b"%PDF-1.4 nothing more", "a.pdf", Problem.BROKEN),
        (text_pdf(["Cut."])[:400], "a.pdf", Problem.BROKEN),
        (bytes(range(256)) * 9, "a.pdf", Problem.BROKEN),
        (b"\x7fELF\x00\x00", "a.bin", Problem.UNSUPPORTED),
        (b"\n \t\n", "a.txt", Problem.EMPTY),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, name: str, problem: Problem) -> None:
    assert extract(data, name).problem == problem


def test_a_file_is_what_its_content_is_not_what_its_name_says() -> None:
    assert extract(text_pdf(["A PDF all the same."]), "notes.txt").media_type == PDF
    assert extract(b"Plain text all the same.", "notes.pdf").media_type == PLAIN
    assert detect.media_type(b"# Title", "Notes.MD") == MARKDOWN


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("数据库的备份".encode("gb18030"), "数据库的备份"),
        ("数据库的备份".encode("utf-16"), "数据库的备份"),
        ("\ufeff数据库".encode(), "数据库"),
        ("naïve café, déjà vu".encode("cp1252"), "naïve café, déjà vu"),
        ("line one\r\nline two".encode("utf-16-be").join((b"\xfe\xff", b"")), "line one\nline two"),
    ],
)
def test_texts_are_read_in_the_encoding_they_have(data: bytes, text: str) -> None:
    assert extract(data, "a.txt").text == text


def test_markdown_keeps_its_lines() -> None:
    source = "# A title that is rather long\n- an item that is as long\n- another one\n\n```\ncode  here\n```\n"

    assert extract(source.encode(), "a.md").text == source


def test_a_bomb_is_bounded_and_costs_nobody_else_anything() -> None:
    found = extract(bomb_pdf(800_000_000), "bomb.pdf", wall_s=20)

    assert found.problem in (Problem.TOO_LARGE, Problem.TIMEOUT, Problem.CRASHED, Problem.EMPTY)
    assert not child._running


def test_a_child_that_takes_too_long_is_ended() -> None:
    with pytest.raises(ChildTimedOut):
        child.run(
            ["text", "a.txt"], io.BytesIO(b"A line that has to be joined with the next.\n" * 200_000), wall_s=0.02
        )

    assert not child._running


def test_more_text_than_fits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = extract(b"word " * (limits.MAX_CHARACTERS // 5 + 1), "a.txt")

    assert found.problem == Problem.TOO_LARGE


def test_stopping_ends_every_child() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as waiting, child._started(["text", "a.txt"], waiting) as process:
        child.stop_all()
        assert process.wait() != 0
    os.close(write_end)


def test_a_passage_is_found_on_its_page() -> None:
    text = "One line.\nThe second line of the page."
    data = io.BytesIO(text_pdf([text]))
    start = text.index("second")

    marks = child.find_marks(data, 1, start, start + 6)

    assert len(marks.boxes) == 1
    assert 0 < marks.boxes[0].x < marks.width / 2
    assert 0 < marks.boxes[0].y < marks.height / 4
    assert 20 < marks.boxes[0].width < 60


def test_a_page_is_drawn_as_png() -> None:
    image = child.render_page(io.BytesIO(text_pdf(["Text."])), 1, 900)

    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(image[16:20], "big") in (899, 900, 901)


@pytest.mark.parametrize("is_drawn", [True, False])
def test_what_was_filled_into_a_form_is_read_and_found_on_its_page(is_drawn: bool) -> None:
    data = form_pdf("Name of the keeper:", "Ole Brandt", is_drawn=is_drawn)

    found = extract(data, "form.pdf")

    assert found.text == "Name of the keeper:\nOle Brandt"
    start = found.text.index("Ole")
    (box,) = child.find_marks(io.BytesIO(data), 1, start, len(found.text)).boxes
    assert box.y == pytest.approx(190, abs=8)
    assert 50 <= box.x <= 60
    assert child.render_page(io.BytesIO(data), 1, 300).startswith(b"\x89PNG")


def test_letters_that_a_program_cannot_know_are_left_to_text_recognition() -> None:
    found = extract(nameless_letters_pdf("灯塔建于一九零二年。"), "nameless.pdf")

    assert (found.problem, found.scanned_pages, found.text) == (Problem.SCANNED, (1,), "")
