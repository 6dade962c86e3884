from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from asgiref.testing import ApplicationCommunicator
from prometheus_client.parser import text_string_to_metric_families

from inference.errors import InvalidRequest
from inference.server.asgi import make_application
from inference.server.metrics import MAX_MODELS, OTHERS, Metrics
from tests.doubles.model_server import ModelServer
from tests.inference.server.conftest import Server, until
from tests.inference.server.test_answers import chat_scope

HI = [{"role": "user", "content": "Hi"}]
Figures = dict[tuple[str, str], float]


def figures(text: str) -> Figures:
    """Return what was scraped, by name and by the values of its labels."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scraped(server: Server) -> Figures:
    response = await server.http.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain")
    return figures(response.text)


async def test_an_answer_is_measured(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)
    await server.post("/v1/chat/completions", model="tiny", messages=HI)

    found = await scraped(server)

    assert found["hearth_answers_total", "tiny:latest,stop"] == 2
    assert found["hearth_prompt_tokens_total", "tiny:latest"] == 14
    assert found["hearth_answer_tokens_total", "tiny:latest"] == 4
    assert found["hearth_prompt_seconds_sum", "tiny:latest"] == 0.5
    assert found["hearth_estimated_flops_total", "tiny:latest"] == 2 * 2 * 10**9 * 9
    for name in ("queue", "load", "first_token", "answer", "token", "slow_token"):
        assert found[f"hearth_{name}_seconds_count", "tiny:latest"] == 2


async def test_what_the_server_holds_is_told(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)
    server.starter.of("tiny").gate.clear()
    asking = [asyncio.create_task(server.post("/api/chat", model="tiny", messages=HI)) for _ in range(2)]
    await until(lambda: server.state.scheduler.n_waiting() == 1)

    found = await scraped(server)

    assert found["hearth_model_memory_bytes", "tiny:latest"] == server.starter.of("tiny").rss_bytes
    assert found["hearth_model_forecast_bytes", "tiny:latest"] > 0
    assert found["hearth_model_slots", "tiny:latest"] == found["hearth_model_busy_slots", "tiny:latest"] == 1
    assert found["hearth_waiting_requests", ""] == found["hearth_queue_limit", ""] == 1
    assert found["hearth_pulls", ""] == 0
    server.starter.of("tiny").gate.set()
    await asyncio.gather(*asking)


async def test_answers_that_fail_or_are_left_are_counted_apart(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)
    runner = server.starter.of("tiny")
    runner.error = InvalidRequest("no")
    await server.post("/api/chat", model="tiny", messages=HI)
    runner.error = None
    runner.gate.clear()
    client = ApplicationCommunicator(make_application(), chat_scope())
    await client.send_input({"type": "http.request", "body": orjson.dumps({"model": "tiny", "messages": HI})})
    await until(lambda: runner.n_active == 1)
    await client.send_input({"type": "http.disconnect"})
    await client.wait(timeout=5)

    found = await scraped(server)

    assert found["hearth_answers_total", "tiny:latest,invalid_request"] == 1
    assert found["hearth_answers_total", "tiny:latest,left"] == 1


async def test_a_name_that_nobody_has_gets_no_figures(server: Server) -> None:
    await server.post("/api/chat", model="nobody", messages=HI)

    assert not [labels for _name, labels in await scraped(server) if "nobody" in labels]


async def test_the_number_of_models_with_figures_is_bounded(server: Server) -> None:
    metrics = Metrics(server.state.scheduler, max_queue=1)
    for number in range(MAX_MODELS + 5):
        metrics.count(f"model-{number}", "stop")

    found = figures(metrics.text().decode())

    assert found["hearth_answers_total", f"{OTHERS},stop"] == 5
    assert sum(name == "hearth_answers_total" for name, _ in found) == MAX_MODELS + 1


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 405)])
async def test_metrics_are_only_read(server: Server, method: str, status: int) -> None:
    assert (await server.http.request(method, "/metrics")).status_code == status


@pytest.mark.model
def test_a_real_answer_tells_its_measures(model_server: ModelServer) -> None:
    body: dict[str, Any] = {"model": "slow", "messages": HI, "options": {"num_predict": 20}}
    with httpx.stream(
        "POST", f"{model_server.url}/api/chat", json=body, headers={"Hearth-Progress": "1"}, timeout=60, trust_env=False
    ) as response:
        lines = [line for line in response.iter_lines() if '"done":true' in line]
    found = figures(model_server.http.get("/metrics").text)

    measures = httpx.Response(200, content=lines[-1]).json()["hearth"]
    assert 0 < measures["token_s_p50"] <= measures["token_s_p95"]
    assert measures["first_token_s"] > 0
    assert measures["estimated_flops"] > 0
    assert found["hearth_answers_total", "slow:latest,length"] >= 1
    assert found["hearth_model_memory_bytes", "slow:latest"] > 10**6
    assert found["hearth_model_slots", "slow:latest"] == 2
