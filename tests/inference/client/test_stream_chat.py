from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from inference import client
from inference.conf import ConnectionSpec
from inference.errors import (
    BadCredentials,
    ConnectionLost,
    ConnectionRefused,
    InvalidRequest,
    ModelLoadFailed,
    ModelNotFound,
    QueueFull,
    RunnerDied,
    UpstreamRefused,
    UpstreamTimeout,
    WrongService,
)
from inference.types import ChatEvent, ChatMessage, ChatRequest, Delta, Finished, Options
from tests.doubles.upstream import Behaviour, FakeModel, Upstream
from tests.inference.client.conftest import UseConnections


def ask(text: str = "hello", *, model: str = "tiny:latest", **options: object) -> ChatRequest:
    return ChatRequest(model=model, messages=[ChatMessage(role="user", content=text)], options=Options(**options))  # type: ignore[typeddict-item]


async def answer(request: ChatRequest) -> list[ChatEvent]:
    return [event async for event in client.stream_chat(request)]


def content(events: list[ChatEvent]) -> str:
    return "".join(event.content for event in events if isinstance(event, Delta))


async def answer_until_error(request: ChatRequest) -> tuple[str, Exception]:
    events: list[ChatEvent] = []
    with pytest.raises(Exception) as caught:  # noqa: PT011  (the tests look at what it is)
        async for event in client.stream_chat(request):
            events.append(event)
    return content(events), caught.value


