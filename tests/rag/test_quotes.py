from __future__ import annotations

import uuid

import pytest

from rag.quotes import quote, split_sentences
from rag.types import Passage


def passage(text: str, *, score: float = 0.5, name: str = "a.pdf", page: int | None = 1) -> Passage:
    return Passage(
        document_id=1, document_uuid=uuid.uuid4(), document_name=name, page=page, start=0, end=len(text), text=text,
        score=score,
    )  # fmt: skip


LIGHTHOUSE = passage(
    "The harbour is old. The lighthouse was built in 1902 by Dr. Ames. It burned down once.", score=0.9
)
LAMP = passage("Its lamp came from Paris. The keeper of the lighthouse was called Brown.", score=0.6)


def test_the_sentence_that_answers_is_quoted_word_for_word_with_its_number() -> None:
    answer = quote("When was the lighthouse built?", [LAMP, LIGHTHOUSE])

    assert "> The lighthouse was built in 1902 by Dr. Ames. [2]" in answer.text
    assert answer.passages == {2: LIGHTHOUSE}
    assert answer.found


def test_it_says_that_it_only_quotes() -> None:
    assert quote("When was the lighthouse built?", [LIGHTHOUSE]).text.startswith("No model writes here")


def test_two_halves_of_a_question_get_a_quotation_each() -> None:
    answer = quote("When was the lighthouse built and what was its keeper called?", [LIGHTHOUSE, LAMP])

    assert set(answer.passages) == {1, 2}


def test_nothing_found_is_said_plainly() -> None:
    answer = quote("When was the lighthouse built?", [])

    assert answer.text.startswith("Nothing in your documents matches")
    assert (answer.passages, answer.found) == ({}, False)


def test_without_documents_it_tells_what_it_can_do() -> None:
    answer = quote("Hello", [], has_documents=False)

    assert "add a document" in answer.text
    assert not answer.found


def test_a_name_that_stands_nowhere_is_pointed_out() -> None:
    answer = quote("When did Smith build the lighthouse in 1850?", [LIGHTHOUSE])

    assert answer.text.endswith("Not in these passages: “Smith”, “1850”.")


def test_chinese_sentences_are_found_and_kept_whole() -> None:
    text = passage("港口建于一九〇二年。恢复数据库需要管理员的密码！备份每天进行。", page=None)

    answer = quote("怎么恢复数据库？", [text])

    assert "> 恢复数据库需要管理员的密码！ [1]" in answer.text
    assert "港口" not in answer.text


def test_the_same_sentence_in_two_passages_is_quoted_once() -> None:
    answer = quote("When was the lighthouse built?", [LIGHTHOUSE, LIGHTHOUSE])

    assert answer.text.count("1902") == 1


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("The lighthouse *was* built_in `1902`.", r"The lighthouse \*was\* built\_in \`1902\`."),
        ("The lighthouse [1] was built in $1902$.", r"The lighthouse &#91;1] was built in \$1902\$."),
        ("<b>The lighthouse</b> | built", r"\<b\>The lighthouse\</b\> \| built"),
        ("- The lighthouse was built.", r"\- The lighthouse was built."),
        ("1902. The lighthouse built", "&#49;902. The lighthouse built"),
    ],
)
def test_nothing_in_a_quotation_formats_or_cites(source: str, shown: str) -> None:
    assert f"> {shown} [1]" in quote("When was the lighthouse built?", [passage(source)]).text


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
