"""Files made to do harm: bounded in memory and time, told in words, and the rest of the queue goes on."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from rag.errors import RenderingFailed, UploadRefused
from rag.extraction import child, forks, limits, tesseract
from rag.models import Chunk, Document, ExtractedText, IndexEntry, RecognisedPage
from rag.services.check import differences
from rag.services.documents import create_document
from rag.types import Problem
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.hostile_files import HOSTILE, Hostile, huge_picture
from tests.rag.fixtures import ingest_all
from webui.accounts.models import User

# Twice what the slowest took; the limit of the product is a minute of processor time.
MAX_CPU_S = 40.0


@dataclass(frozen=True, slots=True)
class Cost:
    problem: str | None
    cpu_s: float
    resident_bytes: int


# A process counts as its own what the one that started it held at that moment: so a small one starts it, not the tests.
_MEASURED = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
_, _, usage = os.wait4(process.pid, 0)
json.dump([usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024], sys.stderr)
"""


def cost_of(data: bytes, name: str) -> Cost:
    """Run the child by hand, to be told what it has used."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        done = subprocess.run(  # noqa: S603  (our own module)
            [sys.executable, "-c", _MEASURED, *forks.command("rag.extraction", ["text", name])],
            stdin=file,
            capture_output=True,
            env=forks.environment(),
            cwd="/",
            check=True,
        )
    header = done.stdout.partition(b"\n")[0]
    problem = json.loads(header)["problem"] if header else Problem.CRASHED
    cpu_s, resident_bytes = json.loads(done.stderr)
    return Cost(problem, cpu_s, resident_bytes)


@pytest.mark.parametrize("hostile", HOSTILE, ids=str)
def test_a_hostile_file_is_bounded_and_told(hostile: Hostile) -> None:
    cost = cost_of(hostile.make(), hostile.name)

    assert cost.problem in hostile.problems
    assert cost.cpu_s < MAX_CPU_S
    assert cost.resident_bytes <= limits.MEMORY_BYTES


def test_a_huge_picture_is_bounded_in_text_recognition_too() -> None:
    reader = tesseract.find()
    assert reader
    began = time.monotonic()

    try:
        found = child.recognise(io.BytesIO(huge_picture()), 1, reader)
        assert not found.text.strip()
    except RenderingFailed as exc:
        assert exc.problem in (Problem.CRASHED, Problem.TIMEOUT, Problem.TOO_LARGE)

    assert time.monotonic() - began < limits.OCR_WALL_S + 20
    assert not child._running


QUICK = [hostile for hostile in HOSTILE if hostile.make.__name__ not in ("huge_picture", "forms_in_forms", "far_cell")]


def test_the_rest_of_the_queue_goes_on_and_nothing_partial_stays(
    shared_database: None, embedder: FakeEmbedder, alice: User
) -> None:
    good = [create_document(alice, SimpleUploadedFile("before.txt", b"The lighthouse was built in 1902."))]
    n_refused = 0
    for hostile in QUICK:
        try:
            create_document(alice, SimpleUploadedFile(hostile.name, hostile.make()))
        except UploadRefused:
            n_refused += 1
    good.append(create_document(alice, SimpleUploadedFile("after.txt", b"The ferry carries ninety cars.")))

    ingest_all()

    assert {document.state for document in Document.objects.filter(pk__in=[d.pk for d in good])} == {"ready"}
    failed = Document.objects.filter(state=Document.State.FAILED)
    assert failed.count() > 10
    assert n_refused > 2
    for model in (Chunk, ExtractedText, IndexEntry, RecognisedPage):
        assert not model._default_manager.filter(document__in=failed).exists()
    assert not Document.objects.filter(state__in=Document.UNFINISHED_STATES).exists()
    assert not [difference.sentence for difference in differences(with_vectors=True)]
    assert not child._running