async def test_it_streams_an_answer_to_its_end(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    events = await answer(ask("@fake tokens=4"))

    assert content(events) == "The model answers with "
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"
    assert events[-1].usage.prompt_tokens == 2
    assert events[-1].usage.answer_tokens == 4


async def test_ollama_tells_durations_in_seconds(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)

    last = (await answer(ask("@fake tokens=2 delay=20")))[-1]

    assert isinstance(last, Finished)
    assert last.usage.total_s is not None
    assert 0.02 <= last.usage.total_s < 5


@pytest.mark.parametrize("mode", ["think", "think-tags"])
async def test_thinking_comes_apart_from_the_answer(
    mode: str, upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    events = await answer(ask(f"@fake tokens=2 mode={mode}"))

    assert content(events) == "The model "
    assert "".join(event.thinking for event in events if isinstance(event, Delta)) == "Let me think."


async def test_text_that_waited_comes_as_one_delta(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    async with aclosing(client.stream_chat(ask("@fake tokens=30 rate=2000"))) as events:
        first = await anext(events)
        await upstream.wait_until_async(lambda double: double.n_finished == 1)
        rest = [event async for event in events]

    assert isinstance(first, Delta)
    assert len(rest) <= 4
    assert len((first.content + content(rest)).split()) == 30


async def test_closing_the_iterator_ends_the_upstreams_request(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    async with aclosing(client.stream_chat(ask("@fake tokens=10000 rate=100"))) as events:
        await anext(events)

    await upstream.wait_until_async(lambda double: double.n_aborted == 1, timeout_s=1)
    assert upstream.n_active == 0


async def test_cancelling_the_reader_ends_the_upstreams_request(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)
    reader = asyncio.create_task(answer(ask("@fake tokens=1 fault=stall at=1")))
    await upstream.wait_until_async(lambda double: double.n_active == 1)

    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader

    await upstream.wait_until_async(lambda double: double.n_aborted == 1, timeout_s=1)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop", ConnectionLost),
        ("truncate", ConnectionLost),
        ("error", UpstreamRefused),
        ("garbage", WrongService),
        ("huge-line", WrongService),
    ],
)
async def test_text_before_a_broken_end_is_kept(
    fault: str, error: type[Exception], upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    text, raised = await answer_until_error(ask(f"@fake tokens=9 rate=300 at=3 fault={fault}"))

    assert text == "The model answers "
    assert type(raised) is error


async def test_an_error_inside_the_stream_is_told(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    _, raised = await answer_until_error(ask("@fake fault=error"))

    assert isinstance(raised, UpstreamRefused)
    assert raised.detail == "the runner crashed"


async def test_control_events_of_an_upstream_are_ignored(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    events = await answer(ask("@fake fault=control at=2"))

    assert content(events) == "The model still here"
    assert {type(event) for event in events} == {Delta, Finished}


async def test_counts_below_zero_are_not_believed(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    last = (await answer(ask("@fake fault=negative")))[-1]

    assert isinstance(last, Finished)
    assert last.usage.prompt_tokens is None
    assert last.usage.answer_tokens is None
    assert last.usage.total_s is None


async def test_a_silent_upstream_times_out(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.connections.http.READ_TIMEOUT_S", 0.1)
    use_connections(spec)

    text, raised = await answer_until_error(ask("@fake tokens=9 rate=300 fault=stall at=1"))

    assert text == "The "
    assert isinstance(raised, UpstreamTimeout)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequest),
        (401, BadCredentials),
        (403, BadCredentials),
        (404, ModelNotFound),
        (413, InvalidRequest),
        (500, UpstreamRefused),
        (429, UpstreamRefused),
    ],
)
async def test_an_error_status_becomes_an_error_of_ours(
    status: int, error: type[Exception], upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    _, raised = await answer_until_error(ask(f"@fake fault=status status={status}"))

    assert type(raised) is error


async def test_a_busy_ollama_says_that_its_queue_is_full(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)

    _, raised = await answer_until_error(ask("@fake fault=status status=503"))

    assert isinstance(raised, QueueFull)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("model runner has unexpectedly stopped (signal 9)", RunnerDied),
        ("unable to load model 'tiny:latest': not enough memory", ModelLoadFailed),
        ("something else", UpstreamRefused),
    ],
)
async def test_an_ollama_tells_what_happened_to_its_runner(
    words: str,
    error: type[Exception],
    upstream: Upstream,
    ollama_spec: ConnectionSpec,
    use_connections: UseConnections,
) -> None:
    use_connections(ollama_spec)
    upstream.error_text = words

    _, raised = await answer_until_error(ask("@fake fault=error at=1"))

    assert type(raised) is error


async def test_a_redirect_is_not_followed(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)
    await client.find_model("tiny:latest")
    with Upstream() as other:
        upstream.behaviour = Behaviour(fault="redirect", redirect_to=f"{other.url}/api/chat")

        _, raised = await answer_until_error(ask())

        assert isinstance(raised, WrongService)
        assert other.requests == []


async def test_an_html_page_is_the_wrong_service(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    _, raised = await answer_until_error(ask("@fake fault=html"))

    assert isinstance(raised, WrongService)


async def test_an_unknown_model_is_not_found(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)

    _, raised = await answer_until_error(ask(model="nobody:7b"))

    assert isinstance(raised, ModelNotFound)
    assert raised.model == "nobody:7b"


async def test_a_model_that_vanished_upstream_is_not_found(
    upstream: Upstream, spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(spec)
    await client.find_model("tiny:latest")
    upstream.models.clear()

    _, raised = await answer_until_error(ask())

    assert isinstance(raised, ModelNotFound)


async def test_a_dead_built_in_server_is_told_as_such(
    builtin_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    with Upstream() as gone:
        pass
    use_connections(ConnectionSpec(name="Built-in", kind="builtin", url=gone.url, prefix="builtin"))

    _, raised = await answer_until_error(ask())

    assert isinstance(raised, ConnectionRefused)


async def test_the_key_goes_with_every_request(
    upstream: Upstream, openai_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    upstream.api_key = "sk-secret"
    use_connections(openai_spec)

    await answer(ask())

    assert {request.headers["authorization"] for request in upstream.requests} == {"Bearer sk-secret"}


async def test_a_remote_ollama_is_always_told_the_context_window(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    upstream.models = [FakeModel(name="tiny:latest", context_length=2048), FakeModel(name="large:latest")]
    use_connections(ollama_spec)

    await answer(ask(model="tiny:latest"))
    assert upstream.last("/api/chat").body["options"] == {"num_ctx": 2048}

    await answer(ask(model="large:latest"))
    assert upstream.last("/api/chat").body["options"] == {"num_ctx": 8192}

    await answer(ask(model="large:latest", num_ctx=4096, temperature=0.5))
    assert upstream.last("/api/chat").body["options"] == {"num_ctx": 4096, "temperature": 0.5}


async def test_the_built_in_server_tells_why_no_text_comes_yet(
    upstream: Upstream, builtin_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(builtin_spec)

    await answer(ask())

    request = upstream.last("/api/chat")
    assert request.headers["hearth-progress"] == "1"
    assert request.body["options"] == {}


async def test_the_built_in_server_is_told_who_asks_and_what_may_wait(
    upstream: Upstream, builtin_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(builtin_spec)

    await answer(replace(ask(), asked_by="user 7\n", priority="idle"))

    headers = upstream.last("/api/chat").headers
    assert (headers["hearth-user"], headers["hearth-priority"]) == ("user%207%0A", "idle")


async def test_nobody_else_is_told_who_asks(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)

    await answer(replace(ask(), asked_by="7", priority="idle"))

    assert not [name for name in upstream.last("/api/chat").headers if name.startswith("hearth-")]


async def test_only_options_that_openai_knows_are_sent_there(
    upstream: Upstream, openai_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(openai_spec)

    await answer(ask(num_ctx=4096, top_k=3, temperature=0.5, num_predict=7, stop=["x"], seed=1))

    body = upstream.last("/v1/chat/completions").body
    assert {key: body[key] for key in body if key not in ("messages", "model")} == {
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "max_tokens": 7,
        "stop": ["x"],
        "seed": 1,
    }


async def test_a_server_that_refuses_to_count_tokens_still_answers(
    upstream: Upstream, openai_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(openai_spec)
    upstream.refuses_stream_options = True

    events = await answer(ask("@fake tokens=2"))

    assert content(events) == "The model "
    assert isinstance(events[-1], Finished)


async def test_two_hundred_streams_run_at_once(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)
    streams = [client.stream_chat(ask("@fake tokens=2 fault=stall at=1")) for _ in range(200)]

    firsts = await asyncio.gather(*(anext(stream) for stream in streams))

    assert [first.content for first in firsts if isinstance(first, Delta)] == ["The "] * 200
    assert upstream.n_peak == 200
    await asyncio.gather(*(stream.aclose() for stream in streams))
