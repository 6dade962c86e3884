from __future__ import annotations

import pytest

from tests.inference.server.conftest import Server

HI = [{"role": "user", "content": "Hi"}]


async def ask(server: Server, headers: dict[str, str]) -> tuple[str, str]:
    await server.lines("/api/chat", model="tiny", messages=HI, headers=headers)
    request = server.starter.of("tiny").requests[-1]
    return request.asked_by, request.priority


async def test_the_site_names_who_asks_and_what_may_wait(server: Server) -> None:
    assert await ask(server, {"Hearth-User": "7", "Hearth-Priority": "idle"}) == ("user 7", "idle")


async def test_other_clients_are_told_apart_by_their_address(server: Server) -> None:
    assert await ask(server, {}) == ("address 127.0.0.1", "person")


async def test_other_clients_are_told_apart_by_their_key_which_is_not_told(server: Server) -> None:
    one, _ = await ask(server, {"Authorization": "Bearer secret-one"})
    same, _ = await ask(server, {"x-api-key": "secret-one"})
    other, _ = await ask(server, {"Authorization": "Bearer secret-two"})

    assert one == same != other
    assert one.startswith("key ")
    assert "secret" not in one + other


@pytest.mark.parametrize("priority", ["person", "urgent", ""])
async def test_only_idle_work_waits(server: Server, priority: str) -> None:
    assert (await ask(server, {"Hearth-Priority": priority}))[1] == "person"


async def test_a_name_without_end_is_cut(server: Server) -> None:
    key, _ = await ask(server, {"Hearth-User": "x" * 5000})

    assert len(key) < 150
