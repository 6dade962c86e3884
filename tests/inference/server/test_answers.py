from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from asgiref.testing import ApplicationCommunicator

from inference.errors import InvalidRequest, ModelLoadFailed, RunnerDied
from inference.runner.types import GenerateRequest, RunnerFinished, TextDelta, TokenProbability
from inference.server.asgi import make_application
from inference.types import ChatMessage, Tool, ToolCall
from tests.doubles.gguf_files import CHATML, build_tiny
from tests.inference.library.stores import make_store, put_model
from tests.inference.server.conftest import Server, until

HI = [{"role": "user", "content": "Hi"}]
PROGRESS = {"Hearth-Progress": "1"}
NOW = {"type": "function", "function": {"name": "now", "description": "The time"}}


def called(function: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}


def deep_tool(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return {"type": "function", "function": {"name": "deep", "parameters": schema}}


async def test_a_chat_streams_ollama_s_lines(server: Server) -> None:
    lines = await server.lines("/api/chat", model="tiny", messages=HI)

    assert [line["message"] for line in lines] == [
        {"role": "assistant", "content": "Hello"},
        {"role": "assistant", "content": " there"},
        {"role": "assistant", "content": ""},
    ]
    assert [line["done"] for line in lines] == [False, False, True]
    assert {line["model"] for line in lines} == {"tiny"}
    assert all(line["created_at"].endswith("Z") for line in lines)
    last = lines[-1]
    assert last["done_reason"] == "stop"
    assert (last["prompt_eval_count"], last["eval_count"]) == (7, 2)
    assert (last["prompt_eval_duration"], last["eval_duration"]) == (250_000_000, 500_000_000)
    assert isinstance(last["total_duration"], int)
    assert last["total_duration"] >= last["load_duration"] >= 0


async def test_generate_streams_ollama_s_lines(server: Server) -> None:
    lines = await server.lines("/api/generate", model="tiny", prompt="Hi", system="Be kind.")

    assert [line["response"] for line in lines] == ["Hello", " there", ""]
    assert lines[-1]["done_reason"] == "stop"
    assert server.starter.of("tiny").requests[0].messages == [
        ChatMessage(role="system", content="Be kind."),
        ChatMessage(role="user", content="Hi"),
    ]


async def test_without_streaming_one_object_holds_the_whole_answer(server: Server) -> None:
    chat = (await server.post("/api/chat", model="tiny", messages=HI, stream=False)).json()
    generated = (await server.post("/api/generate", model="tiny", prompt="Hi", stream=False)).json()

    assert chat["message"] == {"role": "assistant", "content": "Hello there"}
    assert generated["response"] == "Hello there"
    assert chat["done"] is generated["done"] is True
    assert chat["eval_count"] == 2


async def test_thinking_is_told_apart(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def thinking(*_: object, **__: object) -> Any:
        yield TextDelta(thinking="Hm.")
        yield TextDelta(content="Yes.")

    await server.lines("/api/chat", model="tiny", messages=HI)
    monkeypatch.setattr(server.starter.of("tiny"), "generate", thinking)

    lines = await server.lines("/api/chat", model="tiny", messages=HI)

    assert lines[0]["message"] == {"role": "assistant", "content": "", "thinking": "Hm."}
    assert lines[1]["message"] == {"role": "assistant", "content": "Yes."}


async def test_tools_and_their_calls_reach_the_runner_and_come_back(server: Server) -> None:
    template = CHATML.replace("{%- for", "{%- if tools %}{{ tools | tojson }}{%- endif %}{%- for", 1)
    build_tiny(server.models / "caller.gguf", chat_template=template)
    call = {"id": "c1", "function": {"name": "now", "arguments": {"zone": "UTC"}}}
    history = [
        *HI,
        {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [call]},
        {"role": "tool", "content": "12:00", "tool_name": "now", "tool_call_id": "c1"},
    ]
    await server.lines("/api/chat", model="caller", messages=HI)
    runner = server.starter.of("caller")
    runner.deltas = [TextDelta(content="I look."), TextDelta(tool_calls=[ToolCall(name="now", id="c2")])]

    lines = await server.lines("/api/chat", model="caller", messages=history, tools=[NOW])
    whole = (await server.post("/api/chat", model="caller", messages=history, tools=[NOW], stream=False)).json()

    request = runner.requests[-1]
    assert request.tools == [Tool(name="now", description="The time")]
    assert request.messages is not None
    assert request.messages[1:] == [
        ChatMessage(
            role="assistant",
            content="",
            thinking="Hm.",
            tool_calls=(ToolCall(name="now", arguments={"zone": "UTC"}, id="c1"),),
        ),
        ChatMessage(role="tool", content="12:00", tool_name="now", tool_call_id="c1"),
    ]
    told = [{"id": "c2", "function": {"name": "now", "arguments": {}}}]
    assert lines[1]["message"] == {"role": "assistant", "content": "", "tool_calls": told}
    assert lines[-1]["done_reason"] == "stop"
    assert whole["message"] == {"role": "assistant", "content": "I look.", "tool_calls": told}


async def test_raw_prompts_reach_the_runner_untouched(server: Server) -> None:
    await server.lines("/api/generate", model="tiny", prompt="<s>x", raw=True, options={"seed": 1, "top_k": 1.0})

    request = server.starter.of("tiny").requests[0]
    assert (request.prompt, request.raw, request.messages) == ("<s>x", True, None)
    assert request.options == {"seed": 1, "top_k": 1}


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_the_form_of_an_answer_reaches_the_runner(server: Server, path: str) -> None:
    schema = {"type": "object"}

    for wanted in ("json", schema, "", None):
        await server.lines(path, model="tiny", messages=HI, prompt="Hi", format=wanted)

    assert [request.format for request in server.starter.of("tiny").requests] == ["json", schema, None, None]


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_probabilities_are_told_as_ollama_does(
    server: Server, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    other = TokenProbability(piece=b"\xe2", logprob=-2.5)
    token = TokenProbability(piece=b"Yes", logprob=-0.5, top=[other])

    async def answer(*_: object, **__: object) -> Any:
        yield TextDelta(content="Yes", logprobs=[token])
        yield TextDelta(content="!")

    await server.lines("/api/chat", model="tiny", messages=HI)
    monkeypatch.setattr(server.starter.of("tiny"), "generate", answer)
    asked: dict[str, Any] = {"model": "tiny", "messages": HI, "prompt": "Hi", "logprobs": True, "top_logprobs": 1}

    lines = await server.lines(path, **asked)
    whole = (await server.post(path, stream=False, **asked)).json()

    told = {
        "token": "Yes",
        "logprob": -0.5,
        "bytes": [89, 101, 115],
        "top_logprobs": [{"token": "\ufffd", "logprob": -2.5, "bytes": [226]}],
    }
    assert lines[0]["logprobs"] == whole["logprobs"] == [told]
    assert "logprobs" not in lines[1]


async def test_how_many_probabilities_are_told_reaches_the_runner(server: Server) -> None:
    for wishes in ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True}, {"top_logprobs": 3}, {}):
        await server.lines("/api/chat", model="tiny", messages=HI, **wishes)

    assert [request.top_logprobs for request in server.starter.of("tiny").requests] == [3, 0, None, None]


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_what_the_model_did_not_see_is_told_to_everybody(
    server: Server, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    asked: list[GenerateRequest] = []

    async def answer(request: GenerateRequest, **_: object) -> Any:
        asked.append(request)
        counts = {"prompt_tokens": 7, "answer_tokens": 2, "prompt_s": 0.1, "answer_s": 0.1}
        yield RunnerFinished(reason="stop", **counts, dropped_messages=3, shifted_tokens=64)

    await server.lines("/api/chat", model="tiny", messages=HI)
    monkeypatch.setattr(server.starter.of("tiny"), "generate", answer)

    lines = await server.lines(path, model="tiny", messages=HI, prompt="Hi", truncate=True, shift=True)
    whole = (await server.post(path, model="tiny", messages=HI, prompt="Hi", stream=False)).json()

    assert lines[-1]["hearth"] == whole["hearth"] == {"dropped_messages": 3, "shifted_tokens": 64}
    assert [(request.truncate, request.shift) for request in asked] == [(True, True), (False, False)]


async def test_a_gap_to_be_filled_reaches_the_runner(server: Server) -> None:
    await server.lines("/api/generate", model="tiny", prompt="def f(", suffix="):", system="Code.")

    request = server.starter.of("tiny").requests[0]
    assert (request.prompt, request.suffix, request.messages) == ("def f(", "):", None)


async def test_the_context_of_an_answer_goes_out_and_comes_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[GenerateRequest] = []

    async def answer(request: GenerateRequest, **_: object) -> Any:
        asked.append(request)
        counts = {"prompt_tokens": 2, "answer_tokens": 1, "prompt_s": 0.1, "answer_s": 0.1}
        yield RunnerFinished(reason="stop", **counts, context=[1, 2, 3])

    await server.lines("/api/chat", model="tiny", messages=HI)
    monkeypatch.setattr(server.starter.of("tiny"), "generate", answer)

    first = (await server.post("/api/generate", model="tiny", prompt="Hi", stream=False)).json()
    await server.lines("/api/generate", model="tiny", prompt="More", context=first["context"])
    await server.lines("/api/generate", model="tiny", prompt="Raw", raw=True)
    await server.lines("/api/chat", model="tiny", messages=HI)

    assert first["context"] == [1, 2, 3]
    assert [list(request.context) for request in asked] == [[], [1, 2, 3], [], []]
    assert [request.wants_context for request in asked] == [True, True, False, False]


@pytest.mark.parametrize("context", ["1", [1, "2"], [True], [-1], [2**31], [1.5], [[1]]])
async def test_a_context_that_is_no_list_of_tokens_is_refused(server: Server, context: Any) -> None:
    response = await server.post("/api/generate", model="tiny", prompt="x", context=context)

    assert response.status_code == 400
    assert "context must be an array" in response.json()["error"]


async def test_raw_with_a_context_is_refused(server: Server) -> None:
    response = await server.post("/api/generate", model="tiny", prompt="x", raw=True, context=[1])

    assert response.json()["error"] == "raw mode does not support template, system, or context"


async def test_a_stored_model_s_own_settings_hold_unless_the_request_says_otherwise(
    server: Server, tiny_gguf: Path
) -> None:
    store = make_store(server.models / "store")
    params = b'{"temperature": 0.5, "stop": ["###"], "mirostat": 1, "top_p": 7}'
    put_model(store, "mario", model=tiny_gguf.read_bytes(), system=b"You are Mario.", params=params)

    await server.lines("/api/chat", model="mario", messages=HI, options={"temperature": 1})

    request = server.starter.of("mario").requests[0]
    assert request.options == {"temperature": 1.0, "stop": ["###"]}
    assert request.messages is not None
    assert request.messages[0] == ChatMessage(role="system", content="You are Mario.")


@pytest.mark.parametrize(
    ("path", "body"), [("/api/chat", {"messages": []}), ("/api/chat", {}), ("/api/generate", {"prompt": ""})]
)
async def test_nothing_asked_loads_the_model(server: Server, path: str, body: dict[str, Any]) -> None:
    answer = (await server.post(path, model="tiny", **body)).json()

    assert answer["done"] is True
    assert answer["done_reason"] == "load"
    assert server.starter.living == ["tiny:latest"]


async def test_nothing_asked_with_keep_alive_zero_unloads_the_model(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)

    answer = (await server.post("/api/generate", model="tiny", keep_alive=0)).json()

    assert answer["done_reason"] == "unload"
    assert server.starter.living == []


async def test_keep_alive_is_per_request(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI, keep_alive="10m")
    seat = server.state.scheduler.seats()[0]
    assert server.state.scheduler.seconds_left(seat) == pytest.approx(600, abs=5)

    await server.lines("/api/chat", model="tiny", messages=HI, keep_alive=-1)

    assert server.state.scheduler.seconds_left(seat) is None


async def test_an_unknown_model_is_404_in_ollama_s_words(server: Server) -> None:
    for path in ("/api/chat", "/api/generate", "/api/embed", "/api/show"):
        response = await server.post(path, model="nobody", messages=HI, prompt="x", input="x")

        assert response.status_code == 404
        assert response.json()["error"] == "model 'nobody' not found"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "model is required"),
        ({"model": ""}, "model is required"),
        ({"model": 7}, "model must be a string"),
        ({"model": "tiny", "messages": "Hi"}, "messages must be an array"),
        ({"model": "tiny", "messages": ["Hi"]}, "each of messages must be an object"),
        ({"model": "tiny", "messages": [{"role": "god", "content": "Hi"}]}, "the role of a message"),
        ({"model": "tiny", "messages": [{"role": "user", "content": 7}]}, "the content of a message must be a string"),
        ({"model": "tiny", "messages": HI, "stream": "yes"}, "stream must be true or false"),
        ({"model": "tiny", "messages": HI, "options": []}, "options must be an object"),
        ({"model": "tiny", "messages": HI, "options": {"temperature": "hot"}}, 'option "temperature" must be of type'),
        ({"model": "tiny", "messages": HI, "options": {"num_ctx": -5}}, 'option "num_ctx" must be between'),
        ({"model": "tiny", "messages": HI, "keep_alive": "soon"}, 'time: invalid duration "soon"'),
        ({"model": "tiny", "messages": HI, "think": 7}, "invalid think value"),
        ({"model": "tiny", "messages": HI, "think": True}, '"tiny" does not support thinking'),
        ({"model": "tiny", "messages": [{"role": "user", "content": "x", "images": ["aGk="]}]}, "image input"),
        ({"model": "tiny", "messages": HI, "tools": [NOW]}, '"tiny" does not support tools'),
        ({"model": "tiny", "messages": HI, "tools": NOW}, "tools must be an array"),
        ({"model": "tiny", "messages": HI, "tools": ["now"]}, "each of tools must be an object"),
        ({"model": "tiny", "messages": HI, "tools": [{"type": "function"}]}, "each of tools needs a function"),
        ({"model": "tiny", "messages": HI, "tools": [{"type": "code"}]}, 'the type of a tool must be "function"'),
        ({"model": "tiny", "messages": HI, "tools": [NOW] * 129}, "tools may hold at most 128 entries"),
        ({"model": "tiny", "messages": HI, "tools": [deep_tool(65)]}, "parameters may nest at most 64 levels deep"),
        ({"model": "tiny", "messages": [called({"name": "f", "arguments": "{}"})]}, "arguments must be an object"),
        ({"model": "tiny", "messages": [called({"arguments": {}})]}, "each of tool_calls needs a function"),
        ({"model": "tiny", "messages": [{"role": "tool", "tool_name": 7}]}, "tool_name must be a string"),
        ({"model": "tiny", "messages": HI, "format": "yaml"}, 'expected "json" or a valid JSON Schema object'),
        ({"model": "tiny", "messages": HI, "logprobs": True, "top_logprobs": 21}, "must be between 0 and 20"),
        ({"model": "tiny", "messages": HI, "format": 7}, 'expected "json" or a valid JSON Schema object'),
        ({"model": "embedder", "messages": HI}, '"embedder" does not support chat'),
        ({"model": "../../etc/passwd", "messages": HI}, "invalid model name"),
    ],
)
async def test_a_wrong_request_is_400_with_one_readable_error(server: Server, body: Any, error: str) -> None:
    response = await server.post("/api/chat", **body)

    assert response.status_code == 400
    assert error in response.json()["error"]
    assert server.starter.n_starts == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "missing request body"),
        (b"   ", "missing request body"),
        (b"{'model': 'tiny'}", "not valid JSON"),
        (b'{"model": "tiny"', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
async def test_a_body_that_is_no_object_is_400(server: Server, body: bytes, error: str) -> None:
    response = await server.http.post("/api/chat", content=body)

    assert response.status_code == 400
    assert error in response.json()["error"]


async def test_raw_with_a_system_prompt_is_refused(server: Server) -> None:
    response = await server.post("/api/generate", model="tiny", prompt="x", raw=True, system="y")

    assert response.status_code == 400
    assert response.json()["error"] == "raw mode does not support template, system, or context"


async def test_an_error_before_the_first_line_keeps_its_status(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)
    runner = server.starter.of("tiny")
    runner.deltas, runner.error = (), InvalidRequest("the prompt has 9000 tokens, the context window 4096")

    response = await server.post("/api/chat", model="tiny", messages=HI)

    assert response.status_code == 400
    assert response.json()["error"] == "the prompt has 9000 tokens, the context window 4096"


async def test_an_error_after_some_lines_is_the_last_line(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)
    server.starter.of("tiny").error = RunnerDied("tiny", -9)

    lines = await server.lines("/api/chat", model="tiny", messages=HI)

    assert [line["message"]["content"] for line in lines[:-1]] == ["Hello", " there"]
    assert "model runner has unexpectedly stopped (signal 9)" in lines[-1]["error"]
    assert lines[-1]["code"] == "runner_died"


async def test_a_model_that_cannot_be_loaded_is_told_with_the_reason(server: Server) -> None:
    server.starter.errors = [ModelLoadFailed("tiny", "unknown architecture 'x'")]

    response = await server.post("/api/chat", model="tiny", messages=HI)

    assert response.status_code == 500
    assert response.json() == {
        "error": "unable to load model 'tiny': unknown architecture 'x'",
        "code": "model_load_failed",
    }


async def test_a_full_queue_is_503_in_ollama_s_words(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)
    server.starter.of("tiny").gate.clear()
    first, second = (asyncio.create_task(server.post("/api/chat", model="tiny", messages=HI)) for _ in range(2))
    await until(lambda: server.state.scheduler.n_waiting() == 1)

    third = await server.post("/api/chat", model="tiny", messages=HI)

    assert third.status_code == 503
    assert third.json()["error"] == "server busy, please try again.  maximum pending requests exceeded"
    server.starter.of("tiny").gate.set()
    assert [(await task).status_code for task in (first, second)] == [200, 200]


async def load_for_a_while(server: Server) -> None:
    """Wait until a load has gone on for longer than it takes to be told of it."""
    await until(lambda: server.starter.n_starts == 1)
    await asyncio.sleep(0.6)


async def test_progress_is_told_to_those_who_ask_for_it(server: Server) -> None:
    server.starter.gate.clear()
    asking = asyncio.create_task(server.lines("/api/chat", model="tiny", messages=HI, headers=PROGRESS))
    await load_for_a_while(server)
    server.starter.gate.set()

    lines = await asking

    assert lines[0]["hearth"]["state"] == "loading"
    assert lines[0]["hearth"]["waited_s"] >= 0.5
    assert lines[0]["message"]["content"] == ""
    assert [line["message"]["content"] for line in lines if "hearth" not in line] == ["Hello", " there"]
    assert lines[-1]["hearth"]["load_s"] >= 0.5
    assert lines[-1]["hearth"]["queue_s"] < 0.5


async def test_progress_is_not_told_to_others(server: Server) -> None:
    server.starter.gate.clear()
    asking = asyncio.create_task(server.lines("/api/chat", model="tiny", messages=HI))
    await load_for_a_while(server)
    server.starter.gate.set()

    assert not any("hearth" in line for line in await asking)


async def test_a_failed_load_after_progress_is_an_error_line(server: Server) -> None:
    server.starter.gate.clear()
    server.starter.errors = [ModelLoadFailed("tiny", "broken")]
    asking = asyncio.create_task(server.lines("/api/chat", model="tiny", messages=HI, headers=PROGRESS))
    await load_for_a_while(server)
    server.starter.gate.set()

    assert (await asking)[-1]["code"] == "model_load_failed"


@pytest.mark.parametrize("n_pieces", [0, 1])
async def test_a_client_that_leaves_ends_the_decode_and_gives_its_slot_back(server: Server, n_pieces: int) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)
    runner = server.starter.of("tiny")
    if n_pieces == 0:
        runner.gate.clear()
    else:
        runner.deltas = ["more "] * 100_000
    client = ApplicationCommunicator(make_application(), chat_scope())
    await client.send_input({"type": "http.request", "body": orjson.dumps({"model": "tiny", "messages": HI})})
    await until(lambda: runner.n_active == 1)
    for _ in range(n_pieces):
        await client.receive_output()

    await client.send_input({"type": "http.disconnect"})
    await client.wait(timeout=5)

    assert (runner.n_active, runner.n_cancelled) == (0, 1)
    assert server.state.scheduler.seats()[0].n_active == 0


