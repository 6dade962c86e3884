"""Words of a terminal chat: which texts are some, and what is wrong with others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.chats.errors import WordRefused
from webui.chats.repl import (
    NAMES,
    WORDS,
    ClearContext,
    Command,
    Help,
    Leave,
    ListModels,
    Load,
    Save,
    SetOption,
    SetSystem,
    Show,
    parse,
)
from webui.chats.wording import refusal_text
from webui.presets.options import BY_NAME, fits


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/clear", ClearContext()), ("/clear \n", ClearContext()), ("/CLEAR", ClearContext()), ("/bye", Leave()),
        ("/exit", Leave()), ("/?", Help("")), ("/help", Help("")), ("/? set", Help("set")), ("/? /show", Help("show")),
        ("/set parameter num_ctx 4096", SetOption("num_ctx", 4096)),
        ("/set  parameter   temperature 0.5", SetOption("temperature", 0.5)),
        ("/set parameter temperature 0", SetOption("temperature", 0.0)),
        ("/set parameter keep_alive -1", SetOption("keep_alive", -1)),
        ("/set parameter num_ctx default", SetOption("num_ctx", None)),
        ("/set parameter num_ctx none", SetOption("num_ctx", None, is_unsent=True)),
        ('/set parameter stop "AI: " User:', SetOption("stop", ["AI: ", "User:"])),
        ("/set parameter stop it's", SetOption("stop", ["it's"])),
        ("/set parameter think high", SetOption("think", "high")),
        ('/set parameter format {"type": "object"}', SetOption("format", {"type": "object"})),
        ("/set system You are a pirate.\nAlways.", SetSystem("You are a pirate.\nAlways.")),
        ('/set system "You are a pirate."', SetSystem("You are a pirate.")), ("/set system", SetSystem("")),
        ("/set format json", SetOption("format", "json")), ("/set noformat", SetOption("format", None)),
        ('/set format {"type":\n"object"}', SetOption("format", {"type": "object"})),
        ("/set think", SetOption("think", True)), ("/set think low", SetOption("think", "low")),
        ("/set nothink", SetOption("think", False)), ("/show info", Show("info")),
        ("/show Parameters", Show("parameters")), ("/show system", Show("system")), ("/show license", Show("license")),
        ("/list", ListModels()), ("/load tiny:latest", Load("tiny:latest")),
        ("/load Harbour master ", Load("Harbour master")), ("/save My clerk", Save("My clerk")),
    ],
)  # fmt: skip
def test_a_word_is_understood(text: str, command: Command) -> None:
    assert parse(text) == command


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "/ clear", " /clear", "\n/clear", "clear", "//", "/etc/hosts what is it?", "/clear the table",
        "/bye now", "/clearly wrong", "/setting", "/showme", "/help me with my homework", "/? why", "/home/me/clear",
        "/usr", "/* a comment */", "/clear/it", "What does /clear do?", "</clear>",
        "/list of ships", "/load it\nand go", "/saved",
    ],
)  # fmt: skip
def test_a_text_that_merely_begins_with_a_slash_is_a_message(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/set", "What can be set: parameter, system"), ("/set the table", "What can be set"),
        ("/set verbose", "“/set verbose” is for the chat in a terminal."), ("/show", "What can be shown: info"),
        ("/show me the money", "What can be shown"), ("/set parameter", "There is no option “”"),
        ("/set parameter num_cxt 1", "There is no option “num_cxt”"), ("/set parameter num_ctx", "needs a value"),
        ("/set parameter num_ctx many", "a whole number from 256 to 10000000, not “many”"),
        ("/set parameter num_ctx 4096.5", "a whole number"), ("/set parameter num_ctx 1", "a whole number"),
        ("/set parameter num_ctx 1 2", "not “1 2”"),
        ("/set parameter temperature hot", "a number from 0 to 2, not “hot”"),
        ("/set parameter temperature nan", "a number"), ("/set parameter temperature 3", "a number"),
        ("/set parameter seed 99999999999999999999", "a whole number"), ("/set parameter stop ''", "short texts"),
        ("/load", "“/load” needs a name"), ("/save", "“/save” needs a name"),
        ("/set think hard", "not “hard”"), ("/set format", "the word json"), ("/set format yaml", "the word json"),
        ("/set format " + "[" * 5000, "the word json"), ("/set system " + "x" * 20_001, "at most 20000 characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(WordRefused) as refused:
        parse(text)

    assert words in refusal_text(refused.value)


@given(rest=st.text(max_size=60), word=st.sampled_from(["/set ", "/set parameter ", "/show ", "/", "/set format "]))
def test_no_text_is_too_much(word: str, rest: str) -> None:
    try:
        command: Any = parse(word + rest)
    except WordRefused as refused:
        assert "%" not in refusal_text(refused) or "%" in rest
        return
    if isinstance(command, SetOption) and command.value is not None:
        assert fits(BY_NAME[command.name], command.value)


def test_every_word_that_is_offered_begins_as_one() -> None:
    assert {word.usage.split()[0].removeprefix("/") for word in WORDS} <= set(NAMES)
