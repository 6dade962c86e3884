from __future__ import annotations

import pytest

from inference.terminal.entry import Entered, Entry


@pytest.mark.parametrize(
    ("lines", "entered"),
    [
        (["  Hi there "], Entered("Hi there")),
        (["/bye"], Entered("/bye", is_command=True)),
        (["", ], Entered("")),
        (['"""one line"""'], Entered("one line")),
        (['"""one', "", '  two"""'], Entered("one\n\n  two")),
        (['"""', "one", '"""'], Entered("\none\n")),
        (['"""/clear"""'], Entered("/clear")),
        (['/set system """be', 'brief"""  '], Entered("/set system be\nbrief", is_command=True)),
        (['what is """ in Python?'], Entered('what is """ in Python?')),
        (['"""a "quoted" word"""'], Entered('a "quoted" word')),
    ],
)  # fmt: skip
def test_what_is_entered(lines: list[str], entered: Entered) -> None:
    entry = Entry()

    *early, last = [entry.feed(line) for line in lines]

    assert early == [None] * len(early)
    assert last == entered
    assert not entry.is_open


def test_what_was_begun_can_be_abandoned() -> None:
    entry = Entry()
    entry.feed('"""one')
    assert entry.is_open

    entry.abandon()

    assert entry.feed("two") == Entered("two")
