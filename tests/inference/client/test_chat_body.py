"""What would be sent is what is sent, to each kind of connection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference import client
from inference.conf import ConnectionSpec
from inference.errors import ConnectionRefused, ModelNotFound
from inference.types import ChatMessage, ChatRequest, Options
from tests.doubles.upstream import Upstream
from tests.inference.client.conftest import UseConnections

EVERYTHING = Options(
    temperature=0.2, top_p=0.9, top_k=20, min_p=0.05, seed=7, stop=["\n"], num_ctx=2048, num_predict=30,
    repeat_penalty=1.1, presence_penalty=-0.5, frequency_penalty=0.5,
)  # fmt: skip
ONLY_OLLAMAS = {"top_k", "min_p", "num_ctx", "num_predict", "repeat_penalty"}


def asked(**fields: object) -> ChatRequest:
    return ChatRequest(model="tiny:latest", messages=[ChatMessage(role="user", content="hi")], **fields)  # type: ignore[arg-type]


@pytest.fixture(params=["builtin", "ollama", "openai"])
def any_spec(request: pytest.FixtureRequest) -> ConnectionSpec:
    found: ConnectionSpec = request.getfixturevalue(f"{request.param}_spec")
    return found


@pytest.mark.parametrize("fields", [{}, {"options": EVERYTHING, "think": "low", "keep_alive_s": 60.0}])
async def test_the_body_is_what_a_stream_sends(
    upstream: Upstream, any_spec: ConnectionSpec, use_connections: UseConnections, fields: dict[str, object]
) -> None:
    use_connections(any_spec)
    request = asked(**fields)

    body = await client.chat_body(request)
    async for _event in client.stream_chat(request):
        pass

    path = "/v1/chat/completions" if any_spec.kind == "openai" else "/api/chat"
    assert body == upstream.last(path).body


async def test_ollama_is_sent_every_option(builtin_spec: ConnectionSpec, use_connections: UseConnections) -> None:
    use_connections(builtin_spec)

    body = await client.chat_body(asked(options=EVERYTHING, think=False, keep_alive_s=-1.0))

    assert body["options"] == EVERYTHING
    assert body["think"] is False


async def test_openais_form_is_sent_what_it_knows(openai_spec: ConnectionSpec, use_connections: UseConnections) -> None:
    use_connections(openai_spec)

    body = await client.chat_body(asked(options=EVERYTHING, think="high", keep_alive_s=60.0))

    assert {name: body[name] for name in EVERYTHING.keys() - ONLY_OLLAMAS} == {
        name: value for name, value in EVERYTHING.items() if name not in ONLY_OLLAMAS
    }
    assert (body["max_tokens"], body["reasoning_effort"]) == (30, "high")
    assert not (ONLY_OLLAMAS | {"keep_alive", "think"}) & body.keys()


async def test_without_its_model_there_is_no_body(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)
    with pytest.raises(ModelNotFound):
        await client.chat_body(replace(asked(), model="gone"))

    use_connections(replace(ollama_spec, kind="builtin", url="http://127.0.0.1:9"))
    with pytest.raises(ConnectionRefused):
        await client.chat_body(asked())
