from __future__ import annotations

from uuid import UUID

import pytest

from rag.answers.citations import cited_passages
from rag.types import Passage

LIGHTHOUSE = (
    "Work began in 1899. The light was first lit on 14 March 1902. The tower is 38 metres high. "
    "It cost 412 000 kroner. Halvor Berg stayed for nineteen years."
)


def passage(text: str, *, start: int = 100) -> Passage:
    return Passage(
        document_id=1,
        document_uuid=UUID(int=1),
        document_name="lighthouse.pdf",
        page=1,
        start=start,
        end=start + len(text),
        text=text,
        score=0.5,
    )


@pytest.mark.parametrize(
    ("answer", "cited"),
    [
        ("The light was **first lit** on 14 March 1902 [1].", "The light was first lit on 14 March 1902."),
        ("First lit in March 1902. [1] It is tall.", "The light was first lit on 14 March 1902."),
        (
            "It was first lit in March 1902 [1]. The tower is 38 metres high [1].",
            "The light was first lit on 14 March 1902. The tower is 38 metres high.",
        ),
        ("> Halvor Berg stayed for nineteen years. [1]", "Halvor Berg stayed for nineteen years."),
        ("Nothing here [1].", LIGHTHOUSE),
        ("In the town on the hill it was on for years, and in the end the bell was there for all [1].", LIGHTHOUSE),
        ("[1]", LIGHTHOUSE),
        ("The light was first lit on 14 March 1902 【1】.", "The light was first lit on 14 March 1902."),
        ("First lit in March 1902 (passage 1). It is tall.", "The light was first lit on 14 March 1902."),
        (
            "The light was first lit on 14 March 1902. The tower is high, says `a[1]`, see the cost [1].",
            "The tower is 38 metres high.",
        ),
    ],
)
def test_a_citation_is_as_narrow_as_the_sentences_that_support_it(answer: str, cited: str) -> None:
    assert cited_passages(answer, [passage(LIGHTHOUSE)], [1])[1].text == cited


def test_a_narrowed_citation_keeps_its_place_in_the_document() -> None:
    document = "Before it. " + LIGHTHOUSE

    cited = cited_passages("It cost 412 000 kroner [1].", [passage(LIGHTHOUSE, start=11)], [1])[1]

    assert document[cited.start : cited.end] == cited.text == "It cost 412 000 kroner."


def test_chinese_sentences_are_cited_one_by_one() -> None:
    text = "灯塔建于1902年。塔高三十八米。最后一位守塔人于1987年离开。"

    assert cited_passages("灯塔的塔高是三十八米 [1]。", [passage(text)], [1])[1].text == "塔高三十八米。"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Refunds are paid within 28 days of a return [1].", LIGHTHOUSE),
        ("Refunds are paid within 28 days. [1] Shops close early.", LIGHTHOUSE),
        ("客户可以在两周以内退款 [1]。", "灯塔建于1902年。塔高三十八米。"),
    ],
)
def test_a_passage_that_has_nothing_of_what_it_is_cited_for_is_no_citation(answer: str, text: str) -> None:
    assert cited_passages(answer, [passage(text)], [1]) == {}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Refunds are paid within 28 days [1]. The tower is 38 metres high [1].", LIGHTHOUSE),
        ("Refunds follow the rules of lighthouse.pdf [1].", LIGHTHOUSE),
        ("Yes [1].", LIGHTHOUSE),
        ("Rückzahlungen erfolgen binnen vierzehn Tagen [1].", LIGHTHOUSE),
        ("退款在二十八天以内完成 [1]。", LIGHTHOUSE),
        ("高度为三十八米 [1]。", "塔有三十八米高。"),
        ("圖書館在週日關門 [1]。", "图书馆星期天不开。"),
    ],
)
def test_what_words_cannot_tell_stays_a_citation(answer: str, text: str) -> None:
    assert cited_passages(answer, [passage(text)], [1]).keys() == {1}
