"""The real server with real runners: images, adapters, embeddings and rankings, through its API and Ollama's client."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import ollama
import pytest

from tests.doubles.gguf_lora import build_lora
from tests.doubles.gguf_vision import build_projector, png
from tests.doubles.model_server import ModelServer
from tests.inference.library.stores import make_store, put_model

pytestmark = pytest.mark.model

GREEDY = {"temperature": 0, "num_predict": 16, "seed": 1}


@pytest.fixture(scope="module")
def real_server(
    tmp_path_factory: pytest.TempPathFactory, tiny_gguf: Path, embedding_gguf: Path, reranker_gguf: Path
) -> Iterator[ModelServer]:
    """A server that offers `embedding`, `reranker`, `eyes/tiny` under that name, and `tuned` of its own store."""
    data = tmp_path_factory.mktemp("real-models")
    models = data / "models"
    (models / "eyes").mkdir(parents=True)
    shutil.copy(tiny_gguf, models / "eyes" / "tiny.gguf")
    build_projector(models / "eyes" / "mmproj-F32.gguf")
    shutil.copy(embedding_gguf, models)
    shutil.copy(reranker_gguf, models)
    lora = build_lora(data / "lora.gguf").read_bytes()
    put_model(make_store(models / "store"), "tuned", model=tiny_gguf.read_bytes(), adapter=lora)
    with ModelServer(data, OLLAMA_CONTEXT_LENGTH="512", OLLAMA_NUM_PARALLEL="2") as server:
        yield server


@pytest.fixture(scope="module")
def client(real_server: ModelServer) -> Iterator[ollama.Client]:
    with ollama.Client(host=real_server.url, trust_env=False) as client:
        yield client


def seen(client: ollama.Client, *images: bytes, model: str = "tiny") -> str:
    message = {"role": "user", "content": "what?", "images": list(images)}
    return str(client.chat(model, messages=[message], options=GREEDY).message.content)


def test_ollamas_client_shows_images(client: ollama.Client) -> None:
    one, other = png(seed=1), png(seed=2)

    answers = [seen(client, one), seen(client, other), seen(client, one), seen(client)]

    assert answers[0] == answers[2]
    assert len(set(answers)) == 3
    assert "vision" in (client.show("tiny").capabilities or ())


def test_an_image_can_be_given_with_a_prompt(client: ollama.Client) -> None:
    answer = client.generate("tiny", "what?", images=[png(seed=1)], options=GREEDY)

    assert answer.response == seen(client, png(seed=1))


def test_the_adapter_of_a_stored_model_changes_its_answers(client: ollama.Client) -> None:
    assert seen(client, model="tuned") != seen(client)


def test_a_damaged_image_is_told_to_the_client(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="damaged and cannot be decoded") as refusal:
        seen(client, png()[:60])

    assert refusal.value.status_code == 400


@pytest.mark.parametrize("model", ["embedding", "tiny"])
def test_texts_are_embedded_by_both_routes_alike(client: ollama.Client, model: str) -> None:
    texts = [f"text {number} " + "and more " * (number % 7) for number in range(100)]

    together = np.array(client.embed(model, texts).embeddings)
    alone = np.array([client.embed(model, text).embeddings[0] for text in texts[:10]])
    old = np.array(client.embeddings(model, texts[3]).embedding)
    short = np.array(client.embed(model, texts, dimensions=8).embeddings)

    assert together.shape == (100, 64)
    np.testing.assert_allclose(together[:10], alone, atol=1e-5)
    np.testing.assert_allclose(together[3], old, atol=1e-5)
    cut = together[:, :8] / np.linalg.norm(together[:, :8], axis=1, keepdims=True)
    np.testing.assert_allclose(short, cut, atol=1e-5)


def test_a_text_that_is_too_long_is_refused_where_it_must_not_be_cut(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="the input length exceeds the context length") as refusal:
        client.embed("embedding", "word " * 600, truncate=False)

    assert refusal.value.status_code == 400
    assert len(client.embed("embedding", "word " * 600).embeddings) == 1


def test_documents_are_ranked(real_server: ModelServer) -> None:
    documents = [f"{letter} document" for letter in "abcdefgh"]

    answer: dict[str, Any] = real_server.http.post(
        "/v1/rerank", json={"model": "reranker", "query": "a query", "documents": documents, "top_n": 5}
    ).json()

    scores = [result["relevance_score"] for result in answer["results"]]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    assert answer["usage"]["total_tokens"] > 0
