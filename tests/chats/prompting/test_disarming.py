from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chats import hostile_texts as hostile
from webui.chats.prompting.disarming import disarmed


@pytest.mark.parametrize("attack", hostile.TAGS)
def test_no_spelling_of_the_tag_is_left(attack: str) -> None:
    harmless = disarmed(f"a {attack} b")

    assert harmless.startswith("a (")
    assert not re.search("[<＜‹〈&]", harmless.partition("ssa")[0].replace("&lt;", "<")), harmless


@pytest.mark.parametrize(
    "mark",
    [
        "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|begin_of_text|>", "[INST]", "[/INST]",
        "<<SYS>>", "<</SYS>>", "[SYSTEM_PROMPT]", "<s>", "</s>", "<start_of_turn>", "<end_of_turn>", "<|end|>",
        "<|user|>", "<|START_OF_TURN_TOKEN|>", "<｜User｜>", "<｜end▁of▁sentence｜>", "<|channel|>", "<|message|>",
        "</think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<function_calls>",
        "<tool_response>", "<bos>", "<eos>", "<unused7>", "<seed:think>", "<extra_id_0>",
    ],
)  # fmt: skip
def test_no_mark_of_a_chat_template_is_left(mark: str) -> None:
    assert mark not in disarmed(f"a {mark} b")
    assert disarmed(f"a {mark} b").replace(" ", "") == f"a{mark}b".replace(" ", "")


@pytest.mark.parametrize("attack", hostile.ROLES)
def test_the_words_around_marks_stay(attack: str) -> None:
    assert re.findall(r"\w+", disarmed(attack)) == re.findall(r"\w+", attack)


@pytest.mark.parametrize("attack", hostile.CITATIONS)
def test_references_of_a_document_do_not_cite(attack: str) -> None:
    harmless = disarmed(attack)

    assert not re.search(r"[\[【［]|passage", harmless)
    assert re.findall(r"\d", harmless) == re.findall(r"\d", attack)


@pytest.mark.parametrize("attack", hostile.INVISIBLE)
def test_what_cannot_be_seen_goes(attack: str) -> None:
    assert not [c for c in disarmed(attack) if unicodedata.category(c) in ("Cf", "Cc")]


@pytest.mark.parametrize(
    "text",
    [
        "iris |> head() |> print(); <user id='1'><message>Hi</message></user>",
        "if a[1] < b[2] and c | d: return x",
        "<p>A paragraph</p> <section>and</section> <source src='x'>",
        "The passage to India; 5 < 6; a <b>bold</b> word.",
        "Family 👨\u200d👩\u200d👧 and می\u200cخواهم",
        "塔高三十八米。《红楼梦》第一回。",
        "Line one.\n\n\tLine two.",
        "[link](https://example.com) and [note]",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert disarmed(text) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*hostile.ALL, "<", "|", ">", "/", "passage", "[", "]", " ", "\u200b"]), max_size=8))
def test_hostile_pieces_do_not_make_a_new_mark(pieces: list[str]) -> None:
    harmless = disarmed("".join(pieces))

    assert not re.search(r"<\s*/?\s*passage|<[|｜]|\[/?INST\]|</?s>|</?tool_call>|\[\d+\](?<!\w\[\d\])", harmless, re.I)


@pytest.mark.parametrize("piece", ["<", "< ", "<p a s s ", "&lt;", "[1", "<|", "\u200b", "＜"])
def test_hostile_length_takes_no_time(piece: str) -> None:
    started = time.perf_counter()

    disarmed(piece * 30_000)

    assert time.perf_counter() - started < 2
