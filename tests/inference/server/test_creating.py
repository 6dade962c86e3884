from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.library.modelfile import Instruction, parse
from inference.server.steps import stepped
from tests.doubles.registry import Registry
from tests.inference.library.stores import digest_of
from tests.inference.server.conftest import Server
from webui.presets.modelfiles import Said, modelfile_of, read_modelfile

HI = [{"role": "user", "content": "Hi"}]
MARIO = """\
FROM tiny
PARAMETER temperature 1
PARAMETER mirostat 2
SYSTEM \"\"\"
You are Mario from super mario bros, acting as an assistant.
\"\"\"
MESSAGE user Who are you?
MESSAGE assistant It's me!
"""


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


def statuses(lines: list[dict[str, Any]]) -> list[str]:
    return [line["status"] for line in lines]


async def test_the_baked_texts_reach_the_runner(server: Server) -> None:
    lines = await server.lines(
        "/api/create",
        model="mario",
        **{"from": "tiny"},
        system="You are Mario.",
        parameters={"temperature": 1, "stop": "end"},
        messages=[{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "It's me!"}],
    )
    await server.lines("/api/chat", model="mario", messages=HI)

    (request,) = server.starter.of("mario").requests
    assert statuses(lines)[-1] == "success"
    assert [(message.role, message.content) for message in request.messages or ()] == [
        ("system", "You are Mario."),
        ("user", "Who are you?"),
        ("assistant", "It's me!"),
        ("user", "Hi"),
    ]
    assert (request.options["temperature"], request.options["stop"]) == (1.0, ["end"])


async def test_a_model_is_made_of_the_modelfile_of_a_preset(server: Server) -> None:
    said = Said(
        base_model="tiny",
        system_prompt='You are "Mario".\nBe brief.',
        options={"temperature": 0.5, "num_ctx": 512, "stop": ["User: ", "\n\n"]},
        rest=[
            Instruction("MESSAGE", "Who are you?", "user"),
            Instruction("MESSAGE", "It's me!", "assistant"),
            Instruction("LICENSE", "MIT"),
            Instruction("REQUIRES", "0.14.0"),
        ],
    )

    lines = await server.lines("/api/create", model="mario", modelfile=modelfile_of(said))
    await server.lines("/api/chat", model="mario", messages=HI)

    (request,) = server.starter.of("mario").requests
    assert statuses(lines)[-1] == "success"
    assert [message.content for message in request.messages or ()] == [
        'You are "Mario".\nBe brief.', "Who are you?", "It's me!", "Hi",
    ]  # fmt: skip
    assert (request.options["temperature"], request.options["stop"]) == (0.5, ["User: ", "\n\n"])
    shown = (await server.post("/api/show", model="mario")).json()
    own_file = parse(shown["modelfile"]).values("FROM")[0]
    made = read_modelfile(shown["modelfile"], [own_file])
    assert (made.options, made.system_prompt) == (said.options, said.system_prompt)


async def test_a_request_s_own_system_message_and_options_come_first(server: Server) -> None:
    await server.lines(
        "/api/create", model="mario", **{"from": "tiny"}, system="You are Mario.", parameters={"temperature": 1}
    )

    messages = [{"role": "system", "content": "You are Luigi."}, *HI]
    await server.lines("/api/chat", model="mario", messages=messages, options={"temperature": 0})

    (request,) = server.starter.of("mario").requests
    assert [message.content for message in request.messages or ()] == ["You are Luigi.", "Hi"]
    assert request.options["temperature"] == 0


async def test_generating_puts_the_baked_messages_between_the_system_text_and_the_prompt(server: Server) -> None:
    said = [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "It's me!"}]
    await server.lines("/api/create", model="mario", **{"from": "tiny"}, system="You are Mario.", messages=said)

    await server.lines("/api/generate", model="mario", prompt="Hi")
    await server.lines("/api/generate", model="mario", prompt="Hi", system="You are Luigi.")

    first, second = server.starter.of("mario").requests
    texts = ["Who are you?", "It's me!", "Hi"]
    assert [message.content for message in first.messages or ()] == ["You are Mario.", *texts]
    assert [message.content for message in second.messages or ()] == ["You are Luigi.", *texts]


