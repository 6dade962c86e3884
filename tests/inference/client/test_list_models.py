from __future__ import annotations

import asyncio
import time

import pytest

from inference import catalog, client
from inference.conf import ConnectionSpec
from inference.errors import (
    BadCredentials,
    ConnectionRefused,
    HostNotFound,
    KeyUnreadable,
    ModelNotFound,
    UpstreamTimeout,
    WrongService,
)
from tests.doubles.upstream import Behaviour, FakeModel, Upstream
from tests.inference.client.conftest import UseConnections


def dead_spec(prefix: str = "gone") -> ConnectionSpec:
    """A connection to a port where nobody listens any more."""
    with Upstream() as gone:
        return ConnectionSpec(name="Gone", kind="ollama", url=gone.url, prefix=prefix)


async def test_it_lists_what_an_ollama_offers(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)

    tiny, large, embed = (await client.list_models()).models

    assert (tiny.id, tiny.connection, tiny.connection_kind) == ("tiny:latest", "Box", "ollama")
    assert (tiny.size_bytes, tiny.parameter_size, tiny.quantization) == (4_000_000_000, "7B", "Q4_K_M")
    assert tiny.modified_at is not None
    assert large.context_length == 131072
    assert [model.can_chat for model in (tiny, large, embed)] == [True, True, False]


