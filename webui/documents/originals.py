"""Handing out a file as it was uploaded."""

from __future__ import annotations

from django.http import FileResponse, Http404

import rag.api as rag


def original(document: rag.Document) -> FileResponse:
    """Answer with the file of a document, as a download: nothing in it runs or renders on this site.

    Raises Http404 when the file is gone.
    """
    try:
        content = document.file.open("rb")
    except FileNotFoundError as exc:
        raise Http404 from exc
    response = FileResponse(
        content, as_attachment=True, filename=rag.file_name(document), content_type="application/octet-stream"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response
