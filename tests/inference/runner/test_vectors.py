"""Embeddings and scores of real llama.cpp, on small generated models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import pytest
import pytest_asyncio

from inference.errors import InvalidRequest, ModelLoadFailed
from inference.runner.handle import RunnerHandle
from tests.doubles import gguf_files
from tests.inference.runner.asking import answer, question, started

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

Start = Callable[..., Awaitable[RunnerHandle]]


@pytest_asyncio.fixture(loop_scope="module")
async def start() -> AsyncIterator[Start]:
    """Start runners that end with the test."""
    handles: list[RunnerHandle] = []

    async def start(path: Path, **spec: Any) -> RunnerHandle:
        handles.append(await started(path, **spec))
        return handles[-1]

    yield start
    for handle in handles:
        await handle.stop()


async def vector(handle: RunnerHandle, text: str) -> npt.NDArray[np.float32]:
    row: npt.NDArray[np.float32] = (await handle.embed([text])).vectors[0]
    return row


def unit(row: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return row / np.float32(np.linalg.norm(row))


async def test_each_model_pools_by_its_own_rule(start: Start, gguf_folder: Path) -> None:
    # Its states all have the same length and each sees only what came before, so one rule is computed from another.
    rules = {"mean": gguf.PoolingType.MEAN, "cls": gguf.PoolingType.CLS, "last": gguf.PoolingType.LAST}
    handles = {
        name: await start(gguf_files.build_tiny(gguf_folder / f"{name}.gguf", pooling=rule), embedding=True)
        for name, rule in rules.items()
    }

    first, both = await vector(handles["last"], "x"), await vector(handles["last"], "xy")

    assert not np.allclose(first, both, atol=0.1)
    np.testing.assert_allclose(await vector(handles["cls"], "xy"), first, atol=2e-3)
    np.testing.assert_allclose(await vector(handles["mean"], "xy"), unit(first + both), atol=2e-3)


@pytest.mark.parametrize("pooling", [gguf.PoolingType.MEAN, gguf.PoolingType.CLS, gguf.PoolingType.LAST])
async def test_a_hundred_texts_at_once_equal_a_hundred_alone(
    start: Start, gguf_folder: Path, pooling: gguf.PoolingType
) -> None:
    path = gguf_files.build_embedding(gguf_folder / f"bert-{pooling.name}.gguf", pooling=pooling)
    handle = await start(path, embedding=True)
    texts = [f"{number} " + "some words " * (number % 23) for number in range(100)]

    together = (await handle.embed(texts)).vectors
    alone = np.stack([await vector(handle, text) for text in texts])

    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


async def test_a_chat_model_embeds_while_it_chats(start: Start, tiny_gguf: Path) -> None:
    handle = await start(tiny_gguf)
    alone = await handle.embed(["x", "a longer text"])
    before, _ = await answer(handle, question(num_predict=200))

    (during, _), embedded = await asyncio.gather(
        answer(handle, question(num_predict=200)), handle.embed(["x", "a longer text"])
    )

    assert during == before
    np.testing.assert_allclose(embedded.vectors, alone.vectors, atol=1e-5)
    assert not np.allclose(alone.vectors[0], alone.vectors[1], atol=0.1)


async def test_a_chat_model_that_is_loaded_to_embed_gives_the_same_vectors(start: Start, tiny_gguf: Path) -> None:
    chat, embedder = await start(tiny_gguf), await start(tiny_gguf, embedding=True)
    long = "many words " * 30

    np.testing.assert_allclose(await vector(chat, "few words"), await vector(embedder, "few words"), atol=1e-5)
    # Beside chats it is decoded in pieces.
    np.testing.assert_allclose(await vector(chat, long), await vector(embedder, long), atol=2e-3)


async def test_a_long_text_is_embedded_between_the_tokens_of_an_answer(start: Start, endless_gguf: Path) -> None:
    handle = await start(endless_gguf, n_ctx=4096)
    long = "q " * 1500

    (text, _), embedded, short = await asyncio.gather(
        answer(handle, question(num_predict=300)), handle.embed([long]), handle.embed(["q"])
    )

    assert text.startswith("1 2 3 4 5")
    assert embedded.n_tokens == 3000
    np.testing.assert_allclose((await handle.embed([long])).vectors, embedded.vectors, atol=1e-4)
    np.testing.assert_allclose((await handle.embed(["q"])).vectors, short.vectors, atol=1e-4)


async def test_a_text_that_is_too_long_for_a_chat_model_is_cut_or_refused(start: Start, tiny_gguf: Path) -> None:
    handle = await start(tiny_gguf, n_ctx=64)

    assert (await handle.embed(["q" * 100])).n_tokens == 64
    with pytest.raises(InvalidRequest, match="a text has 100 tokens, but the model takes 64"):
        await handle.embed(["q" * 100], truncate=False)


async def test_an_embedding_model_does_not_chat(start: Start, embedding_gguf: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="an embedding model, which cannot chat"):
        await start(embedding_gguf)


DOCUMENTS = [f"{letter} document {letter * number}" for number, letter in enumerate("abcdefghij" * 5)]


async def test_documents_get_the_same_scores_together_as_alone(start: Start, reranker_gguf: Path) -> None:
    handle = await start(reranker_gguf)

    together = await handle.rank("a query", DOCUMENTS)
    alone = [(await handle.rank("a query", [document])).scores[0] for document in DOCUMENTS]

    assert together.scores.shape == (50,)
    assert ((together.scores > 0) & (together.scores < 1)).all()
    assert len(np.unique(together.scores.round(4))) > 25
    np.testing.assert_allclose(together.scores, alone, rtol=0, atol=1e-5)
    assert not np.allclose((await handle.rank("another", DOCUMENTS)).scores, together.scores, atol=1e-3)


async def test_only_the_first_of_several_scores_counts(start: Start, gguf_folder: Path) -> None:
    path = gguf_files.build_reranker(gguf_folder / "two.gguf", labels=["yes", "no"])
    handle = await start(path)

    ranked = await handle.rank("a query", DOCUMENTS)

    assert ranked.scores.shape == (50,)
    assert len(np.unique(ranked.scores.round(4))) > 25


async def test_the_templates_of_rerankers_are_used(start: Start, gguf_folder: Path) -> None:
    path = gguf_files.build_reranker(gguf_folder / "template.gguf", template="[CLS] q: {query} d: {document} [SEP]")
    handle = await start(path)

    one = await handle.rank("a", ["b"])

    # The four control tokens and letters of "[CLS] q: a d: b [SEP]".
    assert one.n_tokens == 2 + len("q:ad:b")


async def test_a_long_document_is_cut_or_refused(start: Start, reranker_gguf: Path) -> None:
    handle = await start(reranker_gguf, n_ctx=64)
    long = "word " * 100

    ranked = await handle.rank("a query", ["short", long])

    assert ranked.n_shortened == 1
    assert 64 < ranked.n_tokens <= 64 + 20
    with pytest.raises(InvalidRequest, match="the input length exceeds the context length"):
        await handle.rank("a query", [long], truncate=False)
    with pytest.raises(InvalidRequest, match="the query is too long"):
        await handle.rank(long, ["short"])


async def test_a_reranker_without_a_head_is_refused(start: Start, gguf_folder: Path) -> None:
    path = gguf_files.build_embedding(gguf_folder / "headless.gguf", pooling=gguf.PoolingType.RANK, has_head=False)

    with pytest.raises(ModelLoadFailed, match="no classification head"):
        await start(path)


async def test_a_reranker_neither_chats_nor_embeds(start: Start, reranker_gguf: Path, tiny_gguf: Path) -> None:
    reranker, chat = await start(reranker_gguf), await start(tiny_gguf)

    with pytest.raises(InvalidRequest, match="not loaded to write text"):
        await answer(reranker, question())
    with pytest.raises(InvalidRequest, match="not loaded to embed texts"):
        await reranker.embed(["text"])
    with pytest.raises(InvalidRequest, match="not loaded to rank documents"):
        await chat.rank("a query", ["a document"])
