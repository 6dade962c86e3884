from __future__ import annotations

import pytest

from rag.answers.sentences import Kind, split_sentences, statements


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Ames met Mr. J. Brown. They talked.", ["Dr. Ames met Mr. J. Brown.", "They talked."]),
        ("It costs 3.50 euros. Cheap.", ["It costs 3.50 euros.", "Cheap."]),
        ("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"]),
        ("A title\nA line", ["A title", "A line"]),
        ("", []),
    ],
)
def test_sentences_are_split(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def quoted(text: str, own: str) -> tuple[str, ...]:
    """Return what is quoted for the sentence that begins so."""
    return next(statement.lines for statement in statements(text) if statement.text.startswith(own))


@pytest.mark.parametrize(
    ("text", "own", "lines"),
    [
        ("The tower is old. It fell in 1902.", "It", ("The tower is old. It fell in 1902.",)),
        ("The tower is old. In 1902 it fell.", "In 1902", ("In 1902 it fell.",)),
        ("灯塔很老。它在1902年倒了。", "它", ("灯塔很老。它在1902年倒了。",)),
        ("灯塔很老。其他的都倒了。", "其他", ("其他的都倒了。",)),
        ("It begins here. More.", "It", ("It begins here.",)),
    ],
)
def test_a_sentence_that_points_back_brings_the_one_before(text: str, own: str, lines: tuple[str, ...]) -> None:
    assert quoted(text, own) == lines


def test_a_heading_brings_what_stands_below_it() -> None:
    text = "Opening hours\nWe open at nine. We close at five.\n"

    assert quoted(text, "Opening") == ("Opening hours", "We open at nine.")
    assert [s.headings for s in statements(text) if s.text.startswith("We")] == [("Opening hours",)] * 2


def test_headings_of_markdown_are_a_path() -> None:
    text = "# House\n\n## Roof\n\nIt leaks.\n\n## Door\n\nIt is green."

    (door,) = [statement for statement in statements(text) if "green" in statement.text]

    assert door.headings == ("# House", "## Door")


def test_a_sentence_with_a_colon_brings_its_list_and_an_item_what_led_it_in() -> None:
    text = "You need:\n- a ladder\n- paint\n\nThen you climb."

    assert quoted(text, "You need") == ("You need:", "- a ladder", "- paint")
    assert quoted(text, "- paint") == ("You need:", "- paint")


def test_a_table_is_quoted_by_rows_with_its_head() -> None:
    text = "| Lamp | Meaning |\n|---|---|\n| green | on |\n| red | too hot |\n"

    assert quoted(text, "| red") == ("| Lamp | Meaning |", "| red | too hot |")
    assert [statement.kind for statement in statements(text)] == [Kind.ROW, Kind.ROW]


def test_rows_of_a_sheet_carry_their_heads_themselves() -> None:
    text = "Item: Lamp oil | Cost: 96\nItem: Rope | Cost: 12"

    assert quoted(text, "Item: Rope") == ("Item: Rope | Cost: 12",)


def test_lines_below_one_another_are_no_headings() -> None:
    assert [s.kind for s in statements("Ole Brandt\nInger Lund\nPer Dahl")] == [Kind.PROSE] * 3


def test_every_statement_knows_where_it_stands() -> None:
    text = "# A\n\nOne. It is two.\n\n- three\n"

    assert all(text[s.start :].startswith(s.text) for s in statements(text))
    assert len(list(statements(text))) == 4


@pytest.mark.parametrize(
    ("text", "own", "lines"),
    [
        ("It lists the files.\n$ ls -l\nMore.", "It lists", ("It lists the files.", "$ ls -l")),
        ("可以通过下列方式写入。\n# dd if=a of=b", "可以", ("可以通过下列方式写入。", "# dd if=a of=b")),
        ("可以通过下列方式写入。\n# dd if=a of=b", "# dd", ("可以通过下列方式写入。", "# dd if=a of=b")),
        ("To see all of them run\ndpkg --list\nMore.", "To see", ("To see all of them run", "dpkg --list")),
        (
            "There are several ways.\n- by day\n- by night",
            "There",
            ("There are several ways.", "- by day", "- by night"),
        ),
        ("This is the end.\n- by day\n- by night", "This", ("This is the end.",)),
    ],
)
def test_a_sentence_that_leads_to_commands_or_a_list_brings_them(text: str, own: str, lines: tuple[str, ...]) -> None:
    assert quoted(text, own) == lines


def test_a_heading_of_markdown_is_no_command() -> None:
    assert [s.kind for s in statements("First.\n\n# lists of files\n\nMore.")][1] is Kind.HEADING
