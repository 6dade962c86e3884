"""`rag_eval` with a real model server: two embedders, a chat model, a real index, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from inference import catalog, client
from inference.errors import QueueFull
from rag import chunking, conf, embedding, store
from rag.evaluation.trials import index_in_memory
from rag.models import Document, IndexVersion, Knowledge
from rag.queries import current_version
from rag.retrieval import OtherIndex
from rag.services import ingestion, questions
from rag.services.questions import Expected
from rag.store import vector_store
from rag.tasks import ingest
from rag.types import Extraction
from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer
from tests.factories import make_document, make_knowledge
from webui.accounts.models import User

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("shared_database", "data_folder")]

TEXTS = {
    "harbour.txt": "The lighthouse of Sandhagen was built in 1902. Its keeper was Ole Brandt.",
    "bakery.txt": "Bread is baked on Fridays. The oven belongs to Per Holm.",
    "school.txt": "School begins at eight. Miss Dahl teaches music.",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    data = tmp_path_factory.mktemp("eval")
    (data / "models").mkdir()
    gguf_files.build_embedding(data / "models" / "wide.gguf", n_dims=96)
    gguf_files.build_scripted(data / "models" / "scripted.gguf", "Ole Brandt kept it [1].")
    with ModelServer(data) as running:
        yield running


@pytest.fixture(autouse=True)
def _connected(server: ModelServer, data_folder: Path, settings: Settings) -> Iterator[None]:
    settings.HEARTH_INFERENCE_URL = server.url
    catalog.forget()
    yield
    # The command closes the index at its end; the next test wants it open, and empty.
    vector_store()


@pytest.fixture
def knowledge(alice: User) -> Knowledge:
    documents = [
        make_document(owner=alice, name=name, text=text, state=Document.State.EXTRACTING)
        for name, text in TEXTS.items()
    ]

    async def index() -> None:
        for document in documents:
            await ingest(document)
        await client.aclose()

    for document in documents:
        extraction = Extraction(media_type="text/plain", text=document.extracted.text)
        ingestion.store_text(document, extraction, chunking.NAME)
    asyncio.run(index())
    assert not Document.objects.exclude(state="ready").exists()
    made = make_knowledge(*documents, owner=alice, name="Village")
    asked = [("Who was the keeper of the lighthouse?", documents[0]), ("Who teaches music?", documents[2])]
    for question, document in asked:
        questions.create_question(made, question, Expected(document=document), made_by=alice)
    return made


def run(*args: str) -> str:
    out = StringIO()
    call_command("rag_eval", *args, stdout=out)
    return out.getvalue()


def measured(*args: str) -> dict[str, Any]:
    return dict(json.loads(run("--json", *args)))


def test_it_prints_recall_and_rank_of_the_index_in_use(knowledge: Knowledge) -> None:
    heads, row = (line.split() for line in run().splitlines())

    assert heads == ["knowledge", "embedder", "questions", "recall@1", "recall@3", "recall@5", "recall@10", "MRR", "ms"]
    assert row[:-1] == ["Village", "(Alice)", "all-minilm", "2", "1.00", "1.00", "1.00", "1.00", "1.000"]


def test_models_answer_what_each_embedder_found(knowledge: Knowledge) -> None:
    found = measured("--models", "scripted", "--embedders", "all-minilm", "wide", "--max-tokens", "20")

    scores = {score["embedder"].removesuffix(":latest"): score for score in found["scores"]}
    assert {name: score["in_memory"] for name, score in scores.items()} == {"all-minilm": False, "wide": True}
    assert scores["all-minilm"]["mrr"] == 1
    assert [(answer["model"].removesuffix(":latest"), answer["question"]) for answer in found["answers"]] == [
        ("scripted", "Who was the keeper of the lighthouse?"),
        ("scripted", "Who teaches music?"),
    ] * 2
    for answer in found["answers"]:
        assert 0 < answer["first_token_s"] <= answer["total_s"]
        assert answer["tokens_per_s"] > 0
        assert answer["problem"] == ""
    assert [answer["cited"] for answer in found["answers"][:2]] == [True, True]


def test_the_table_has_the_columns_of_the_notes(knowledge: Knowledge) -> None:
    heads, *rows = run("--models", "scripted", "--questions", "1").split("\n\n")[1].splitlines()

    assert heads.split("  ")[0] == "question"
    assert heads.split()[1:] == ["model", "embedder", "first", "token", "total", "tokens/s", "hit@6", "cited"]
    assert len(rows) == 1
    assert rows[0].endswith("yes    yes")


def test_another_embedder_leaves_the_index_alone(knowledge: Knowledge) -> None:
    version, document = current_version(), Document.objects.get(name="harbour.txt")
    assert version is not None

    run("--embedders", "wide")

    assert list(IndexVersion.objects.all()) == [version]
    assert vector_store().collections() == [version.collection]
    assert vector_store().count(version.collection, document.pk) == 1


def test_beside_the_running_site_the_vectors_are_made_again(knowledge: Knowledge) -> None:
    """The lock on the folder is held by somebody else, as the web process holds it."""
    store.close_store()
    with (conf.vectors_folder() / "owner.lock").open("ab") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        (score,) = measured()["scores"]

    assert score["in_memory"]
    assert (score["mrr"], score["by_words_alone"]) == (1, 0)


def test_what_cannot_be_measured_is_said_in_a_sentence(knowledge: Knowledge, alice: User) -> None:
    make_knowledge(owner=alice, name="Empty")
    sentences = {
        "--knowledge Town": "There is no knowledge called “Town”.",
        "--knowledge Village Empty": "“Empty” has no golden questions yet.",
        "--models gpt-9": "No connection offers the model “gpt-9”.",
        "--models all-minilm": "The model “all-minilm” answers no questions.",
        "--embedders scripted": "The model “scripted” makes no embeddings.",
        "--questions 0": "--questions takes a number from 1 to 500.",
        "--max-tokens 99999": "--max-tokens takes a number from 1 to 4096.",
    }

    for args, sentence in sentences.items():
        with pytest.raises(CommandError) as refused:
            run(*args.split())
        assert (str(refused.value), refused.value.returncode) == (sentence, 1)


def test_without_questions_there_is_nothing_to_measure() -> None:
    with pytest.raises(CommandError, match="No knowledge has golden questions yet"):
        run()


def test_an_owner_who_may_not_sign_in_finds_nothing(knowledge: Knowledge) -> None:
    User.objects.update(is_active=False)

    with pytest.raises(CommandError, match="owner of “Village” may not read it now"):
        run()


def test_a_model_that_gives_no_answer_is_told_and_changes_the_exit_code(
    knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = client.stream_chat

    def too_busy(request: Any) -> Any:
        if len(request.messages) > 1:
            raise QueueFull
        return stream(request)

    monkeypatch.setattr(client, "stream_chat", too_busy)

    with pytest.raises(SystemExit) as ended:
        run("--models", "scripted", "--questions", "1")

    assert ended.value.code == 2


def test_an_embedder_that_is_silent_is_told_and_changes_the_exit_code(
    knowledge: Knowledge, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.HEARTH_INFERENCE_URL = "http://127.0.0.1:9"
    catalog.forget()

    with pytest.raises(SystemExit) as ended:
        call_command("rag_eval")

    assert ended.value.code == 2
    assert "Village, all-minilm: 2 were searched by their words alone." in capsys.readouterr().out


def test_too_many_chunks_are_not_embedded_for_a_trial(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.evaluation.trials.MAX_CHUNKS", 2)

    with pytest.raises(CommandError, match="It has 3 chunks; up to 2"):
        run("--embedders", "wide")


def test_vectors_in_memory_find_what_the_index_finds(knowledge: Knowledge) -> None:
    version, documents = current_version(), [document.pk for document in Document.objects.all()]
    assert version is not None

    async def index_and_question() -> tuple[OtherIndex, npt.NDArray[np.float32]]:
        index = await index_in_memory(knowledge, version.embedder, lambda n, n_all: None)
        vector = await embedding.embed_question(version, "Who teaches music?")
        await client.aclose()
        return index, vector

    index, vector = asyncio.run(index_and_question())
    in_memory = index.neighbours.nearest("", vector, documents, 3)
    stored = vector_store().nearest(version.collection, vector, documents, 3)

    assert list(in_memory) == list(stored)
    # The embedder rounds to eight bits, and a little otherwise in another batch.
    assert list(in_memory.values()) == pytest.approx(list(stored.values()), abs=0.03)
    assert index.neighbours.nearest("", vector, documents[:1], 3).keys() < in_memory.keys()
    assert index.neighbours.similarities("", vector, list(in_memory)) == pytest.approx(in_memory)
