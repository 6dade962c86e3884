from __future__ import annotations

import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.dialects.thinking import Tags
from inference.runner.answers import AnswerShape
from inference.runner.constraint import Constraint, Constraints, FreeStart, GrammarStuck, free_start_of
from inference.runner.gbnf import merged
from inference.runner.grammar import Grammar, GrammarTooAmbiguous, Vocabulary

JSON = r"""
root ::= value
value ::= "{" (pair ("," pair)*)? "}" | "[" (value ("," value)*)? "]" | string | number | "true" | "false" | "null"
pair ::= string ":" value
string ::= "\"" ([^"\\\x00-\x1F] | "\\" ["\\bfnrt/])* "\""
number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)?
"""


def accepts(grammar: Grammar, text: str | bytes) -> bool:
    state = grammar.after(grammar.start(), text.encode() if isinstance(text, str) else text)
    return state is not None and state.may_end


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ('root ::= "ab" | "cd"', ["ab", "cd"], ["", "a", "ad", "abcd"]),
        ('root ::= "a"*', ["", "a", "aaaa"], ["b", "ab"]),
        ('root ::= "a"+ "b"?', ["a", "aab"], ["", "b", "abb"]),
        ('root ::= "ab"{2,3}', ["abab", "ababab"], ["ab", "abababab", "aba"]),
        ('root ::= "a"{3}', ["aaa"], ["aa", "aaaa"]),
        ('root ::= "a"{2,}', ["aa", "a" * 50], ["a"]),
        ('root ::= ("a"?){2,3} "b"', ["b", "ab", "aaab"], ["aaaab", ""]),
        ('root ::= ("a"*)* "b"', ["b", "aab"], ["ba"]),
        ('root ::= ("x" | "")* "b"', ["b", "xxb"], ["bx"]),
        ('root ::= "(" root ")" | ""', ["", "((()))"], ["(", "(()", ")"]),
        ("root ::= [a-cx]", ["a", "c", "x"], ["d", "ab"]),
        ("root ::= [^a]", ["b", "\u00e9", "\U0001f600"], ["a", "", "bb"]),
        ("root ::= .", ["a", "\u20ac", "\U0010ffff"], ["", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"]),
        ("root ::= [\u00e0-\u20ac]+", ["\u00e0", "\u0800\u20ac"], ["\u20ad", "\u00df", "a"]),
        (JSON, ['{"a":[1,-2.5,{"b":null}]}', '"\\n\u00fc"', "[]"], ["{", "[1,]", "01", '"\n"', "nul"]),
    ],
)
def test_it_accepts_what_the_grammar_describes_and_nothing_else(
    text: str, yes: list[str], no: list[str | bytes]
) -> None:
    grammar = Grammar(text)

    assert [accepts(grammar, answer) for answer in yes] == [True] * len(yes)
    assert [accepts(grammar, answer) for answer in no] == [False] * len(no)


@given(
    st.lists(st.tuples(st.integers(0, 0x10FFFF), st.integers(0, 0x3000)), min_size=1, max_size=4),
    st.characters(exclude_categories=["Cs"]),
)
def test_a_set_takes_exactly_its_characters(starts: list[tuple[int, int]], character: str) -> None:
    ranges = [(low, min(low + size, 0x10FFFF)) for low, size in starts]
    shown = "".join(f"\\U{low:08X}-\\U{high:08X}" for low, high in merged(ranges))
    if not shown:
        return
    grammar = Grammar(f"root ::= [{shown}]")

    for code in {ord(character), *(edge for pair in ranges for edge in pair)}:
        if not 0xD800 <= code <= 0xDFFF:
            assert accepts(grammar, chr(code)) == any(low <= code <= high for low, high in ranges)


@given(st.from_regex(r"[ab]{0,8}", fullmatch=True))
def test_it_agrees_with_a_regular_expression(text: str) -> None:
    grammar = Grammar('root ::= ("a" "b"? | "ba"{2} )* "a"{0,2}')

    assert accepts(grammar, text) == bool(re.fullmatch(r"(ab?|(ba){2})*a{0,2}", text))


def vocabulary(*pieces: bytes, end: int = 0) -> Vocabulary:
    return Vocabulary(pieces, [end])


def test_the_tokens_that_may_come_next_are_those_that_fit_alone() -> None:
    pieces = [b"", b'"', b"a", b'a"', b'"a', b"\\", b"\\n", b"\xc3", b"\xa9", b"\xc3\xa9", b"\xff", b"{", b'"}', b"\n"]
    tokens = vocabulary(*pieces)
    grammar = Grammar(JSON)

    for text in (b"", b'"', b'"\xc3', b'{"', b'{"a"', b"[1"):
        state = grammar.after(grammar.start(), text)
        assert state is not None
        fitting = [token for token, piece in enumerate(pieces) if piece and grammar.after(state, piece) is not None]
        assert sorted(grammar.allowed(state, tokens).tolist()) == fitting


def test_an_answer_may_end_where_it_is_whole_and_must_end_when_nothing_may_follow() -> None:
    tokens = vocabulary(b"", b"1", b"}", b"{")
    number = Constraint(Grammar("root ::= [0-9]+"), tokens)
    empty = Constraint(Grammar('root ::= "{}"'), tokens)

    assert not number.fits(0)
    number.take(1)
    assert number.fits(0)
    assert sorted(number.allowed().tolist()) == [0, 1]
    assert not number.is_finished
    empty.take(3)
    empty.take(2)
    assert empty.is_finished


