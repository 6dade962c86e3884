from __future__ import annotations

import pytest

from inference.dialects.thinking import KNOWN_TAGS, Tags, thinking_tags
from inference.runner.answers import AnswerReader, AnswerShape, joined
from inference.runner.notations import ToolCallTag
from inference.types import Tool

Calls = list[tuple[str, dict[str, object]]]

ADD = Tool(name="add")
CALL = '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'
ADDED = ("add", {"a": 1})

TAGGED = AnswerShape(notations=(ToolCallTag(),), tools=(ADD,))
CHANNELS = AnswerShape(has_channels=True, tools=(ADD,))
FINAL = "<|channel|>final<|message|>"
ANALYSIS = "<|channel|>analysis<|message|>"
TO_ADD = "<|channel|>commentary to=functions.add <|constrain|>json<|message|>"
NEXT = "<|end|><|start|>assistant"

CASES: list[tuple[AnswerShape, str, str, str, Calls]] = [
    (TAGGED, f"<think>Hm.</think>\n\nLet me.\n{CALL}", "Hm.", "Let me.", [ADDED]),
    (TAGGED, f"<think>Use {CALL}?</think>\n{CALL}", f"Use {CALL}?", "", [ADDED]),
    (TAGGED, "<think>Hm.</think>\n\nNo.", "Hm.", "No.", []),
    (TAGGED, f"<think>cut {CALL}", f"cut {CALL}", "", []),
    (AnswerShape(tools=()), f"<think>Hm.</think>{CALL}", "Hm.", CALL, []),
    (AnswerShape(is_raw=True, notations=(ToolCallTag(),), tools=(ADD,)), f"<think>{CALL}", "", f"<think>{CALL}", []),
    (CHANNELS, f"{ANALYSIS}Hm.{NEXT}{FINAL}Hello.<|return|>", "Hm.", "Hello.", []),
    (CHANNELS, f"{ANALYSIS}Hm.{NEXT}{FINAL}Hello.", "Hm.", "Hello.", []),
    (CHANNELS, f"{ANALYSIS}Add.{NEXT}{TO_ADD}" + '{"a": 1}<|call|>', "Add.", "", [ADDED]),
    (CHANNELS, f"{ANALYSIS}Add.{NEXT}{TO_ADD}" + '{"a": 1}', "Add.", "", [ADDED]),
    (
        CHANNELS,
        ' to=functions.add<|channel|>commentary json<|message|>{"a": 1}<|call|>',
        "",
        "",
        [ADDED],
    ),
    (CHANNELS, f"<|channel|>commentary<|message|>First.{NEXT}{TO_ADD}" + '{"a": 1}<|call|>', "", "First.", [ADDED]),
    (CHANNELS, f"{TO_ADD}" + '{"a": <|call|>', "", '{"a": ', []),
    (CHANNELS, "No channel at all.", "", "No channel at all.", []),
    (CHANNELS, f"{FINAL}a < b <|pipe|> <|en", "", "a < b <|pipe|> <|en", []),
]


def read(reader: AnswerReader, pieces: list[str]) -> tuple[str, str, Calls]:
    part = joined([*(reader.feed(piece) for piece in pieces), reader.finish()])
    return part.thinking, part.content, [(call.name, dict(call.arguments)) for call in part.tool_calls]


@pytest.mark.parametrize(("shape", "text", "thinking", "content", "calls"), CASES)
def test_thinking_content_and_calls_are_told_apart_at_every_split(
    shape: AnswerShape, text: str, thinking: str, content: str, calls: Calls
) -> None:
    for position in range(len(text) + 1):
        assert read(shape.reader(), [text[:position], text[position:]]) == (thinking, content, calls)
    assert read(shape.reader(), list(text)) == (thinking, content, calls)


@pytest.mark.parametrize("tags", KNOWN_TAGS, ids=[tags.open for tags in KNOWN_TAGS])
def test_every_family_s_thinking_is_told_apart(tags: Tags) -> None:
    shape = AnswerShape(tags=thinking_tags(f"{{{{ x }}}} {tags.open}{tags.close}"))
    text = f"{tags.open}\nHm.\n{tags.close}\n\nHello."

    for position in range(len(text) + 1):
        assert read(shape.reader(), [text[:position], text[position:]]) == ("Hm.", "Hello.", [])


def test_a_prompt_that_opens_the_thinking_leaves_only_its_end_to_the_answer() -> None:
    shape = AnswerShape(tags=Tags("[THINK]", "[/THINK]"), starts_thinking=True)

    assert read(shape.reader(), list("Hm.[/THINK]Hello.")) == ("Hm.", "Hello.", [])
