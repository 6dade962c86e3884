"""`create` and `cp` against the real model server, as on another machine: it sees no path of ours."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import ollama
import pytest
from django.core.management import call_command

from tests.doubles.gguf_lora import build_lora
from tests.doubles.model_server import ModelServer
from tests.inference.terminal.test_commands import Done
from tests.management.commands import hearth

pytestmark = pytest.mark.model

Run = Callable[..., Done]
MARIO = '''\
FROM ./model.gguf
# sets the temperature to 1 [higher is more creative, lower is more coherent]
PARAMETER temperature 1
PARAMETER num_predict 30
PARAMETER mirostat 2
SYSTEM """
You are Mario from super mario bros, acting as an assistant.
"""
MESSAGE user Who are you?
MESSAGE assistant It's me, Mario!
LICENSE MIT
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with ModelServer(
        tmp_path_factory.mktemp("create"), OLLAMA_CONTEXT_LENGTH="1024", OLLAMA_NUM_PARALLEL="1"
    ) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, scripted_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a Modelfile and its weights, in which the commands run."""
    (tmp_path / "model.gguf").symlink_to(scripted_gguf)
    (tmp_path / "Modelfile").write_text(MARIO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(server: ModelServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, url: str = server.url) -> Done:
        monkeypatch.setenv("OLLAMA_HOST", url)
        try:
            call_command(*arguments)
        except SystemExit as exc:
            return Done(int(exc.code or 0), *capsys.readouterr())
        return Done(0, *capsys.readouterr())

    return run


def names(server: ModelServer) -> list[str]:
    return [model["name"] for model in server.http.get("/api/tags").json()["models"]]


@pytest.mark.usefixtures("folder")
def test_the_mario_example_is_made_shown_and_answers(run: Run, server: ModelServer) -> None:
    made = run("create", "mario")
    system, parameters, whole = (
        run("show", "mario", *flags).stdout for flags in (["--system"], ["--parameters"], ["--modelfile"])
    )
    with ollama.Client(host=server.url, trust_env=False) as client:
        answer = client.chat("mario", messages=[{"role": "user", "content": "Hi"}])

    assert made.returncode == 0
    assert made.stdout.splitlines()[0] == "reading model.gguf"
    assert "parsing GGUF" in made.stdout.splitlines()
    assert made.stdout.splitlines()[-1] == "success"
    assert made.stderr == "Warning: PARAMETER mirostat is not known here and is left out\n"
    assert "You are Mario from super mario bros" in system
    assert parameters.split() == ["temperature", "1.0", "num_predict", "30"]
    assert "MESSAGE assistant It's me, Mario!" in whole
    assert answer.message.content == "Hello! I am a scripted test model; my answer is always this one."


def test_what_is_shown_makes_the_same_model_again(run: Run, server: ModelServer, folder: Path) -> None:
    run("create", "mario")
    (folder / "shown").write_text(run("show", "mario", "--modelfile").stdout)

    made = run("create", "again", "-f", "shown")

    first, second = (server.http.post("/api/show", json={"model": model}).json() for model in ("mario", "again"))
    told = ("system", "parameters", "license", "messages", "template")
    assert made.returncode == 0
    assert [first[name] for name in told] == [second[name] for name in told]
    assert "uploading" not in made.stdout


@pytest.mark.usefixtures("folder")
def test_a_model_of_the_server_is_the_base_and_an_adapter_comes_from_here(
    run: Run, folder: Path, tiny_gguf: Path
) -> None:
    build_lora(folder / "lora.gguf")
    (folder / "tiny.gguf").symlink_to(tiny_gguf)
    (folder / "base").write_text("FROM tiny.gguf")
    (folder / "adapted").write_text("FROM noise\nADAPTER ./lora.gguf")

    done = [run("create", "noise", "-f", "base"), run("create", "adapted", "-f", "adapted")]

    assert [each.returncode for each in done] == [0, 0], done
    assert "uploading lora.gguf" in done[1].stdout
    assert "\nADAPTER " in run("show", "adapted", "--modelfile").stdout


def test_a_folder_and_standard_input_do_as_well(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, server: ModelServer
) -> None:
    (folder / "weights").mkdir()
    (folder / "model.gguf").rename(folder / "weights" / "any.gguf")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfFROM ./weights\nSYSTEM Hello")))

    done = run("create", "typed", "-f", "-")

    assert done.returncode == 0, done
    assert "typed:latest" in names(server)


@pytest.mark.parametrize(
    ("modelfile", "words"),
    [
        ("SYSTEM hello", "Modelfile: no FROM line"),
        ("FROM ./model.gguf\nFRUM x", "Modelfile: (line 2): command must be one of"),
        ("\nFROM ./nowhere.gguf", "(line 2): FROM names ./nowhere.gguf, and there is no such file"),
        ("FROM nowhere.gguf", "(line 1): FROM names nowhere.gguf, and there is no such file"),
        ("FROM ./model.gguf\nADAPTER lora", "(line 2): ADAPTER names lora, and there is no such file"),
        ("FROM ./Modelfile", "(line 1): ./Modelfile is not a GGUF file"),
        ("FROM ./tensors", "(line 1): the model in ./tensors is in safetensors format"),
        ("FROM ./tensors/model.safetensors", "convert_hf_to_gguf.py"),
        ("FROM ./nothing", "(line 1): there is no GGUF file in ./nothing"),
        ("FROM ./model.gguf\nPARAMETER temperature hot", "(line 2): PARAMETER temperature must be a number"),
        ("FROM ./model.gguf\nPARAMETER temperature 1e9", 'option "temperature" must be between'),
        ("FROM a\nFROM b", "one model only, and not with a and b"),
        ("FROM ./model.gguf\nTEMPLATE {{ if }}", "template error"),
        ("FROM ./model.gguf\nADAPTER ./model.gguf", "model.gguf is a model, which does not belong here"),
        ("FROM ./model.gguf\nDRAFT x", "(line 2): DRAFT is not supported"),
    ],
)
def test_what_is_wrong_is_one_line(run: Run, folder: Path, modelfile: str, words: str, server: ModelServer) -> None:
    (folder / "tensors").mkdir()
    (folder / "nothing").mkdir()
    (folder / "tensors" / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (folder / "Modelfile").write_text(modelfile)

    done = run("create", "wrong")

    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "wrong:latest" not in names(server)


@pytest.mark.usefixtures("folder")
def test_quantizing_is_told_to_be_unsupported(run: Run) -> None:
    done = run("create", "small", "-q", "q4_K_M")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "Error: --quantize is not supported: quantize the GGUF with llama.cpp's llama-quantize"
    )


def test_a_modelfile_that_is_not_there_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    done = run("create", "x")

    assert done.returncode == 1
    assert done.stderr == "Error: Modelfile cannot be read: No such file or directory. Name a Modelfile with -f.\n"


@pytest.mark.usefixtures("folder")
def test_copies_share_what_they_hold_and_are_deleted_together(run: Run, server: ModelServer) -> None:
    run("create", "original")

    copied, unknown = run("cp", "original", "second"), run("cp", "nobody", "third")
    deleted = run("rm", "original", "second")

    assert (copied.returncode, copied.stdout) == (0, "copied 'original' to 'second'\n")
    assert (unknown.returncode, unknown.stderr) == (1, "Error: model 'nobody' not found\n")
    assert (deleted.returncode, deleted.stdout) == (0, "deleted 'original'\ndeleted 'second'\n")
    assert not {"original:latest", "second:latest"} & set(names(server))


def test_it_works_as_a_command_of_its_own(folder: Path, server: ModelServer, tmp_path: Path) -> None:
    done = hearth(tmp_path / "data", "create", "own", "-f", str(folder / "Modelfile"), OLLAMA_HOST=server.url)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "success"
    assert not (tmp_path / "data").exists()
    assert "own:latest" in names(server)


@pytest.mark.usefixtures("folder")
def test_a_model_is_shown_to_its_last_tensor(run: Run) -> None:
    run("create", "whole")

    done = run("show", "whole", "--verbose")

    assert done.returncode == 0
    assert "    qwen2.block_count " in done.stdout
    assert "  Tensors\n" in done.stdout
    assert "    blk.0.attn_q.weight " in done.stdout
    assert " more]" in done.stdout
