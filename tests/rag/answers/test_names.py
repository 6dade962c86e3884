from __future__ import annotations

import pytest

from rag.answers.names import subjects_of


@pytest.mark.parametrize(
    ("question", "subjects"),
    [
        ("How is the lamp of the Fortuna lit?", [{"fortuna"}]),
        ("What does E7 mean?", [{"e7"}]),
        ("Which file is read by cron-apt?", [{"cron", "apt"}]),
        ("What stands in /etc/passwd?", [{"etc", "passwd"}]),
        ("How is the lamp lit?", []),
        ("怎样暂时停用一个 Samba 账户？", [{"samba"}]),
        ("apt 和 dpkg 有什么区别？", [{"apt"}, {"dpkg"}]),
        ("灯塔有多高？", []),
    ],
)
def test_what_an_answer_must_speak_of(question: str, subjects: list[set[str]]) -> None:
    assert subjects_of(question) == subjects
