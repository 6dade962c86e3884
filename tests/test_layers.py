"""Who may import whom: docs/decisions/0001-layers.md drawn as a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("webui", "rag", "inference")

ALLOWED = {
    "inference": {"inference"},
    "rag": {
        "rag", "inference.client", "inference.errors", "inference.types",
        # What tells addresses of the world from those nearby is there once.
        "inference.library.addresses",
    },
    "webui.ui": {"webui.ui"},
    # What a citation looks like is said in one place.
    "webui.rendering": {"webui.rendering", "rag.answers.markers"},
    "webui.accounts": {
        "webui.accounts", "webui.ui", "rag.api", "inference.client", "inference.errors", "inference.types",
    },
    "webui.documents": {
        "webui.documents", "webui.accounts", "webui.ui", "rag.api", "rag.errors", "rag.types",
    },
    "webui.presets": {
        "webui.presets", "webui.accounts", "webui.ui",
        "rag.api", "rag.errors", "rag.types", "inference.client", "inference.errors", "inference.types",
        # Modelfiles are read and written in one place.
        "inference.library.modelfile",
    },
    "webui.speech": {
        "webui.speech", "webui.accounts", "webui.ui", "inference.client", "inference.errors", "inference.types",
        # Keys are kept, and sounds told apart, in one way.
        "inference.keys", "inference.sounds",
    },
    # Talks to servers of its own kinds as `inference` does to models, and fetches what they name as `rag` does pages.
    "webui.imagery": {
        "webui.imagery", "webui.accounts", "webui.ui",
        "inference.upstreams", "inference.keys", "inference.errors", "rag.fetching", "rag.errors",
    },
    "webui.chats": {
        "webui.chats", "webui.documents", "webui.accounts", "webui.imagery", "webui.presets", "webui.rendering",
        "webui.speech", "webui.ui",
        "rag.api", "rag.errors", "rag.types", "inference.client", "inference.errors", "inference.types",
    },
    # Hands on what people's own programs ask; knows models and who may ask them, and nothing of chats.
    "webui.gateway": {
        "webui.gateway", "webui.accounts", "webui.ui", "inference.client", "inference.errors", "inference.types",
    },
    "webui.administration": {
        "webui.administration", "webui.accounts", "webui.imagery", "webui.presets", "webui.rendering", "webui.speech",
        "webui.ui",
        "rag.api", "rag.errors", "rag.types", "inference.client", "inference.errors", "inference.types",
        # The sound that a voice server is tried with.
        "inference.sounds",
        # Connections are managed there and nowhere else.
        "inference.models", "inference.queries", "inference.services",
        # The calculator of the models page.
        "inference.quantizations",
    },
    # Composes everything; imported by nobody.
    "webui.config": {"webui", "rag", "inference"},
    "webui.management": {"webui", "rag", "inference"},
}  # fmt: skip


def imported_names(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) for every import of ours in a file, also inside functions."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # `from inference import client` names the module inference.client.
            names = [f"{module}.{alias.name}" for alias in node.names] if module in ALLOWED else [module]
            yield from ((node.lineno, name) for name in names)


def room_of(path: Path) -> str | None:
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    rooms = [room for room in ALLOWED if dotted == room or dotted.startswith(room + ".")]
    return max(rooms, key=len, default=None)


def source_files() -> list[Path]:
    return sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if "migrations" not in p.parts)


@pytest.mark.parametrize("path", source_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_room_allows(path: Path) -> None:
    room = room_of(path)
    if room is None:
        assert path.parent == ROOT / "webui", f"{path} lies in no known room"
        room = "webui.config"

    wrong = [
        f"line {line}: {name}"
        for line, name in imported_names(path)
        if name.split(".")[0] in PACKAGES
        and not any(name == allowed or name.startswith(allowed + ".") for allowed in ALLOWED[room])
    ]

    assert not wrong, f"{room} must not import " + "; ".join(wrong)


def test_nobody_imports_the_configuration() -> None:
    offenders = [
        f"{path}:{line}"
        for path in source_files()
        for line, name in imported_names(path)
        if name.startswith("webui.config") and room_of(path) not in ("webui.config", "webui.management", None)
    ]

    assert offenders == []
