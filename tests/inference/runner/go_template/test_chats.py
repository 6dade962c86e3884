"""Chats in Go templates, written for these tests in the style that the families have in Ollama's library."""

from __future__ import annotations

from typing import Any

import pytest

from inference.runner.go_template.chat import GoMessage, GoValues, collated, render_chat
from inference.runner.go_template.errors import GoTemplateError

CHATML = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
CHATML_LEGACY = """{{ if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{ if .Prompt }}<|im_start|>user
{{ .Prompt }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ .Response }}<|im_end|>
"""
LLAMA3 = """{{ if .System }}<|start_header_id|>system<|end_header_id|>

{{ .System }}<|eot_id|>{{ end }}{{ if .Prompt }}<|start_header_id|>user<|end_header_id|>

{{ .Prompt }}<|eot_id|>{{ end }}<|start_header_id|>assistant<|end_header_id|>

{{ .Response }}<|eot_id|>"""
LLAMA3_MESSAGES = """{{- if .System }}<|start_header_id|>system<|end_header_id|>

{{ .System }}<|eot_id|>
{{- end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if ne .Role "system" }}<|start_header_id|>{{ .Role }}<|end_header_id|>

{{ .Content }}
{{- if not (and $last (eq .Role "assistant")) }}<|eot_id|>{{ end }}
{{- if and $last (ne .Role "assistant") }}<|start_header_id|>assistant<|end_header_id|>

{{ end }}
{{- end }}
{{- end }}"""
LLAMA2 = """[INST] {{ if .System }}<<SYS>>
{{ .System }}
<</SYS>>

{{ end }}{{ .Prompt }} [/INST] {{ .Response }}</s>"""
MISTRAL = """{{- if .Messages }}
{{- range $index, $_ := .Messages }}
{{- if eq .Role "user" }}
{{- if and (le (len (slice $.Messages $index)) 2) $.Tools }}[AVAILABLE_TOOLS] {{ $.Tools }}[/AVAILABLE_TOOLS]
{{- end }}[INST] {{ if and $.System (eq (len (slice $.Messages $index)) 1) }}{{ $.System }}

{{ end }}{{ .Content }}[/INST]
{{- else if eq .Role "assistant" }}
{{- if .Content }} {{ .Content }}
{{- else if .ToolCalls }}[TOOL_CALLS] [
{{- range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{- end }}]
{{- end }}</s>
{{- else if eq .Role "tool" }}[TOOL_RESULTS] {"content": {{ .Content }}}[/TOOL_RESULTS]
{{- end }}
{{- end }}
{{- else }}[INST] {{ if .System }}{{ .System }}

{{ end }}{{ .Prompt }}[/INST]
{{- end }}{{ .Response }}
{{- if .Response }}</s>
{{- end }}"""
GEMMA = """<start_of_turn>user
{{ if .System }}{{ .System }} {{ end }}{{ .Prompt }}<end_of_turn>
<start_of_turn>model
{{ .Response }}<end_of_turn>
"""
GEMMA3 = """{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if or (eq .Role "user") (eq .Role "system") }}<start_of_turn>user
{{ .Content }}<end_of_turn>
{{ if $last }}<start_of_turn>model
{{ end }}
{{- else if eq .Role "assistant" }}<start_of_turn>model
{{ .Content }}{{ if not $last }}<end_of_turn>
{{ end }}
{{- end }}
{{- end }}"""
PHI3 = """{{ if .System }}<|system|>
{{ .System }}<|end|>
{{ end }}{{ if .Prompt }}<|user|>
{{ .Prompt }}<|end|>
{{ end }}<|assistant|>
{{ .Response }}<|end|>
"""
VICUNA = """{{ .System }}
USER: {{ .Prompt }}
ASSISTANT: {{ .Response }}</s>"""
ALPACA = """{{- if .System }}
{{ .System }}
{{- end }}
{{- range .Messages }}
{{- if eq .Role "user" }}
### Instruction:
{{ .Content }}

{{ else if eq .Role "assistant" }}
### Response:
{{ .Content }}</s>

{{ end }}
{{- end }}
### Response:
"""
ZEPHYR = """{{- range .Messages }}<|{{ .Role }}|>
{{ .Content }}</s>
{{ end }}<|assistant|>
"""
COMMAND_R = """{{ if .System }}<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{{ .System }}<|END_OF_TURN_TOKEN|>{{ end }}
{{- range .Messages }}
{{- if eq .Role "system" }}{{- continue }}{{ end }}<|START_OF_TURN_TOKEN|>
{{- if eq .Role "user" }}<|USER_TOKEN|>{{ .Content }}
{{- else if eq .Role "assistant" }}<|CHATBOT_TOKEN|>{{ .Content }}
{{- end }}<|END_OF_TURN_TOKEN|>
{{- end }}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"""
DEEPSEEK_R1 = """{{- if .System }}{{ .System }}{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1}}
{{- if eq .Role "user" }}<｜User｜>{{ .Content }}
{{- else if eq .Role "assistant" }}<｜Assistant｜>
{{- if and $.IsThinkSet (and $last .Thinking) -}}
<think>
{{ .Thinking }}
</think>
{{- end }}{{ .Content }}{{- if not $last }}<｜end▁of▁sentence｜>{{- end }}
{{- end }}
{{- if and $last (ne .Role "assistant") }}<｜Assistant｜>
{{- if and $.IsThinkSet (not $.Think) -}}
<think>

</think>

{{ end }}
{{- end -}}
{{- end }}"""
QWEN = """{{- if or .System .Tools }}<|im_start|>system
{{- if .System }}
{{ .System }}
{{- end }}
{{- if .Tools }}

# Tools
{{- range .Tools }}
{"type": "function", "function": {{ .Function }}}
{{- end }}
{{- end }}<|im_end|>
{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ if .Content }}{{ .Content }}
{{- else if .ToolCalls }}<tool_call>
{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{ end }}</tool_call>
{{- end }}{{ if not $last }}<|im_end|>
{{ end }}
{{- else if eq .Role "tool" }}<|im_start|>user
<tool_response>
{{ .Content }}
</tool_response><|im_end|>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<|im_start|>assistant
{{ end }}
{{- end }}"""
LEVELS = (
    "{{ .Think }} {{ .IsThinkSet }} {{ if .ThinkLevel }}{{ .ThinkLevel }}{{ else }}medium{{ end }}"
    "{{ range .Messages }}{{ end }}"
)
TYPESCRIPT = """{{- range .Tools }}{{ range .Messages }}{{ end }}type {{ .Function.Name }} = (_: {
{{- range $name, $p := .Function.Parameters.Properties }} {{ $name }}: {{ toTypeScriptType $p }},{{ end }} })
{{- end }}"""
PLAIN = "{{ .System }} {{ .Prompt }}\n"


