from __future__ import annotations

from pathlib import Path

import pytest

from inference.terminal.chat import Chat
from inference.terminal.display import Display
from inference.terminal.help import help_on
from inference.terminal.server import CommandFailed
from inference.terminal.settings import CHANGES, change, show
from inference.types import ModelCard

CARD = ModelCard(
    architecture="qwen2", capabilities=("completion", "thinking"), parameters="top_k    20", system="Be kind.",
    template="{{ .Prompt }}", license="MIT", modelfile="FROM x",
)  # fmt: skip


@pytest.fixture
def chat() -> Chat:
    return Chat(model="tiny", card=CARD)


@pytest.fixture
def display() -> Display:
    return Display()


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("parameter num_ctx 4096", "num_ctx", 4096), ("parameter temperature 0.5", "temperature", 0.5),
        ("parameter temperature 1", "temperature", 1.0), ("parameter use_mmap FALSE", "use_mmap", False),
        ("parameter stop a 'b c'", "stop", ["a", "b c"]), ("parameter seed -1", "seed", -1),
        ("parameter stop '", "stop", ["'"]),
    ],
)  # fmt: skip
def test_a_parameter_gets_its_type(chat: Chat, display: Display, words: str, name: str, value: object) -> None:
    change(chat, display, words)

    assert chat.options == {name: value}
    assert type(chat.options[name]) is type(value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("parameter", "type /set parameter NAME VALUE"), ("parameter num_ctx", "type /set parameter NAME VALUE"),
        ("parameter num_ctx 4k", "num_ctx takes a whole number, not '4k'"),
        ("parameter num_ctx 1.5", "num_ctx takes a whole number, not '1.5'"),
        ("parameter num_ctx 1 2", "num_ctx takes one value, not 2"),
        ("parameter num_ctx 99999999999999999999", "num_ctx cannot be 99999999999999999999"),
        ("parameter temperature hot", "temperature takes a number, not 'hot'"),
        ("parameter temperature nan", "temperature cannot be nan"),
        ("parameter use_mmap maybe", "use_mmap takes true or false"),
        ("parameter mood good", "unknown parameter 'mood'; there are draft_num_predict, frequency_penalty"),
        ("parameter stop " + "x " * 65, "stop takes at most 64 texts"),
        ("format", "type /set format json"), ("format {", "the JSON schema cannot be read"),
        ("format [1]", "No such file"), ("think deeply", "a level of thinking is low, medium, high"),
        ("", "type /? set"), ("fire on", "unknown setting 'fire'"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_told_and_changes_nothing(
    chat: Chat, display: Display, words: str, sentence: str
) -> None:
    with pytest.raises(CommandFailed, match=sentence.replace("?", r"\?").replace("[", r"\[")):
        change(chat, display, words)

    assert (chat, display) == (Chat(model="tiny", card=CARD), Display())


def test_the_system_message_may_stand_in_quotes_and_be_taken_back(chat: Chat, display: Display) -> None:
    change(chat, display, 'system "You are Mario."')
    assert chat.system == "You are Mario."

    change(chat, display, 'system ""')
    assert chat.system == ""


def test_a_format_is_json_or_a_schema(chat: Chat, display: Display, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "object"}')

    change(chat, display, f"format {tmp_path / 'schema.json'}")
    assert chat.format == {"type": "object"}
    change(chat, display, 'format {"type": "array"}')
    assert chat.format == {"type": "array"}
    change(chat, display, "format json")
    assert chat.format == "json"
    change(chat, display, "noformat")
    assert chat.format is None


def test_thinking_is_for_models_that_can(chat: Chat, display: Display) -> None:
    change(chat, display, "think high")
    assert chat.think == "high"
    change(chat, display, "nothink")
    assert chat.think is False

    chat.change_model("plain", ModelCard(capabilities=("completion",)))
    with pytest.raises(CommandFailed, match="plain does not support thinking"):
        change(chat, display, "think")


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("verbose", "is_verbose", True), ("quiet", "is_verbose", False), ("history", "keeps_history", True),
        ("nohistory", "keeps_history", False), ("wordwrap", "wraps_words", True), ("nowordwrap", "wraps_words", False),
    ],
)  # fmt: skip
def test_switches_change_how_it_is_shown(chat: Chat, display: Display, name: str, field: str, value: bool) -> None:
    setattr(display, field, not value)

    assert change(chat, display, name)
    assert getattr(display, field) is value


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("info", "architecture    qwen2"), ("license", "MIT"), ("modelfile", "FROM x"), ("template", "{{ .Prompt }}"),
        ("system", "Be kind."), ("parameters", "Of the model:\ntop_k    20"),
    ],
)  # fmt: skip
def test_the_parts_of_a_model_are_shown(chat: Chat, part: str, text: str) -> None:
    assert text in show(chat, part)


def test_what_was_set_is_shown_beside_what_the_model_brings(chat: Chat, display: Display) -> None:
    change(chat, display, "parameter num_ctx 4096")
    change(chat, display, "parameter use_mmap true")
    change(chat, display, "parameter stop a b")
    change(chat, display, "system Be brief.")

    assert show(chat, "parameters").endswith("Set here:\nnum_ctx     4096\nuse_mmap    true\nstop        'a', 'b'")
    assert show(chat, "system") == "Set here:\nBe brief.\n\nOf the model, not used:\nBe kind."


def test_what_a_model_does_not_have_is_told() -> None:
    bare = Chat(model="bare", card=ModelCard(capabilities=("completion",)))

    assert [show(bare, part) for part in ("license", "parameters", "system")] == [
        "bare has no license.",
        "bare has no parameters, and none are set.",
        "No system message is set.",
    ]
    with pytest.raises(CommandFailed, match="type /show and one of info, license"):
        show(bare, "everything")


def test_every_setting_has_its_line_in_the_help() -> None:
    assert all(f"/set {name}" in help_on("set") for name in CHANGES)