def chat_scope() -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": "/api/chat",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
    }


async def test_a_prompt_may_bring_its_own_template(server: Server) -> None:
    await server.lines("/api/generate", model="tiny", prompt="Hi", template="{{ .Prompt }}:")

    assert server.starter.of("tiny").requests[0].template == "{{ .Prompt }}:"
    refused = await server.post("/api/generate", model="tiny", prompt="Hi", raw=True, template="x")
    assert refused.json()["error"] == "raw mode does not support template, system, or context"


async def test_a_stored_model_without_jinja_is_run_with_its_go_template(server: Server, gguf_folder: Path) -> None:
    plain = build_tiny(gguf_folder / "without-template.gguf", chat_template=None)
    store = make_store(server.models / "store")
    put_model(store, "old", model=plain.read_bytes(), template=b"{{ .Prompt }} {{ .Response }}")

    await server.lines("/api/chat", model="old", messages=HI)

    assert server.starter.of("old").spec.template == "{{ .Prompt }} {{ .Response }}"


async def test_a_stored_model_whose_template_fills_gaps_says_so(server: Server, gguf_folder: Path) -> None:
    plain = build_tiny(gguf_folder / "gaps-by-template.gguf", chat_template=None)
    put_model(make_store(server.models / "store"), "coder", model=plain.read_bytes(), template=b"{{ .Suffix }}")

    shown = (await server.post("/api/show", model="coder")).json()

    assert shown["capabilities"] == ["completion", "insert"]
