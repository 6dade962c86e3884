"""Tools from Ollama's own client, through a real server and a real runner, to a model that calls one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ollama
import pytest

from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer

pytestmark = pytest.mark.model

TEMPLATE = (
    "{%- if tools %}{{ '<|im_start|>system\n' + (tools | tojson) + '<tool_call></tool_call><|im_end|>\n' }}{%- endif %}"
    + gguf_files.CHATML
    + "{#- <think></think> #}"
)
ANSWER = '<think>\nThe sum.\n</think>\n\nI add.\n<tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}</tool_call>'
GO = """{{- if .Tools }}{{ .Tools }}<tool_call>{{ end }}{{ range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""


def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: The first.
        b: The second.
    """
    return a + b


@pytest.fixture(scope="module")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """A server with a model that thinks and calls `add`, and one without any template."""
    data = tmp_path_factory.mktemp("tools")
    models = data / "models"
    gguf_files.build_scripted(models / "caller.gguf", ANSWER, chat_template=TEMPLATE)
    gguf_files.build_scripted(models / "bare.gguf", ANSWER, chat_template=None)
    gguf_files.build_scripted(models / "plain.gguf", "Hello, I know no tools.")
    with ModelServer(data) as server:
        yield server


@pytest.fixture
def client(model_server: ModelServer) -> Iterator[ollama.Client]:
    with ollama.Client(host=model_server.url, trust_env=False) as client:
        yield client


QUESTION = {"role": "user", "content": "1 + 2?"}


def test_a_call_and_its_result_go_back_and_forth(client: ollama.Client) -> None:
    messages: list[Any] = [QUESTION]

    answer = client.chat("caller", messages, tools=[add], think=True)
    calls = answer.message.tool_calls or []
    messages += [answer.message, {"role": "tool", "content": "3", "tool_name": "add"}]
    again = client.chat("caller", messages, tools=[add])

    assert (answer.message.thinking, answer.message.content) == ("The sum.", "I add.")
    assert [(call.function.name, call.function.arguments) for call in calls] == [("add", {"a": 1, "b": 2})]
    assert answer.done_reason == "stop"
    assert (again.prompt_eval_count or 0) > (answer.prompt_eval_count or 0)


def test_a_streamed_call_is_one_line_and_none_of_it_is_text(client: ollama.Client) -> None:
    lines = list(client.chat("caller", [QUESTION], tools=[add], stream=True))

    assert "".join(line.message.content or "" for line in lines) == "I add."
    assert sum(bool(line.message.tool_calls) for line in lines) == 1


def test_abilities_are_told_and_their_lack_is_refused(client: ollama.Client) -> None:
    assert set(client.show("caller").capabilities or []) >= {"completion", "tools", "thinking"}
    assert not set(client.show("plain").capabilities or []) & {"tools", "thinking"}
    with pytest.raises(ollama.ResponseError, match='"plain" does not support tools') as tools:
        client.chat("plain", [QUESTION], tools=[add])
    with pytest.raises(ollama.ResponseError, match='"plain" does not support thinking') as thinking:
        client.chat("plain", [QUESTION], think=True)
    assert (tools.value.status_code, thinking.value.status_code) == (400, 400)


def test_a_model_created_with_a_go_template_takes_tools_by_it(client: ollama.Client) -> None:
    client.create("with-template", from_="bare", template=GO)

    answer = client.chat("with-template", [QUESTION], tools=[add])

    assert "tools" in (client.show("with-template").capabilities or [])
    assert [call.function.name for call in answer.message.tool_calls or []] == ["add"]


def test_a_template_without_end_is_one_person_s_error(client: ollama.Client) -> None:
    endless = "{{ range 99999999 }}{{ range 99999999 }}{{ end }}{{ end }}"

    with pytest.raises(ollama.ResponseError, match="chat template cannot be used") as refused:
        client.generate("plain", "Hi", template=endless)

    assert refused.value.status_code == 400
    assert client.generate("plain", "Hi").response == "Hello, I know no tools."
    assert client.generate("plain", "Hi", template="{{ .Prompt }}").prompt_eval_count == 2
