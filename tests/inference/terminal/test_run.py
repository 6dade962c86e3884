"""`hearth run` in a process of its own against the real model server: one question, and chats in a real terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.doubles import gguf_files
from tests.doubles.model_server import ROOT, ModelServer, seconds_until
from tests.doubles.registry import Registry
from tests.doubles.terminal import CTRL_C, CTRL_D, ENTER, Terminal
from tests.doubles.upstream import Behaviour, FakeModel, Upstream
from tests.management.commands import hearth

pytestmark = pytest.mark.model

ANSWER = "Hello! I am a scripted test model; my answer is always this one."
PROMPT = ">>> "

Run = Callable[..., "Done"]
Talk = Callable[..., Terminal]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, scripted_gguf: Path, slow_gguf: Path) -> Iterator[ModelServer]:
    data = tmp_path_factory.mktemp("run-server")
    (data / "models").mkdir()
    for path in (scripted_gguf, slow_gguf):
        shutil.copy(path, data / "models")
    with ModelServer(data, OLLAMA_CONTEXT_LENGTH="2048", OLLAMA_NUM_PARALLEL="1", OLLAMA_KEEP_ALIVE="-1") as server:
        yield server


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(server: ModelServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one question to its end, in this process."""

    def run(*arguments: str, stdin: str = "", **environ: str) -> Done:
        for name, value in {"OLLAMA_HOST": server.url, "HEARTH_ENV_FILE": os.devnull, **environ}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(stdin.encode())))
        try:
            call_command("run", *arguments)
        except SystemExit as exc:
            return Done(int(exc.code or 0), *capsys.readouterr())
        return Done(0, *capsys.readouterr())

    return run


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    """Return a terminal with `hearth run` in it."""

    def terminal(url: str, *arguments: str, columns: int = 80, **environ: str) -> Terminal:
        variables = {"OLLAMA_HOST": url, "XDG_STATE_HOME": str(tmp_path / "state"), **environ}
        return Terminal("run", *arguments, environ=variables, columns=columns)

    return terminal


def test_one_question_prints_the_answer(server: ModelServer, tmp_path: Path) -> None:
    done = hearth(tmp_path / "data", "run", "scripted", "Hi", "there", OLLAMA_HOST=server.url)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ANSWER}\n", "")


def test_verbose_tells_counts_durations_and_rates_beside_the_answer(run: Run) -> None:
    done = run("scripted", "--verbose", "Hi")

    assert done.stdout == f"{ANSWER}\n"
    labels = [line.split(":")[0] for line in done.stderr.splitlines() if line]
    assert labels == [
        "total duration", "load duration", "prompt eval count", "prompt eval duration", "prompt eval rate",
        "eval count", "eval duration", "eval rate",
    ]  # fmt: skip
    assert re.search(r"^eval count: +\d+ token\(s\)$", done.stderr, re.MULTILINE)
    assert re.search(r"^eval rate: +[\d.]+ tokens/s$", done.stderr, re.MULTILINE)


def test_what_is_piped_in_comes_before_the_words_of_the_question(run: Run) -> None:
    with Upstream() as upstream:
        done = run(
            "tiny", "Sum up.", "--keepalive", "10m", "--format", "json", stdin="A text.\n", OLLAMA_HOST=upstream.url
        )

        body = upstream.last("/api/chat").body
    assert done.returncode == 0
    assert body["messages"] == [{"role": "user", "content": "A text.\n Sum up."}]
    assert (body["keep_alive"], body["format"]) == ("600s", "json")
    assert body["options"] == {}