async def test_the_older_form_carries_a_modelfile(server: Server) -> None:
    lines = await server.lines("/api/create", name="mario", modelfile=MARIO)

    shown = (await server.post("/api/show", model="mario")).json()
    assert "warning: PARAMETER mirostat is not known here and is left out" in statuses(lines)
    assert shown["system"] == "\nYou are Mario from super mario bros, acting as an assistant.\n"
    assert shown["parameters"].split() == ["temperature", "1.0"]
    assert [message["content"] for message in shown["messages"]] == ["Who are you?", "It's me!"]
    assert shown["details"]["parent_model"] == "tiny:latest"


async def test_the_older_form_names_files_by_their_digest(server: Server, scripted_gguf: Path) -> None:
    digest, _ = server.state.catalog.store.put_blob(scripted_gguf.read_bytes())

    response = await server.post("/api/create", model="new", modelfile=f"FROM @{digest}", stream=False)

    assert response.json() == {"status": "success"}
    assert server.state.catalog.find("new").digest


async def test_a_model_that_is_not_here_is_pulled_first(
    server: Server, registry: Registry, scripted_gguf: Path
) -> None:
    registry.put("library/base/latest", model=scripted_gguf.read_bytes())

    lines = await server.lines("/api/create", model="new", **{"from": f"{registry.host}/library/base"}, system="Hello.")

    assert statuses(lines)[0] == "pulling manifest"
    assert statuses(lines).count("success") == 1
    assert server.state.catalog.find("new").baked.system == "Hello."


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "neither 'from' or 'files' was specified"),
        ({"from": "../../etc/passwd"}, 400, "invalid model name"),
        ({"from": "tiny", "model": "no such/../name"}, 400, "invalid model name"),
        ({"from": "tiny", "model": "tiny"}, 409, "is taken by"),
        ({"from": "tiny", "quantize": "q4_K_M"}, 501, "llama-quantize"),
        ({"from": "tiny", "parameters": {"temperature": "hot"}}, 400, 'option "temperature"'),
        ({"from": "tiny", "parameters": {"temperature": 1e9}}, 400, "between"),
        ({"from": "tiny", "parameters": {"use_mmap": 1}}, 400, "must be of type boolean"),
        ({"from": "tiny", "parameters": [1]}, 400, "parameters must be an object"),
        ({"from": "tiny", "messages": [{"role": "tool", "content": "x"}]}, 400, "message role must be one of"),
        ({"from": "tiny", "messages": [{"role": "user", "content": 7}]}, 400, "must be a string"),
        ({"from": "tiny", "template": "{{ if .System }}open"}, 400, "template error:"),
        ({"from": "tiny", "template": "x" * 300_000}, 400, "template error: it is longer"),
        ({"from": "tiny", "license": 7}, 400, "license must be"),
        ({"from": "tiny", "system": 7}, 400, "system must be a string"),
        ({"files": {"a.gguf": "sha256:../../../etc/passwd"}}, 400, "invalid digest format"),
        ({"files": {"a.gguf": "sha256:" + "0" * 64}}, 404, "not found"),
        ({"from": "tiny", "adapters": {"a": 7}}, 400, "invalid digest format"),
        ({"path": "/etc/passwd"}, 400, "not read from this machine"),
        ({"modelfile": "SYSTEM hello"}, 400, "no FROM line"),
        ({"modelfile": "FROM tiny\nPARAMETER temperature hot"}, 400, "(line 2)"),
        ({"modelfile": "FROM /etc/passwd"}, 400, "is a path"),
        ({"modelfile": "FROM ~/model.gguf"}, 400, "is a path"),
        ({"modelfile": "FROM ./model.gguf"}, 400, "is a path"),
        ({"modelfile": "FROM tiny\nADAPTER adapter.bin"}, 400, "is a path"),
        ({"modelfile": "FROM tiny\nFROM other"}, 400, "one model only"),
        ({"modelfile": "FROM tiny\nDRAFT other"}, 400, "draft"),
        ({"modelfile": "FROM @sha256:../x"}, 400, "invalid digest format"),
    ],
)
async def test_what_makes_no_model_is_told(server: Server, body: dict[str, Any], status: int, words: str) -> None:
    response = await server.post("/api/create", **{"model": "new", **body})

    assert response.status_code == status
    assert words in response.json()["error"]
    assert "new:latest" not in [model.name.short for model in server.state.catalog.snapshot(fresh=True).models]