def message(role: str, content: str = "", **fields: Any) -> GoMessage:
    blank = GoMessage(role=role, content=content, thinking="", n_images=0, tool_calls=[], tool_name="", tool_call_id="")
    return blank | fields  # type: ignore[return-value]


SYSTEM, HI = message("system", "Be brief."), message("user", "Hi!")
HELLO, AND_YOU = message("assistant", "Hello."), message("user", "And you?")
CHAT = (SYSTEM, HI, HELLO, AND_YOU)
OPEN = message("assistant", "Well,")
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"b": "<2>", "a": 1}}}
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds",
        "parameters": {
            "properties": {"b": {"description": "B", "type": "number"}, "a": {"type": ["string", "null"]}},
            "type": "object",
            "required": ["a"],
        },
    },
}
CALLED = (HI, message("assistant", tool_calls=[CALL]), message("tool", "3", tool_name="add"))


def rendered(source: str, *messages: GoMessage, tools: list[dict[str, Any]] | None = None, **values: Any) -> str:
    given: GoValues = {
        "messages": list(messages),
        "tools": tools or [],
        "think": False,
        "think_level": "",
        "is_think_set": False,
    }
    return render_chat(source, given | values, max_characters=10_000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            CHATML,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\nHello."
            "<|im_end|>\n<|im_start|>user\nAnd you?<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            CHATML_LEGACY,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\nHello."
            "<|im_end|>\n<|im_start|>user\nAnd you?<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            LLAMA3,
            "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nAnd you?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            LLAMA3_MESSAGES,
            "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nAnd you?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            LLAMA2,
            "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi! [/INST] Hello.</s>[INST] And you? [/INST] ",
        ),
        (MISTRAL, "[INST] Hi![/INST] Hello.</s>[INST] Be brief.\n\nAnd you?[/INST]"),
        (
            GEMMA,
            "<start_of_turn>user\nBe brief. Hi!<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
            "<start_of_turn>user\nAnd you?<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            GEMMA3,
            "<start_of_turn>user\nBe brief.<end_of_turn>\n<start_of_turn>user\nHi!<end_of_turn>\n"
            "<start_of_turn>model\nHello.<end_of_turn>\n<start_of_turn>user\nAnd you?<end_of_turn>\n"
            "<start_of_turn>model\n",
        ),
        (
            PHI3,
            "<|system|>\nBe brief.<|end|>\n<|user|>\nHi!<|end|>\n<|assistant|>\nHello.<|end|>\n"
            "<|user|>\nAnd you?<|end|>\n<|assistant|>\n",
        ),
        (VICUNA, "Be brief.\nUSER: Hi!\nASSISTANT: Hello.</s>\nUSER: And you?\nASSISTANT: "),
        (
            ALPACA,
            "\nBe brief.\n### Instruction:\nHi!\n\n\n### Response:\nHello.</s>\n\n\n### Instruction:\nAnd you?\n\n"
            "\n### Response:\n",
        ),
        (
            ZEPHYR,
            "<|system|>\nBe brief.</s>\n<|user|>\nHi!</s>\n<|assistant|>\nHello.</s>\n<|user|>\nAnd you?</s>\n"
            "<|assistant|>\n",
        ),
        (
            COMMAND_R,
            "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be brief.<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hi!<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Hello.<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>And you?<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
        ),
        (
            DEEPSEEK_R1,
            "Be brief.<｜User｜>Hi!<｜Assistant｜>Hello.<｜end▁of▁sentence｜><｜User｜>And you?<｜Assistant｜>",
        ),
        (
            QWEN,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n"
            "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nAnd you?<|im_end|>\n<|im_start|>assistant\n",
        ),
        # Neither the messages nor the answer are named: the answer comes last.
        (PLAIN, "Be brief. Hi!\nHello. And you?\n"),
    ],
    ids=[
        "chatml", "chatml-legacy", "llama3", "llama3-messages", "llama2", "mistral", "gemma", "gemma3", "phi3",
        "vicuna", "alpaca", "zephyr", "command-r", "deepseek-r1", "qwen", "plain",
    ],
)  # fmt: skip
def test_a_family_s_template_writes_its_prompt(source: str, expected: str) -> None:
    assert rendered(source, *CHAT) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (CHATML_LEGACY, "<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\nWell,"),
        (
            LLAMA3_MESSAGES,
            "<|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nWell,",
        ),
        (VICUNA, "\nUSER: Hi!\nASSISTANT: Well,"),
        (GEMMA3, "<start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\nWell,"),
        (QWEN, "<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\nWell,"),
    ],
)
def test_an_unfinished_answer_is_left_open(source: str, expected: str) -> None:
    assert rendered(source, HI, OPEN) == expected


