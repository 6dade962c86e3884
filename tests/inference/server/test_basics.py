from __future__ import annotations

import pytest

from inference.server.bodies import LARGE_BODY
from tests.inference.server.conftest import Server


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_says_that_it_is_running(server: Server, method: str) -> None:
    response = await server.http.request(method, "/")

    assert response.status_code == 200
    assert response.text == ("Ollama is running" if method == "GET" else "")


async def test_it_tells_a_version_that_clients_can_compare(server: Server) -> None:
    version = (await server.http.get("/api/version")).json()["version"]

    assert all(part.isdecimal() for part in version.split("."))


@pytest.mark.parametrize(
    "path",
    [
        "/api/me", "/api/signout", "/api/web_search", "/api/status", "/api/user/keys/abc",
        "/api/experimental/web_fetch",
    ],
)  # fmt: skip
async def test_what_ollama_has_and_we_have_not_is_501(server: Server, path: str) -> None:
    response = await server.http.post(path)

    assert response.status_code == 501
    assert response.json()["error"] == f"{path} is not implemented by this server"


async def test_pushing_is_refused_with_a_sentence(server: Server) -> None:
    response = await server.post("/api/push", model="tiny")

    assert response.status_code == 501
    assert response.json() == {
        "error": "push is not implemented by this server: it sends no model anywhere",
        "code": "not_implemented",
    }


async def test_an_unknown_route_is_404_as_json(server: Server) -> None:
    response = await server.http.get("/etc/passwd")

    assert response.status_code == 404
    assert response.json() == {"error": "no such route", "code": "no_such_route"}


async def test_a_wrong_method_is_405(server: Server) -> None:
    response = await server.http.get("/api/chat")

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"


async def test_a_large_body_is_413_before_it_is_read(server: Server) -> None:
    response = await server.http.post("/api/chat", content=b"{}", headers={"Content-Length": str(LARGE_BODY + 1)})

    assert response.status_code == 413
    assert "request body too large" in response.json()["error"]


async def test_a_large_body_is_refused_where_small_ones_are_usual(server: Server) -> None:
    response = await server.http.post("/api/show", content=b'{"model": "' + b"x" * 2_000_000 + b'"}')

    assert response.status_code == 413


@pytest.mark.parametrize("host", ["evil.example", "evil.example:11434", "127.0.0.1.evil.example", "a@localhost"])
async def test_a_foreign_host_name_is_refused(server: Server, host: str) -> None:
    response = await server.http.get("/api/tags", headers={"Host": host})

    assert response.status_code == 403


async def test_a_foreign_page_may_not_call(server: Server) -> None:
    response = await server.http.post("/api/pull", json={"model": "x"}, headers={"Origin": "https://evil.example"})

    assert response.status_code == 403
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://app.example"])
async def test_a_page_of_this_machine_or_a_configured_one_may_call(server: Server, origin: str) -> None:
    asked = await server.http.options("/api/chat", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    listed = await server.http.get("/api/tags", headers={"Origin": origin})

    assert asked.status_code == 204
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert asked.headers["Access-Control-Allow-Origin"] == listed.headers["Access-Control-Allow-Origin"] == origin


async def test_a_programming_mistake_is_a_500_without_its_text(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(server.state.catalog, "find", broken)

    response = await server.post("/api/show", model="tiny")

    assert response.status_code == 500
    assert response.json() == {"error": "internal error", "code": "internal_error"}


async def test_the_log_names_the_route_but_never_the_prompt(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    await server.lines("/api/generate", model="tiny", prompt="my secret question")

    assert "POST /api/generate 200" in caplog.text
    assert "secret" not in caplog.text
