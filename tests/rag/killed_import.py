"""The real loop that takes an archive in, in processes that are killed; for `test_killed_import`.

Begins an import, and for each line of its standard input a process that goes on with it: forked, so that what Python
imports serves all. Prints the id of the process, and what there is when it has ended.
"""

from __future__ import annotations

import io
import os
import zipfile

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.core.files.base import File  # noqa: E402
from django.core.files.storage import default_storage  # noqa: E402

from rag.api import begin_import, import_loop  # noqa: E402
from rag.models import Document, ImportedFile, KnowledgeImport, Membership  # noqa: E402
from tests.database import put_own_database  # noqa: E402
from tests.factories import make_user  # noqa: E402
from tests.lives import live_again_and_again  # noqa: E402

N_FILES = 240


def begin() -> None:
    put_own_database()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as entries:
        for number in range(N_FILES):
            entries.writestr(f"stories/part {number % 7}/story {number}.txt", f"Story {number}. " + "word " * 2000)
    begin_import(make_user(email="alice@example.org"), File(archive), "Stories")


def facts() -> dict[str, object]:
    placed = Membership.objects.values("document")
    stored = set(default_storage.listdir("documents")[1])
    return {
        "state": KnowledgeImport.objects.get().state,
        "n_documents": Document.objects.count(),
        "n_homeless": Document.objects.exclude(pk__in=placed).count(),
        "n_noted": ImportedFile.objects.filter(outcome="taken").count(),
        "n_fileless": sum(document.uuid.hex not in stored for document in Document.objects.all()),
        "n_archives": len(default_storage.listdir("imports")[1]),
    }


if __name__ == "__main__":
    begin()
    live_again_and_again(import_loop, facts)