def test_tools_calls_and_results_are_written_in_mistral_s_way() -> None:
    assert rendered(MISTRAL, *CALLED, AND_YOU, tools=[TOOL]) == (
        "[INST] Hi![/INST]"
        '[TOOL_CALLS] [{"name": "add", "arguments": {"b":"\\u003c2\\u003e","a":1}}]</s>'
        '[TOOL_RESULTS] {"content": 3}[/TOOL_RESULTS]'
        '[AVAILABLE_TOOLS] [{"type":"function","function":{"name":"add","description":"Adds","parameters":'
        '{"type":"object","required":["a"],"properties":{"b":{"type":"number","description":"B"},'
        '"a":{"type":["string","null"]}}}}}][/AVAILABLE_TOOLS]'
        "[INST] And you?[/INST]"
    )


def test_tools_calls_and_results_are_written_in_qwen_s_way() -> None:
    assert rendered(QWEN, *CALLED, tools=[TOOL]) == (
        '<|im_start|>system\n\n# Tools\n{"type": "function", "function": {"name":"add","description":"Adds",'
        '"parameters":'
        '{"type":"object","required":["a"],"properties":{"b":{"type":"number","description":"B"},'
        '"a":{"type":["string","null"]}}}}}<|im_end|>\n'
        "<|im_start|>user\nHi!<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "add", "arguments": {"b":"\\u003c2\\u003e","a":1}}\n</tool_call>'
        "<|im_end|>\n"
        "<|im_start|>user\n<tool_response>\n3\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_schema_becomes_typescript() -> None:
    source = TYPESCRIPT.replace("{{ range .Messages }}{{ end }}", "") + "{{ range .Messages }}{{ end }}"

    assert rendered(source, HI, tools=[TOOL]) == "type add = (_: { a: string | null, b: number, })"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "false false medium"),
        ({"think": True, "is_think_set": True}, "true true medium"),
        ({"think": True, "think_level": "high", "is_think_set": True}, "true true high"),
    ],
)
def test_the_wish_to_think_is_there(values: dict[str, Any], expected: str) -> None:
    assert rendered(LEVELS, HI, **values) == expected


def test_thinking_that_is_switched_off_is_closed_by_the_template() -> None:
    assert rendered(DEEPSEEK_R1, HI, is_think_set=True) == "<｜User｜>Hi!<｜Assistant｜><think>\n\n</think>\n\n"
    assert rendered(DEEPSEEK_R1, HI, is_think_set=True, think=True) == "<｜User｜>Hi!<｜Assistant｜>"


