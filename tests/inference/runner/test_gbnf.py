from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import InvalidRequest
from inference.runner.gbnf import ANY, Chars, Ref, Repeat, inverted, merged, parse_grammar


def chars(text: str) -> Chars:
    return Chars(merged([(ord(character), ord(character)) for character in text]))


def test_it_reads_rules_texts_sets_groups_and_repetitions() -> None:
    rules = parse_grammar(
        """
        # a comment, and an empty line

        root ::= "ab" item+ [x-z]? | # another one
          .
        item ::= ( "," |
                   ";" ){2,3} [^a]
        """
    )

    letters = Chars(((ord("x"), ord("z")),))
    assert rules["root"] == ((chars("a"), chars("b"), Repeat("item", 1, None), Repeat("group 1", 0, 1)), (Chars(ANY),))
    assert rules["group 1"] == ((letters,),)
    assert rules["item"] == ((Repeat("group 2", 2, 3), Chars(inverted([(97, 97)]))),)
    assert rules["group 2"] == ((chars(","),), (chars(";"),))


def test_a_text_is_repeated_as_a_whole() -> None:
    rules = parse_grammar('root ::= "ab"*')

    assert rules["root"] == ((Repeat("group 1", 0, None),),)
    assert rules["group 1"] == ((chars("a"), chars("b")),)


def test_characters_can_be_escaped() -> None:
    rules = parse_grammar(r'root ::= "\"\\\n\t\x41\u00e9\U0001F600" [\]\-a\r]')

    assert rules["root"][0][:-1] == tuple(chars(character) for character in '"\\\n\tA\u00e9\U0001f600')
    assert rules["root"][0][-1] == chars("]-a\r")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no rule root"),
        ('other ::= "a"', "no rule root"),
        ("root ::= missing", "rule missing that it does not define"),
        ('root ::= "a', "does not end"),
        ("root ::= [a", "does not end"),
        ("root ::= [b-a]", "ends before it begins"),
        ('root ::= ("a"', "expected )"),
        ('root ::= "a")', "expected the end of the line"),
        ("root ::= *", "nothing to repeat"),
        ('root ::= "a"{3,2}', "less than it demands"),
        ('root ::= "a"{}', "number of repetitions"),
        ('root ::= "a"{1,99999999999999999999}', "number of repetitions"),
        (r'root ::= "\q"', "needs no backslash"),
        (r'root ::= "\x4"', "hexadecimal"),
        (r'root ::= "\ud800"', "no such character"),
        (r'root ::= "\U00110000"', "no such character"),
        ("root = a", "expected ::="),
        ("root ::= <think>", "tokens of a vocabulary"),
        ("root ::= " + "(" * 100_000, "lie in each other"),
        ("root ::= " + '"' + "a" * 200_000 + '"', "more than 100,000 items"),
        ("#" * 1_000_001, "more than 1,000,000 characters"),
    ],
)
def test_a_malformed_grammar_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_grammar(text)

    assert problem in caught.value.detail


def test_a_malformed_grammar_is_refused_with_the_line() -> None:
    with pytest.raises(InvalidRequest, match="in line 3"):
        parse_grammar('root ::= "a"\n\nother ::= )')


@pytest.mark.parametrize(
    "text",
    [
        'root ::= root "a" | "b"',
        'root ::= a\na ::= b "x"\nb ::= a | "y"',
        'root ::= empty root "a" | "b"\nempty ::= nothing\nnothing ::= ""',
        'root ::= "x"* root | "y"',
        'root ::= ("x"? root)* "y"',
    ],
)
def test_left_recursion_is_refused_also_behind_what_may_be_empty(text: str) -> None:
    with pytest.raises(InvalidRequest, match="left-recursive"):
        parse_grammar(text)


def test_right_recursion_is_fine() -> None:
    assert parse_grammar('root ::= "a" root | "(" root ")" | ""')


@pytest.mark.parametrize(
    "text",
    [
        'root ::= "a" root',
        'root ::= a | b\na ::= "x" b\nb ::= "y" a',
        'root ::= ("a" root){2}',
        "root ::= []",
    ],
)
def test_a_grammar_that_cannot_finish_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot finish"):
        parse_grammar(text)


def test_an_alternative_that_cannot_finish_is_left_out() -> None:
    rules = parse_grammar('root ::= "a" endless | "b" endless? "c"\nendless ::= "x" endless')

    assert rules["root"] == ((chars("b"), chars("c")),)


def test_a_long_chain_of_rules_is_read_without_deep_calls() -> None:
    lines = [f'r{number} ::= r{number + 1} "x"' for number in range(20_000)]

    rules = parse_grammar("\n".join(["root ::= r0", *lines, 'r20000 ::= "y"']))

    assert rules["root"] == ((Ref("r0"),),)


@given(st.text(alphabet='rot:=|()[]{}*+?"\\-^.,09 \nxa', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_grammar("root ::= " + text)
    except InvalidRequest as error:
        assert error.detail


@given(st.lists(st.tuples(st.integers(0, 0x10FFFF), st.integers(0, 0x10FFFF)).map(sorted).map(tuple), max_size=6))
def test_a_set_and_its_inverse_are_all_characters(ranges: list[tuple[int, int]]) -> None:
    assert merged([*merged(ranges), *inverted(ranges)]) == ANY
    assert inverted(inverted(ranges)) == merged(ranges)
