"""Settings of the document side."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

CHROMA = "chroma"
PGVECTOR = "pgvector"
DEFAULT_EMBEDDER = "all-minilm"
STORE_NAME_MAX_LENGTH = 300


def fixed_embedder() -> str:
    """Catalog id of the model that the environment wants to turn text into vectors; empty: administrators choose."""
    return plain_name(str(getattr(settings, "HEARTH_EMBEDDER", "")))


def plain_name(embedder: str) -> str:
    """Return a model's name without the tag that is meant anyway: one model makes one index."""
    return embedder.removesuffix(":latest")


def first_embedder() -> str:
    """Catalog id of the embedder that the first index is made with."""
    return fixed_embedder() or DEFAULT_EMBEDDER


def reranker() -> str:
    """Catalog id of the model that puts the best passages into order; empty for none."""
    return str(getattr(settings, "HEARTH_RERANKER", ""))


def max_import_bytes() -> int:
    """How large the ZIP of a knowledge may be, and what is in it."""
    return int(getattr(settings, "HEARTH_MAX_IMPORT_MB", 500)) * 1024 * 1024


def temporary_folder() -> Path:
    """Where files of a moment lie: on the disk of the data, which is known to have room."""
    folder = Path(settings.HEARTH_DATA) / "cache" / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def max_upload_bytes() -> int:
    return int(getattr(settings, "HEARTH_MAX_UPLOAD_MB", 100)) * 1024 * 1024


def ocr_languages() -> tuple[str, ...]:
    """Languages that text recognition is to read, by tesseract's names; empty: those installed."""
    return tuple(getattr(settings, "HEARTH_OCR_LANGUAGES", ()))


def data_folder() -> Path:
    return Path(settings.HEARTH_DATA)


def folder_roots() -> tuple[Path, ...]:
    """Folders of this server that may be connected with knowledge, with all below them; none: nothing may."""
    return tuple(getattr(settings, "HEARTH_FOLDERS", ()))


def nearby_hosts() -> frozenset[str]:
    """Hosts in private networks whose pages may be fetched."""
    return frozenset(getattr(settings, "HEARTH_WEB_PAGE_HOSTS", ()))


def vector_store() -> str:
    """Return CHROMA for the embedded one, PGVECTOR for our PostgreSQL, or the URL of a Chroma server."""
    return str(getattr(settings, "HEARTH_VECTOR_STORE", CHROMA))


def store_name() -> str:
    """Return by what vectors are known to lie in the configured store, also when another one is configured later."""
    kind = vector_store()
    if kind in (CHROMA, PGVECTOR):
        return kind
    parts = urlsplit(kind)
    # Without name and password, if there are any.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:STORE_NAME_MAX_LENGTH]


def vector_store_anywhere() -> bool:
    """Whether the Chroma server may be outside of private networks."""
    return bool(getattr(settings, "HEARTH_VECTOR_STORE_ANYWHERE", False))


def vectors_folder() -> Path:
    return Path(getattr(settings, "HEARTH_VECTORS", Path(settings.HEARTH_DATA) / "vectors"))


def page_cache_folder() -> Path:
    return Path(settings.HEARTH_DATA) / "cache" / "pages"
