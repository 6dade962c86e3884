from __future__ import annotations

import pytest

from webui.chats.branches import branch_of, leaf_under, newest_leaf, positions_of

# 1 ─ 2 ─ 3 ─ 4
#     │   └── 6 ─ 7
#     └── 5
# 8 ─ 9          (the first question, edited)
TREE = {1: None, 2: 1, 3: 2, 4: 3, 5: 2, 6: 3, 7: 6, 8: None, 9: 8}


@pytest.mark.parametrize(
    ("leaf", "branch"), [(1, [1]), (4, [1, 2, 3, 4]), (7, [1, 2, 3, 6, 7]), (5, [1, 2, 5]), (9, [8, 9])]
)
def test_a_branch_is_the_path_from_the_root(leaf: int, branch: list[int]) -> None:
    assert branch_of(TREE, leaf) == branch


def positions(leaf: int) -> list[tuple[int, int, int | None, int | None]]:
    found = positions_of(TREE, branch_of(TREE, leaf)).values()
    return [(position.number, position.count, position.previous, position.next) for position in found]


def test_a_position_counts_from_one_and_names_the_neighbours_oldest_first() -> None:
    assert positions(4) == [(1, 2, None, 8), (1, 1, None, None), (1, 2, None, 5), (1, 2, None, 6)]
    assert positions(6)[-1] == (2, 2, 4, None)


def test_edited_first_questions_are_siblings() -> None:
    assert positions(9) == [(2, 2, 1, None), (1, 1, None, None)]


@pytest.mark.parametrize(("message", "leaf"), [(1, 5), (3, 7), (4, 4), (8, 9), (6, 7)])
def test_the_newest_child_is_taken_at_each_fork(message: int, leaf: int) -> None:
    assert leaf_under(TREE, message) == leaf


def test_an_empty_chat_has_no_leaf() -> None:
    assert newest_leaf({}) is None


def test_a_branch_of_thousands_of_messages_is_no_recursion() -> None:
    line = {number: number - 1 or None for number in range(1, 5001)}

    assert len(branch_of(line, 5000)) == 5000
    assert leaf_under(line, 1) == 5000
