"""Session-scoped GGUF files; import the ones you need into a conftest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles import gguf_files


@pytest.fixture(scope="session")
def gguf_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


@pytest.fixture(scope="session")
def tiny_gguf(gguf_folder: Path) -> Path:
    """A chat model that answers with noise."""
    return gguf_files.build_tiny(gguf_folder / "tiny.gguf")


@pytest.fixture(scope="session")
def scripted_gguf(gguf_folder: Path) -> Path:
    """A chat model that always answers the default text of `build_scripted`."""
    return gguf_files.build_scripted(gguf_folder / "scripted.gguf")


@pytest.fixture(scope="session")
def counting_gguf(gguf_folder: Path) -> Path:
    """A chat model that always counts from 1 to 300, one token a number."""
    return gguf_files.build_scripted(gguf_folder / "counting.gguf", gguf_files.COUNTING)


@pytest.fixture(scope="session")
def endless_gguf(gguf_folder: Path) -> Path:
    """A chat model that counts for ever, thousands of tokens a second."""
    return gguf_files.build_endless(gguf_folder / "endless.gguf")


@pytest.fixture(scope="session")
def slow_gguf(gguf_folder: Path) -> Path:
    """A chat model that counts for ever, some hundred tokens a second."""
    return gguf_files.build_slow(gguf_folder / "slow.gguf")


@pytest.fixture(scope="session")
def reranker_gguf(gguf_folder: Path) -> Path:
    """A model that gives each pair of query and document a score of its own."""
    return gguf_files.build_reranker(gguf_folder / "reranker.gguf")


@pytest.fixture(scope="session")
def embedding_gguf(gguf_folder: Path) -> Path:
    """An embedding model with 64 dimensions and mean pooling."""
    return gguf_files.build_embedding(gguf_folder / "embedding.gguf")