def test_messages_of_one_role_in_a_row_are_one_but_results_are_not() -> None:
    result = message("tool", "3")

    system, joined = collated([SYSTEM, HI, AND_YOU, message("system", "Now."), result, result])

    assert system == "Be brief.\n\nNow."
    assert [(m["role"], m["content"]) for m in joined] == [
        ("system", "Be brief."),
        ("user", "Hi!\n\nAnd you?"),
        ("system", "Now."),
        ("tool", "3"),
        ("tool", "3"),
    ]


def test_a_system_text_in_the_middle_begins_a_new_turn() -> None:
    assert rendered(VICUNA, HI, HELLO, message("system", "Now."), AND_YOU) == (
        "\nUSER: Hi!\nASSISTANT: Hello.</s>Now.\nUSER: And you?\nASSISTANT: "
    )


CODELLAMA = """{{- if .Suffix }}<PRE> {{ .Prompt }} <SUF>{{ .Suffix }} <MID>
{{- else }}[INST] {{ .Prompt }} [/INST]
{{- end }}"""
STARCODER = """<fim_prefix>{{ .Prompt }}<fim_suffix>{{ .Suffix }}<fim_middle>"""
QWEN_CODER = """{{- if .Suffix }}<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>
{{- else if .Messages }}
{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ else }}
{{- if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{ .Response }}{{ if .Response }}<|im_end|>{{ end }}
{{- end }}"""
DEEPSEEK_CODER = """{{- if .Suffix }}<｜fim▁begin｜>{{ .Prompt }}<｜fim▁hole｜>{{ .Suffix }}<｜fim▁end｜>
{{- else }}{{ .Prompt }}
{{- end }}"""
GAP_END = """{{ with .Suffix }}[SUFFIX]{{ . }}{{ end }}[PREFIX] {{ .Prompt }}"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (CODELLAMA, "<PRE> def f( <SUF>return 1 <MID>"),
        (STARCODER, "<fim_prefix>def f(<fim_suffix>return 1<fim_middle>"),
        (QWEN_CODER, "<|fim_prefix|>def f(<|fim_suffix|>return 1<|fim_middle|>"),
        (DEEPSEEK_CODER, "<｜fim▁begin｜>def f(<｜fim▁hole｜>return 1<｜fim▁end｜>"),
        (GAP_END, "[SUFFIX]return 1[PREFIX] def f("),
    ],
)
def test_a_gap_is_filled_between_prompt_and_suffix(source: str, expected: str) -> None:
    assert rendered(source, message("user", "def f("), suffix="return 1") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (CODELLAMA, "[INST] Hi! [/INST]"),
        (QWEN_CODER, "<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n"),
        (DEEPSEEK_CODER, "Hi!"),
        (GAP_END, "[PREFIX] Hi!"),
    ],
)
def test_a_template_for_gaps_chats_too(source: str, expected: str) -> None:
    assert rendered(source, message("user", "Hi!")) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ .Prompt }}{{ if .Response }}A{{ .Response }}B{{ end }}C", "Hi!"),
        ("{{ .Prompt }}{{ if .Prompt }}A{{ .Response }}B{{ else }}X{{ end }}C", "Hi!A"),
        ("{{ .Prompt }}{{ with .Response }}{{ . }}B{{ end }}C{{ $.Response }}D", "Hi!CD"),
        ("{{ .Prompt }}{{ range 1 }}A{{ $.Response }}B{{ end }}C", "Hi!ABC"),
        ("{{ .Prompt }}>{{ printf `%s` .Response }}<", "Hi!>"),
    ],
)
def test_the_last_turn_ends_with_its_answer(source: str, expected: str) -> None:
    assert rendered(source, HI) == expected


def test_what_a_message_lacks_is_an_error() -> None:
    with pytest.raises(GoTemplateError, match="can't evaluate field Colour in type api.Message"):
        rendered("{{ range .Messages }}{{ .Colour }}{{ end }}", HI)


def test_odd_schemas_are_borne() -> None:
    odd = {"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": 7, "properties": 3}}}
    odder = {
        "type": "function",
        "function": {
            "name": "f",
            "description": "",
            "parameters": {"properties": {"a": 3, "b": {"type": {}, "anyOf": 1}}},
        },
    }

    text = rendered("{{ range .Messages }}{{ end }}{{ .Tools }}", HI, tools=[odd, odder])

    assert text.startswith('[{"type":"function","function":{"name":"f","parameters":{"type":7')
