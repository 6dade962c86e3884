"""What the page of models asks the server for."""

from __future__ import annotations

from tests.inference.server.conftest import Server

HI = [{"role": "user", "content": "Hi"}]


async def test_the_library_says_where_models_lie_and_whether_they_fit(server: Server) -> None:
    library = (await server.http.get("/hearth/library")).json()

    tiny = next(model for model in library["models"] if model["name"] == "tiny:latest")
    assert (tiny["source"], tiny["is_ours"], tiny["path"]) == ("folder", True, str(server.models / "tiny.gguf"))
    planned = tiny["fit"]["planned"]
    assert planned["weights_bytes"] == (server.models / "tiny.gguf").stat().st_size
    assert min(planned["context_length"], planned["n_slots"], planned["cache_bytes"], planned["work_bytes"]) > 0
    assert tiny["fit"]["free_bytes"] == library["memory"]["free_bytes"] <= library["memory"]["total_bytes"]
    assert library["disk"]["models_bytes"] == sum(path.stat().st_size for path in server.models.glob("*.gguf"))
    assert 0 < library["disk"]["free_bytes"] < library["disk"]["total_bytes"]


async def test_the_status_puts_the_forecast_beside_what_is_taken(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI, keep_alive=-1)

    (runner,) = (await server.http.get("/hearth/status")).json()["models"]

    assert runner["forecast_bytes"] == server.state.scheduler.seats()[0].needs_bytes
    assert runner["expires_at"].endswith("Z")