def test_a_model_that_can_think_thinks_unless_it_shall_not(run: Run) -> None:
    thinker = FakeModel(name="deep:latest", capabilities=("completion", "thinking"))
    with Upstream(models=[thinker], behaviour=Behaviour(mode="think")) as upstream:
        shown = run("deep", "Hi", OLLAMA_HOST=upstream.url)
        hidden = run("deep", "--think=high", "--hidethinking", "Hi", OLLAMA_HOST=upstream.url)
        run("deep", "--think=false", "Hi", OLLAMA_HOST=upstream.url)
        run("deep", "--think", "Hi", OLLAMA_HOST=upstream.url)

        asked = [request.body["think"] for request in upstream.requests if request.path == "/api/chat"]
        questions = {request.body["messages"][0]["content"] for request in upstream.requests if "think" in request.body}
    assert shown.stdout == "Thinking...\nLet me think.\n...done thinking.\n\nThe model answers with a \n"
    assert hidden.stdout == "The model answers with a \n"
    assert asked == [True, "high", False, True]
    assert questions == {"Hi"}


def test_images_that_a_question_names_are_sent_to_a_model_that_sees(run: Run, tmp_path: Path) -> None:
    image = b"\x89PNG\r\n\x1a\nrest"
    (tmp_path / "cat.png").write_bytes(image)
    seer = FakeModel(name="seer:latest", capabilities=("completion", "vision"))
    with Upstream(models=[seer, FakeModel(name="blind:latest")]) as upstream:
        seen = run("seer", f"what is {tmp_path}/cat.png", OLLAMA_HOST=upstream.url)
        seen_body = upstream.last("/api/chat").body
        run("blind", f"what is {tmp_path}/cat.png", OLLAMA_HOST=upstream.url)
        blind_body = upstream.last("/api/chat").body

    assert seen.stderr.replace("\n", "") == f"Added image '{tmp_path}/cat.png'"
    assert seen_body["messages"] == [{"role": "user", "content": "what is", "images": [b64encode(image).decode()]}]
    assert blind_body["messages"] == [{"role": "user", "content": f"what is {tmp_path}/cat.png"}]


def test_an_embedding_model_prints_the_embedding(run: Run) -> None:
    with Upstream() as upstream:
        done = run("embed", "a", "text", OLLAMA_HOST=upstream.url)

    assert len(json.loads(done.stdout)) == 384


def test_an_empty_question_only_loads_the_model(run: Run) -> None:
    with Upstream() as upstream:
        done = run("tiny", OLLAMA_HOST=upstream.url)

        assert upstream.loaded == {"tiny:latest"}
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_key_for_the_server_is_sent(run: Run) -> None:
    with Upstream(api_key="a-key") as upstream:
        known = run("tiny", "Hi", OLLAMA_HOST=upstream.url, OLLAMA_API_KEY="a-key")
        unknown = run("tiny", "Hi", OLLAMA_HOST=upstream.url, HEARTH_API_KEY="another", OLLAMA_API_KEY="a-key")

    assert known.returncode == 0
    assert unknown.returncode == 1
    assert "set HEARTH_API_KEY" in unknown.stderr


def test_a_missing_model_is_pulled_first(run: Run, server: ModelServer, tmp_path: Path) -> None:
    gguf = gguf_files.build_scripted(tmp_path / "new.gguf", "Pulled and here.")
    with Registry() as registry:
        registry.put("people/new/latest", model=gguf.read_bytes())
        done = run(f"http://{registry.host}/people/new", "Hi")
        again = run(f"http://{registry.host}/people/new", "Hi")

        assert sum("/manifests/" in path for path in registry.paths()) == 1
    assert (done.returncode, done.stdout) == (0, "Pulled and here.\n")
    assert "pulling manifest" in done.stderr
    assert (again.stdout, again.stderr) == ("Pulled and here.\n", "")


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["127.0.0.1:9/people/nobody", "Hi"], "", "Error: pull model: 127.0.0.1: no connection"),
        (["a b", "Hi"], "", "Error: invalid model name"),
        (["scripted", "--format", "/nowhere.json", "Hi"], "", "/nowhere.json: No such file or directory"),
        (["scripted", "--format", "{", "Hi"], "", "the JSON schema cannot be read"),
        (["scripted", "--keepalive", "soon", "Hi"], "", "--keepalive soon is no duration"),
        (["scripted", "--think", "Hi"], "", '"scripted" does not support thinking'),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_1(run: Run, arguments: list[str], stdin: str, words: str) -> None:
    done = run(*arguments, stdin=stdin)

    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_server_that_is_not_there_is_told_with_what_to_do(run: Run) -> None:
    with Upstream() as gone:
        url = gone.url

    done = run("tiny", "Hi", OLLAMA_HOST=url)

    assert done.returncode == 1
    assert done.stderr == (
        f"Error: nothing answers at {url}. Start it with `hearth up` or `hearth serve`, or set OLLAMA_HOST.\n"
    )