def test_an_answer_that_no_token_continues_is_stuck() -> None:
    constraint = Constraint(Grammar('root ::= "ab"'), vocabulary(b"", b"a", b"c"))
    constraint.take(1)

    with pytest.raises(GrammarStuck, match="no token of this model"):
        constraint.allowed()


@pytest.mark.parametrize("opening", [b"", b"<think>"])
def test_what_is_free_is_not_held_to_the_grammar(opening: bytes) -> None:
    tokens = vocabulary(b"", b"<think>", b"Hm, ", b"</thi", b"nk>\n", b"7", b"8")
    free = FreeStart(until=b"</think>", opening=opening)
    constraint = Constraint(Grammar('root ::= "7" "8"'), tokens, free)

    for token in (1, 2, 3, 4) if opening else (2, 3, 4):
        assert constraint.fits(token)
        constraint.take(token)

    assert constraint.allowed().tolist() == [5]
    assert not constraint.fits(1)
    constraint.take(5)
    constraint.take(6)
    assert constraint.is_finished


def test_a_model_that_may_think_need_not() -> None:
    free = FreeStart(until=b"</think>", opening=b"<think>")
    constraint = Constraint(Grammar('root ::= "78"'), vocabulary(b"", b"<think>", b"7", b"8"), free)

    assert constraint.fits(2)
    constraint.take(2)

    assert not constraint.fits(1)


def test_control_tokens_and_those_without_text_never_fit() -> None:
    tokens = Vocabulary([b"", b"", b"<|end|>", b"a"], [0], control_tokens=[2])
    constraint = Constraint(Grammar("root ::= .*"), tokens)

    assert [constraint.fits(token) for token in range(4)] == [True, False, False, True]
    assert sorted(constraint.allowed().tolist()) == [0, 3]


@pytest.mark.parametrize(
    ("answer", "free"),
    [
        (AnswerShape(), FreeStart(until=b"</think>", opening=b"<think>")),
        (AnswerShape(starts_thinking=True), FreeStart(until=b"</think>")),
        (AnswerShape(tags=Tags("[THINK]", "[/THINK]")), FreeStart(until=b"[/THINK]", opening=b"[THINK]")),
        (AnswerShape(has_channels=True), FreeStart(until=b"<|channel|>final<|message|>")),
        (AnswerShape(tags=None), FreeStart(until=b"</think>", opening=b"<think>")),
        (AnswerShape(is_raw=True), None),
    ],
)
def test_the_thinking_of_every_kind_of_model_is_free(answer: AnswerShape, free: FreeStart | None) -> None:
    assert free_start_of(answer) == free


def test_nothing_is_free_when_thinking_is_off() -> None:
    assert free_start_of(AnswerShape(), may_think=False) is None


def test_an_answer_that_begins_beside_the_closing_tag_counts() -> None:
    tokens = vocabulary(b"", b"</think>\n\n7", b"</think>x", b"8")
    free = FreeStart(until=b"</think>")
    constraint, other = [Constraint(Grammar('root ::= "78"'), tokens, free) for _ in range(2)]

    constraint.take(1)

    assert constraint.allowed().tolist() == [3]
    with pytest.raises(GrammarStuck, match="does not begin"):
        other.take(2)


HOSTILE = [
    'root ::= "a" root "b" | "a" root "c" | ""',
    "root ::= r0\n" + "\n".join(f"r{n} ::= r{n + 1} [a] | r{n + 1} [b]" for n in range(40)) + '\nr40 ::= "x"',
    'root ::= (("a"?){100000}){100000}',
    'root ::= ("a"* "a"*)*  "b" root?',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_grammar_with_endlessly_many_readings_is_given_up_in_time(text: str) -> None:
    tokens = vocabulary(b"", *(b"a" * length for length in range(1, 200)), *(b" " * 3 + b"x",))
    began = time.perf_counter()

    try:
        constraint = Constraint(Grammar(text), tokens)
        for _ in range(20):
            token = int(constraint.allowed()[0])
            if not constraint.fits(token):
                break
            constraint.take(token)
    except (GrammarStuck, GrammarTooAmbiguous) as error:
        assert isinstance(error, GrammarStuck)

    assert time.perf_counter() - began < 20


def test_what_is_kept_of_old_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.runner.grammar.MAX_KEPT", 1000)
    grammar = Grammar('root ::= "[" root "]" | [a-z]{1,100000}')
    tokens = vocabulary(b"", b"a", b"[")
    state = grammar.after(grammar.start(), b"[[a")

    for _ in range(30):
        assert state is not None
        state = grammar.after(state, b"ab" * 50)

    assert state is not None
    assert grammar.n_kept < 1300
    assert grammar.allowed(state, tokens).tolist() == [1]


def test_the_same_grammar_is_parsed_once() -> None:
    made = []

    def make() -> Vocabulary:
        made.append(1)
        return vocabulary(b"", b"1")

    constraints = Constraints(make)
    first, second = [constraints.following("a digit", lambda: Grammar("root ::= [0-9]")) for _ in range(2)]

    first.take(1)

    assert made == [1]
    assert first.is_finished
    assert not second.is_finished
    assert np.array_equal(second.allowed(), [1])
