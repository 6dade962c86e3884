"""Settings of the document side."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

DEFAULT_EMBEDDER = "all-minilm"

# Embedders that know English only; on other scripts their similarities are noise (measured: R@10 .02-.13 on Chinese).
ENGLISH_EMBEDDERS = ("all-minilm", "all-mpnet", "nomic-embed-text", "mxbai-embed-large", "snowflake-arctic-embed:")


def embedder() -> str:
    """Catalog id of the model that turns text into vectors."""
    return str(getattr(settings, "HEARTH_EMBEDDER", DEFAULT_EMBEDDER))


def is_english_only(embedder: str) -> bool:
    name = embedder.rpartition("/")[2].lower()
    return f"{name}:".startswith(ENGLISH_EMBEDDERS) and "multilingual" not in name and "-v2-moe" not in name


def max_upload_bytes() -> int:
    return int(getattr(settings, "HEARTH_MAX_UPLOAD_MB", 100)) * 1024 * 1024


def ocr_languages() -> tuple[str, ...]:
    """Languages that text recognition is to read, by tesseract's names; empty: those installed."""
    return tuple(getattr(settings, "HEARTH_OCR_LANGUAGES", ()))


def vectors_folder() -> Path:
    return Path(getattr(settings, "HEARTH_VECTORS", Path(settings.HEARTH_DATA) / "vectors"))


def page_cache_folder() -> Path:
    return Path(settings.HEARTH_DATA) / "cache" / "pages"