def test_a_reader_that_leaves_is_no_error_to_read_about(server: ModelServer, tmp_path: Path) -> None:
    environ = {**os.environ, "OLLAMA_HOST": server.url, "HEARTH_ENV_FILE": os.devnull}
    command = [sys.executable, "manage.py", "run", "slow", "Hi"]
    with subprocess.Popen(  # noqa: S603  (our own command)
        command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(30) == 1
        assert process.stderr.read() == b""
    seconds_until(lambda: n_active(server) == 0)


def test_a_chat_answers_and_ends_with_bye(server: ModelServer, talk: Talk) -> None:
    with talk(server.url, "scripted") as terminal:
        terminal.read_until(PROMPT)
        terminal.type("Hi" + ENTER)
        terminal.read_until(ANSWER)
        terminal.read_until(PROMPT)
        terminal.type("/bye" + ENTER)

        assert terminal.end() == 0


@pytest.mark.parametrize("leave", ["/exit" + ENTER, CTRL_D])
def test_there_are_more_ways_to_leave(server: ModelServer, talk: Talk, leave: str) -> None:
    with talk(server.url, "scripted") as terminal:
        terminal.read_until(PROMPT)
        terminal.type(leave)

        assert terminal.end() == 0


def test_several_lines_are_one_question(talk: Talk) -> None:
    with Upstream() as upstream, talk(upstream.url, "tiny") as terminal:
        terminal.read_until(PROMPT)
        terminal.type('"""one' + ENTER)
        terminal.read_until("... ")
        terminal.type("/clear" + ENTER)
        terminal.read_until("... ")
        terminal.type('three"""' + ENTER)
        terminal.read_until("The model")

        assert upstream.last("/api/chat").body["messages"] == [{"role": "user", "content": "one\n/clear\nthree"}]


def test_what_is_set_is_in_the_next_request(talk: Talk) -> None:
    with Upstream() as upstream, talk(upstream.url, "tiny") as terminal:
        for line, said in (
            ("/set parameter num_ctx 4096", "Set parameter 'num_ctx' to '4096'."),
            ("/set parameter num_ctx much", "num_ctx takes a whole number, not 'much'"),
            ("/set parameter mood good", "unknown parameter 'mood'"),
            ("/set system You are brief.", "Set system message."),
            ("/set format json", "Answers are JSON."),
            ("/show parameters", "num_ctx    4096"),
            ("Hi", "{}"),
        ):
            terminal.read_until(PROMPT)
            terminal.type(line + ENTER)
            terminal.read_until(said)

        body = upstream.last("/api/chat").body
    assert body["options"] == {"num_ctx": 4096}
    assert body["format"] == "json"
    assert body["messages"] == [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": "Hi"},
    ]


def test_a_context_window_that_was_set_is_the_one_the_server_gives(server: ModelServer, talk: Talk) -> None:
    with talk(server.url, "scripted") as terminal:
        terminal.read_until(PROMPT)
        terminal.type("/set parameter num_ctx 4096" + ENTER)
        terminal.read_until(PROMPT)
        terminal.type("Hi" + ENTER)
        terminal.read_until(ANSWER)
        terminal.read_until(PROMPT)

        (loaded,) = [
            model for model in server.http.get("/api/ps").json()["models"] if model["name"] == "scripted:latest"
        ]
        assert loaded["context_length"] == 4096


def test_a_chat_grows_until_it_is_cleared(server: ModelServer, talk: Talk) -> None:
    def prompt_tokens(terminal: Terminal) -> int:
        terminal.type("Hi" + ENTER)
        found = re.search(r"prompt eval count: +(\d+)", terminal.read_until("eval rate:"))
        assert found is not None
        terminal.read_until(PROMPT)
        return int(found[1])

    with talk(server.url, "scripted", "--verbose") as terminal:
        terminal.read_until(PROMPT)
        first, second = prompt_tokens(terminal), prompt_tokens(terminal)
        terminal.type("/clear" + ENTER)
        terminal.read_until(PROMPT)

        assert second > first + 10
        assert prompt_tokens(terminal) == first


def test_two_chats_with_one_model_never_mix(talk: Talk) -> None:
    def ask(terminal: Terminal, text: str) -> None:
        terminal.type(text + ENTER)
        terminal.read_until("The model")
        terminal.read_until(PROMPT)

    with Upstream() as upstream, talk(upstream.url, "tiny") as one, talk(upstream.url, "tiny") as other:
        one.read_until(PROMPT)
        other.read_until(PROMPT)
        ask(one, "a first")
        ask(other, "the other's")
        ask(one, "a second")

        of_one = [message["content"] for message in upstream.last("/api/chat").body["messages"]]
    assert of_one[::2] == ["a first", "a second"]
    assert "the other's" not in of_one


def test_ctrl_c_stops_the_answer_on_the_server_and_then_tells_how_to_leave(server: ModelServer, talk: Talk) -> None:
    with talk(server.url, "slow") as terminal:
        terminal.read_until(PROMPT)
        terminal.type("Count" + ENTER)
        terminal.read_until("1 2 3 4 5")
        terminal.type(CTRL_C)
        terminal.read_until(PROMPT)
        seconds_until(lambda: n_active(server) == 0)
        terminal.type(CTRL_C)
        terminal.read_until("Ctrl-D or /bye leaves.")
        terminal.read_until(PROMPT)
        terminal.type(CTRL_D)

        assert terminal.end() == 0


def test_whoever_waits_is_told_why(server: ModelServer, talk: Talk) -> None:
    body = {"model": "slow", "messages": [{"role": "user", "content": "Count"}], "options": {"num_predict": 1900}}
    with talk(server.url, "slow") as terminal:
        terminal.read_until(PROMPT)
        with server.http.stream("POST", "/api/chat", json=body) as response:
            lines = response.iter_lines()
            next(lines)
            terminal.type("Me too" + ENTER)
            terminal.read_until("next in the queue")
        terminal.read_until("1 2 3")


def test_an_error_is_told_and_the_chat_goes_on(talk: Talk) -> None:
    with Upstream() as upstream, talk(upstream.url, "tiny") as terminal:
        terminal.read_until(PROMPT)
        terminal.type("@fake fault=status status=500" + ENTER)
        terminal.read_until("Error: told to fail")
        terminal.read_until(PROMPT)
        terminal.type("Hi" + ENTER)
        terminal.read_until("The model")

        assert [message["content"] for message in upstream.last("/api/chat").body["messages"]] == ["Hi"]


def test_another_model_begins_another_chat(talk: Talk) -> None:
    with Upstream() as upstream, talk(upstream.url, "tiny") as terminal:
        for line, said in (
            ("Hi", "The model"),
            ("/list", "large:latest"),
            ("/load nobody", "Error: model 'nobody' not found"),
            ("/load large", "Now with large."),
            ("/show info", "context length    131072"),
            ("Again", "The model"),
        ):
            terminal.read_until(PROMPT)
            terminal.type(line + ENTER)
            terminal.read_until(said)

        body = upstream.last("/api/chat").body
    assert body["model"] == "large"
    assert [message["content"] for message in body["messages"]] == ["Again"]


def test_a_chat_can_be_saved_as_a_model(server: ModelServer, talk: Talk) -> None:
    gguf_files.build_scripted(server.models / "seed.gguf", "Seed says.")
    with talk(server.url, "seed") as terminal:
        for line, said in (
            ("/set system You are a seed.", "Set system message."),
            ("/set parameter num_ctx 1024", "Set parameter"),
            ("Hi", "Seed says."),
            ("/save", "type /save and a name"),
            ("/save plant", "Saved as plant."),
            ("/list", "plant:latest"),
            ("/load plant", "Now with plant."),
            ("/show system", "You are a seed."),
        ):
            terminal.read_until(PROMPT)
            terminal.type(line + ENTER)
            terminal.read_until(said)
    shown = server.http.post("/api/show", json={"model": "plant"}).json()

    assert shown["system"] == "You are a seed."
    assert "num_ctx" in shown["parameters"]
    assert [message["content"] for message in shown["messages"]] == ["Hi", "Seed says."]


def test_what_a_model_writes_cannot_steer_the_terminal(talk: Talk) -> None:
    evil = "be\x1b]0;owned\x07fore\x1b[2Jafter"
    with Upstream(behaviour=Behaviour(answer=evil)) as upstream, talk(upstream.url, "tiny") as terminal:
        terminal.read_until(PROMPT)
        terminal.type("Hi" + ENTER)

        assert "be]0;ownedfore[2Jafter" in terminal.read_until("after")


def test_lines_break_between_words(talk: Talk) -> None:
    answers = Behaviour(answer="aaa bbb ccc ddd eee fff")
    with Upstream(behaviour=answers) as upstream, talk(upstream.url, "tiny", columns=10) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("Hi" + ENTER)
        terminal.read_until("\nccc ddd")
        terminal.read_until("\neee fff")


def test_earlier_questions_come_back_with_the_arrow_key(talk: Talk, tmp_path: Path) -> None:
    with Upstream() as upstream:
        with talk(upstream.url, "tiny") as terminal:
            terminal.read_until(PROMPT)
            terminal.type("a question to keep" + ENTER)
            terminal.read_until("The model")
            terminal.read_until(PROMPT)
            terminal.type("/set nohistory" + ENTER)
            terminal.read_until(PROMPT)
            terminal.type("not this one" + ENTER)
            terminal.read_until("The model")
            terminal.read_until(PROMPT)
            terminal.type(CTRL_D)
            assert terminal.end() == 0
        kept = (tmp_path / "state" / "hearth" / "history").read_text()
        with talk(upstream.url, "tiny") as terminal:
            terminal.read_until(PROMPT)
            terminal.type("\x1b[A\x1b[A")
            terminal.read_until("a question to keep")

    assert "not this one" not in kept
    assert (tmp_path / "state" / "hearth" / "history").stat().st_mode & 0o077 == 0


def test_a_history_that_is_not_wanted_is_not_written(talk: Talk, tmp_path: Path) -> None:
    with Upstream() as upstream, talk(upstream.url, "tiny", OLLAMA_NOHISTORY="1") as terminal:
        terminal.read_until(PROMPT)
        terminal.type("Hi" + ENTER)
        terminal.read_until("The model")

    assert not (tmp_path / "state").exists()


def test_a_history_that_cannot_be_written_is_told_once(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    with Upstream() as upstream, talk(upstream.url, "tiny") as terminal:
        terminal.read_until(PROMPT)
        terminal.type("Hi" + ENTER)
        terminal.read_until("Questions are not kept: the history")
        terminal.read_until("The model")
        terminal.read_until(PROMPT)
        terminal.type("Again" + ENTER)

        assert "not kept" not in terminal.read_until("The model")


def n_active(server: ModelServer) -> int:
    runner = server.runner("slow:latest")
    return runner["n_active"] if runner is not None else 0
