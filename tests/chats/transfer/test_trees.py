"""Whatever a file says of who answers whom, it becomes a tree, and nothing that it says rightly is lost."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from webui.chats.transfer.shapes import Note, TakenMessage
from webui.chats.transfer.trees import arrange, leaf_below

NOW = datetime(2025, 5, 5, tzinfo=UTC)


def message(id: str, parent: str | None = None, minute: int = 0) -> TakenMessage:
    return TakenMessage(
        id=id, parent=parent, role="user", content=f"text of {id}", created_at=NOW + timedelta(minutes=minute)
    )


def arranged(*given: TakenMessage, **options: object) -> tuple[list[tuple[str, str | None]], Counter[Note]]:
    notes: Counter[Note] = Counter()
    return [(found.id, found.parent) for found in arrange(given, notes, **options)], notes  # type: ignore[arg-type]


def test_what_is_a_tree_already_keeps_its_order() -> None:
    tree, notes = arranged(message("a"), message("c", "a"), message("b", "a"), message("d", "c"), message("e", "b"))

    assert [id for id, _ in tree] == ["a", "c", "b", "d", "e"]
    assert not notes


def test_children_that_come_before_their_parents_are_put_below_them() -> None:
    tree, notes = arranged(message("c", "b"), message("b", "a"), message("a"))

    assert tree == [("a", None), ("b", "a"), ("c", "b")]
    assert not notes


def test_a_parent_that_is_not_there_begins_a_branch() -> None:
    tree, notes = arranged(message("a"), message("b", "gone"))

    assert tree == [("a", None), ("b", None)]
    assert notes == {Note.DANGLING: 1}


def test_what_was_below_something_left_out_moves_up() -> None:
    tree, notes = arranged(message("a"), message("b", "y"), left_out={"y": "x", "x": "a"})

    assert tree == [("a", None), ("b", "a")]
    assert not notes


def test_circles_are_cut_open() -> None:
    tree, notes = arranged(message("a", "a"), message("b", "c"), message("c", "b"), message("d", "c"))

    assert tree == [("a", None), ("b", None), ("c", "b"), ("d", "c")]
    assert notes == {Note.CIRCLES: 2}


def test_an_id_that_comes_twice_is_told_and_loses_no_message() -> None:
    tree, notes = arranged(message("a"), message("a"), message("b", "a"))

    assert tree == [("a", None), ("a#1", None), ("b", "a")]
    assert notes == {Note.DOUBLES: 1}


def test_a_hundred_thousand_messages_in_one_line_and_in_one_circle_take_no_time() -> None:
    line = [message(str(n), str(n - 1)) for n in range(100_000)]

    assert len(arranged(*line)[0]) == 100_000
    line[0].parent = "99999"
    assert len(arranged(*line)[0]) == 100_000


def test_the_shown_leaf_is_the_end_of_the_last_branch_through_what_was_named() -> None:
    tree = [message("a"), message("b", "a"), message("c", "a"), message("d", "c", 1), message("e", "b", 9)]
    notes: Counter[Note] = Counter()

    assert leaf_below(tree, "a", notes) == "d"
    assert leaf_below(tree, "b", notes) == "e"
    assert not notes
    assert leaf_below(tree, None, notes) == leaf_below(tree, "gone", notes) == "e"
    assert notes == {Note.NO_SHOWN: 2}


IDS = st.sampled_from(["a", "b", "c", "d", "e", ""])


@given(pairs=st.lists(st.tuples(IDS, st.none() | IDS | st.just("gone")), max_size=12))
def test_anything_becomes_a_tree_with_every_message_in_it(pairs: list[tuple[str, str | None]]) -> None:
    found = arrange([message(id, parent) for id, parent in pairs], Counter())

    seen: set[str] = set()
    for placed in found:
        assert placed.parent is None or placed.parent in seen
        assert placed.id not in seen
        seen.add(placed.id)
    assert len(found) == len(pairs)