async def test_an_unknown_parameter_warns(server: Server) -> None:
    lines = await server.lines("/api/create", model="new", **{"from": "tiny"}, parameters={"tfs_z": 1, "seed": 7})

    assert "warning: parameter tfs_z has no effect here and is left out" in statuses(lines)
    assert server.state.catalog.find("new").baked.options == {"seed": 7}


async def test_a_copy_can_be_asked(server: Server) -> None:
    response = await server.post("/api/copy", source="tiny", destination="second")

    assert (response.status_code, response.content) == (200, b"")
    assert (await server.post("/api/show", model="second")).status_code == 200


@pytest.mark.parametrize(
    ("source", "destination", "status", "error"),
    [
        ("nobody", "new", 404, "model 'nobody' not found"),
        ("../x", "new", 400, 'source "../x" is invalid'),
        ("tiny", "-x", 400, 'destination "-x" is invalid'),
        ("", "new", 400, "source is required"),
    ],
)
async def test_what_cannot_be_copied_is_told(
    server: Server, source: str, destination: str, status: int, error: str
) -> None:
    response = await server.post("/api/copy", source=source, destination=destination)

    assert (response.status_code, response.json()["error"]) == (status, error)


async def test_deleting_keeps_what_a_copy_shares(server: Server) -> None:
    await server.post("/api/copy", source="tiny", destination="one")
    await server.post("/api/copy", source="one", destination="two")

    response = await server.http.request("DELETE", "/api/delete", json={"model": "one"})

    assert response.status_code == 200
    assert await server.lines("/api/chat", model="two", messages=HI)


async def test_a_blob_is_asked_for_by_its_digest(server: Server) -> None:
    digest, _ = server.state.catalog.store.put_blob(b"here")

    answers = [
        (await server.http.head(f"/api/blobs/{asked}")).status_code
        for asked in (digest, digest_of(b"missing"), "sha256:..%2f..%2fetc", "sha256:" + "G" * 64)
    ]

    assert answers == [200, 404, 400, 400]


async def test_a_generator_that_is_given_up_is_closed_after_its_step() -> None:
    events = []

    def lines() -> Iterator[dict[str, str]]:
        try:
            yield {"status": "one"}
            yield {"status": "two"}
        finally:
            events.append("closed")

    steps = stepped(lines())
    assert await anext(steps) == {"status": "one"}
    await steps.aclose()

    assert events == ["closed"]


async def test_a_page_of_a_stranger_cannot_make_models(server: Server) -> None:
    response: httpx.Response = await server.http.post(
        "/api/create", json={"model": "new", "from": "tiny"}, headers={"Origin": "https://evil.example"}
    )

    assert response.status_code == 403


async def test_what_the_base_brings_can_be_left_out(server: Server) -> None:
    texts = {"system": "You are Mario.", "parameters": {"seed": 1, "temperature": 1}}
    await server.lines("/api/create", model="mario", **{"from": "tiny"}, **texts)

    await server.lines("/api/create", model="mario", **{"from": "mario"}, hearth={"remove": ["system", "seed"]})

    shown = (await server.post("/api/show", model="mario")).json()
    assert (shown["system"], shown["parameters"].split()) == ("", ["temperature", "1.0"])


@pytest.mark.parametrize("remove", ["system", [1], ["x"] * 101])
async def test_what_is_left_out_must_be_names(server: Server, remove: object) -> None:
    response = await server.post("/api/create", model="new", **{"from": "tiny"}, hearth={"remove": remove})

    assert response.status_code == 400
    assert "remove must be an array" in response.json()["error"]