async def test_it_lists_what_an_openai_offers(
    upstream: Upstream, openai_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(openai_spec)

    models = (await client.list_models()).models

    assert [model.id for model in models] == ["tiny:latest", "large:latest", "embed:latest"]
    assert [model.can_chat for model in models] == [True, True, False]


async def test_equal_names_are_told_apart_by_the_prefix_of_the_later_connection(
    upstream: Upstream, ollama_spec: ConnectionSpec, openai_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec, openai_spec)

    models = (await client.list_models()).models

    assert [model.id for model in models][:4] == ["tiny:latest", "large:latest", "embed:latest", "cloud/tiny:latest"]
    assert (await client.find_model("cloud/tiny:latest")).connection == "Cloud"
    assert (await client.find_model("tiny:latest")).connection == "Box"


async def test_the_prefix_may_always_be_written(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)

    assert (await client.find_model("box/tiny")).id == "tiny:latest"


async def test_a_dead_connection_is_named_and_delays_nobody(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(dead_spec(), ollama_spec)

    found = await client.list_models()

    assert len(found.models) == 3
    assert [(problem.connection, type(problem.error)) for problem in found.problems] == [("Gone", ConnectionRefused)]


async def test_a_silent_connection_costs_its_own_time_out_only(
    ollama_spec: ConnectionSpec, use_connections: UseConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "LIST_TIMEOUT_S", 0.3)
    with Upstream(behaviour=Behaviour(fault="hang")) as silent, Upstream(behaviour=Behaviour(fault="hang")) as mute:
        use_connections(
            ConnectionSpec(name="Silent", kind="ollama", url=silent.url, prefix="silent"),
            ConnectionSpec(name="Mute", kind="openai", url=mute.openai_url, prefix="mute"),
            ollama_spec,
        )

        began = time.monotonic()
        found = await client.list_models()
        took_s = time.monotonic() - began

    assert len(found.models) == 3
    assert [type(problem.error) for problem in found.problems] == [UpstreamTimeout, UpstreamTimeout]
    assert took_s < 1.5


async def test_a_known_model_is_found_without_waiting_for_a_silent_connection(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    with Upstream(behaviour=Behaviour(fault="hang")) as silent:
        use_connections(ollama_spec, ConnectionSpec(name="Silent", kind="ollama", url=silent.url, prefix="silent"))

        async with asyncio.timeout(2):
            first = await client.find_model("tiny:latest")
            again = await client.find_model("tiny:latest")

    assert first == again


async def test_an_id_stays_with_its_connection_while_that_is_away(
    upstream: Upstream, openai_spec: ConnectionSpec, use_connections: UseConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "MODELS_TTL_S", 0)
    with Upstream() as first:
        use_connections(ConnectionSpec(name="First", kind="ollama", url=first.url, prefix="first"), openai_spec)
        await client.list_models()

    found = await client.list_models()

    assert [model.id for model in found.models] == [
        "cloud/tiny:latest",
        "cloud/large:latest",
        "cloud/embed:latest",
    ]
    assert [problem.connection for problem in found.problems] == ["First"]


async def test_answers_are_kept_for_a_moment(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)

    await asyncio.gather(*(client.list_models() for _ in range(20)))
    await client.list_models()

    assert upstream.paths().count("/api/tags") == 1


async def test_a_change_of_connections_is_seen_at_once(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections()
    assert (await client.list_models()).models == ()

    use_connections(ollama_spec)

    assert len((await client.list_models()).models) == 3


async def test_a_new_model_is_found_as_soon_as_it_is_asked_for(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)
    await client.list_models()
    upstream.models.append(FakeModel(name="new:latest"))

    assert (await client.find_model("new")).id == "new:latest"


async def test_what_a_model_can_do_is_asked_once(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)
    await client.list_models()
    catalog.forget()
    await client.list_models()

    assert upstream.paths().count("/api/tags") == 2
    assert upstream.paths().count("/api/show") == 3


async def test_what_a_model_without_a_digest_can_do_is_asked_each_time(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)
    upstream.models[:] = [FakeModel(name="tiny:latest", has_digest=False)]
    assert "tools" not in (await client.find_model("tiny")).capabilities

    upstream.models[0] = FakeModel(name="tiny:latest", has_digest=False, capabilities=("completion", "tools"))
    catalog.forget()

    assert "tools" in (await client.find_model("tiny")).capabilities


async def test_an_unknown_model_is_not_found(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)

    with pytest.raises(ModelNotFound):
        await client.find_model("nobody")


async def test_a_model_of_a_dead_connection_tells_why(use_connections: UseConnections) -> None:
    use_connections(dead_spec("gone"))

    with pytest.raises(ConnectionRefused):
        await client.find_model("gone/tiny")


async def test_a_key_that_cannot_be_decrypted_is_told(upstream: Upstream, use_connections: UseConnections) -> None:
    use_connections(
        ConnectionSpec(name="Cloud", kind="openai", url=upstream.openai_url, prefix="cloud", is_key_readable=False)
    )

    (problem,) = (await client.list_models()).problems

    assert isinstance(problem.error, KeyUnreadable)
    assert upstream.requests == []


class TestCheckConnection:
    async def test_it_counts_the_models(self, upstream: Upstream) -> None:
        assert len(await client.check_connection("ollama", upstream.url)) == 3
        assert len(await client.check_connection("openai", f"{upstream.openai_url}/")) == 3

    async def test_a_closed_port_refuses(self) -> None:
        with pytest.raises(ConnectionRefused):
            await client.check_connection("ollama", dead_spec().url)

    async def test_an_unknown_host_is_not_found(self) -> None:
        with pytest.raises(HostNotFound):
            await client.check_connection("ollama", "http://nowhere.invalid:11434")

    async def test_a_silent_server_times_out(self, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("inference.connections.ollama.LIST_TIMEOUT_S", 0.1)
        upstream.behaviour = Behaviour(fault="hang")

        with pytest.raises(UpstreamTimeout):
            await client.check_connection("ollama", upstream.url)

    @pytest.mark.parametrize("fault", ["html", "redirect"])
    async def test_another_service_is_told(self, fault: str, upstream: Upstream) -> None:
        upstream.behaviour = Behaviour(fault=fault, redirect_to="http://elsewhere.invalid/")  # type: ignore[arg-type]

        with pytest.raises(WrongService):
            await client.check_connection("ollama", upstream.url)

    async def test_a_path_without_the_api_is_the_wrong_service(self, upstream: Upstream) -> None:
        with pytest.raises(WrongService):
            await client.check_connection("openai", upstream.url)

    async def test_a_wrong_key_is_told(self, upstream: Upstream) -> None:
        upstream.api_key = "sk-right"

        with pytest.raises(BadCredentials):
            await client.check_connection("openai", upstream.openai_url, "sk-wrong")
        assert len(await client.check_connection("openai", upstream.openai_url, "sk-right")) == 3

    async def test_what_does_not_speak_http_is_the_wrong_service(self) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(WrongService):
                await client.check_connection("ollama", f"http://127.0.0.1:{port}")

    @pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/", "http://a..b/", "nonsense", "http://[::1", ""])
    async def test_an_unusable_address_is_told(self, url: str) -> None:
        with pytest.raises((WrongService, HostNotFound)):
            await client.check_connection("ollama", url)


# ---- for pages, which do not wait ------------------------------------------------------------------


async def test_a_page_waits_no_longer_for_a_silent_connection_than_its_patience(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "FIRST_PATIENCE_S", 0.2)
    with Upstream(behaviour=Behaviour(fault="hang")) as silent:
        use_connections(ollama_spec, ConnectionSpec(name="Silent", kind="ollama", url=silent.url, prefix="silent"))

        async with asyncio.timeout(2):
            found = await client.models_at_hand()

    assert [model.id for model in found.models] == ["tiny:latest", "large:latest", "embed:latest"]
    assert [(problem.connection, type(problem.error)) for problem in found.problems] == [("Silent", UpstreamTimeout)]


async def test_a_page_shows_what_a_slow_connection_offered_before(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "MODELS_TTL_S", 0)
    monkeypatch.setattr(catalog, "KNOWN_PATIENCE_S", 0.2)
    use_connections(ollama_spec)
    before = await client.models_at_hand()
    upstream.behaviour = Behaviour(fault="hang")

    async with asyncio.timeout(2):
        meanwhile = await client.models_at_hand()

    assert meanwhile == before
    assert not meanwhile.problems


async def test_what_a_slow_connection_says_in_the_end_is_there_for_the_next_page(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "FIRST_PATIENCE_S", 0)
    use_connections(ollama_spec)
    assert not (await client.models_at_hand()).models

    async with asyncio.timeout(5):
        while not (found := await client.models_at_hand()).models:
            await asyncio.sleep(0.01)

    assert len(found.models) == 3
    assert upstream.paths().count("/api/tags") == 1


async def test_a_page_asks_a_connection_that_failed_again(
    upstream: Upstream, ollama_spec: ConnectionSpec, use_connections: UseConnections
) -> None:
    use_connections(ollama_spec)
    upstream.behaviour = Behaviour(fault="status")
    assert (await client.models_at_hand()).problems
    upstream.behaviour = Behaviour()

    assert (await client.models_at_hand()).models
