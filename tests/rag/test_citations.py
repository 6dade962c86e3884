from __future__ import annotations

import pytest

from rag.citations import cited_numbers


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("It was 1902 [2]. Burned [1][2].", (2, 1)),
        ("Made up [7], zero [0], none.", ()),
        ("Code `a[1]` does not cite, text does [2].", (2,)),
        ("```\nlist[1]\n```\nbut this [1]", (1,)),
        ("```\nan unfinished block [1]", ()),
        ("~~~\n[1]\n~~~\n", ()),
        ("escaped \\[1] and a link [1](x)", (1,)),
        ("", ()),
        ("[1" + "0" * 50 + "]", ()),
    ],
)
def test_only_numbers_of_real_passages_cite(answer: str, numbers: tuple[int, ...]) -> None:
    assert cited_numbers(answer, 3) == numbers
