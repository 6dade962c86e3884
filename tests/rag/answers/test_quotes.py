from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from inference import client
from inference.errors import ConnectionRefused
from rag.answers import quotes
from rag.answers.weighing import MAX_EMBEDDED
from rag.types import Passage, QuotedAnswer, Retrieval, RetrievalTrace
from tests.doubles.embedder import FakeEmbedder


def passage(text: str, *, score: float = 0.5, name: str = "a.pdf", page: int | None = 1) -> Passage:
    return Passage(
        document_id=1, document_uuid=uuid.uuid4(), document_name=name, page=page, start=0, end=len(text), text=text,
        score=score,
    )  # fmt: skip


def quote(question: str, passages: Sequence[Passage] | None, *, trust: float = 0.0) -> QuotedAnswer:
    """Quote; by words alone, unless the embedder is to be trusted."""
    if passages is None:
        return asyncio.run(quotes.quote(question, None))
    trace = RetrievalTrace(
        question=question, searched=question, rewritten_by="", rewrite_problem="",
        terms=(), embedder="fake", dense_trust=trust, dense_problem="", candidates=(),
        lexical_s=0, embed_s=0, vector_s=0, total_s=0,
    )  # fmt: skip
    return asyncio.run(quotes.quote(question, Retrieval(passages=tuple(passages), trace=trace)))


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


def test_where_no_sentence_matches_the_nearest_places_are_named() -> None:
    near = [
        replace(
            passage("The harbour has two piers.", name="notes *2* [1].md", page=None), page_name="Oldby › The harbour"
        ),
        passage("The crane lifts nine tons.", name="crane.pdf", page=3),
        passage("The crane was painted grey.", name="crane.pdf", page=3),
        passage("The ferry leaves at noon.", name="ferry.txt", page=None),
        passage("The school has three floors.", name="school.txt", page=None),
    ]

    answer = quote("Who composed the opera about elephants?", near)

    named = answer.text.split("\n\n")[-1]
    assert named == "- **notes \\*2\\* &#91;1].md**, The harbour\n- **crane.pdf**, page 3\n- **ferry.txt**"
    assert (answer.passages, answer.found) == ({}, False)


def test_without_documents_it_tells_what_it_can_do() -> None:
    answer = quote("Hello", None)

    assert "add a document" in answer.text
    assert not answer.found


def test_a_name_that_stands_nowhere_is_pointed_out() -> None:
    answer = quote("When was the lighthouse built by Smith in 1850?", [LIGHTHOUSE])

    assert answer.text.endswith("Not in these passages: “Smith”, “1850”.")


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("When was the keeper of the lighthouse called?", "The keeper of the lighthouse was called Brown."),
        ("How heavy is the lamp of the lighthouse?", "The lamp of the lighthouse burned for 19 years."),
        ("What does the lamp of the lighthouse cost?", "The lamp of the lighthouse came in 1902."),
        ("守塔人的工资是多少？", "第一任守塔人从1902年起住在塔里。"),
        ("What does the code E7 mean?", "The code E4 means that the lamp is too hot."),
        ("Which hotel in Paris is near the lighthouse?", "The hotel near the lighthouse is closed."),
        ("Who repaired the roof of the lighthouse?", "The roof of the lighthouse was repaired in 1931."),
        ("Why was the roof of the lighthouse repaired?", "The roof of the lighthouse was repaired in 1931."),
        ("What colour is the roof of the lighthouse?", "The roof of the lighthouse was repaired in 1931."),
        ("When was the lamp of the lighthouse lit?", "The lamp of the lighthouse is lit if it is dark."),
        ("灯塔的屋顶是谁修的？", "灯塔的屋顶1931年修过。"),
        ("灯塔的屋顶是什么颜色？", "灯塔的屋顶1931年修过。"),
    ],
)
def test_a_near_miss_is_not_quoted(question: str, text: str) -> None:
    assert not quote(question, [passage(text)]).found


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("When does the boiler switch off?", "If the pressure falls below 1 bar, the boiler switches off."),
        ("锅炉什么时候会自动关闭？", "压力低的时候锅炉自动关闭。"),
        ("Where is the WiFi code?", "The code of the wireless network is on the box."),
    ],
)
def test_what_may_be_an_answer_all_the_same_is_quoted(question: str, text: str) -> None:
    assert quote(question, [passage(text)]).found


def test_where_nothing_answers_for_certain_that_is_said_of_what_is_near() -> None:
    text = passage(
        "The lighthouse stands on a rock. The lamp of the lighthouse is heavy. Its tower is a lighthouse too."
    )

    answer = quote("Which company made the lamp of the lighthouse?", [text])

    assert answer.text.startswith("I found no sentence that surely answers this.")
    assert "> The lamp of the lighthouse is heavy. [1]" in answer.text
    assert answer.text.count("> ") <= 2
    assert (answer.found, answer.is_sure) == (True, False)


def test_a_passage_that_speaks_of_the_name_asked_for_goes_before_others() -> None:
    named = passage("Samba keeps accounts of its own. An account is disabled with smbpasswd.", score=0.5)
    other = passage("To disable an account for a while, lock the account.", score=0.9)

    answer = quote("How do I disable an account of Samba?", [other, named])

    assert set(answer.passages) == {2}


def test_a_command_is_quoted_with_the_sentence_that_leads_to_it() -> None:
    text = passage("An image is written to a disk in the following way.\n# dd if=disk.img of=/dev/sdb\nMore follows.")

    answer = quote("How is an image written to a disk?", [text])

    assert (
        "> An image is written to a disk in the following way.  \n> \\# dd if=disk.img of=/dev/sdb [1]" in answer.text
    )


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
        ("<b>The lighthouse</b> | built 1902", r"\<b\>The lighthouse\</b\> \| built 1902"),
        ("- The lighthouse was built in 1902.", r"\- The lighthouse was built in 1902."),
        ("1902. The lighthouse built", "&#49;902. The lighthouse built"),
    ],
)
def test_nothing_in_a_quotation_formats_or_cites(source: str, shown: str) -> None:
    assert f"> {shown} [1]" in quote("When was the lighthouse built?", [passage(source)]).text


def test_a_question_for_a_year_prefers_the_sentence_that_holds_one() -> None:
    text = passage("The council keeps the summary of the year. The summary was written in 2021.")

    assert "> The summary was written in 2021. [1]" in quote("In what year was the summary made?", [text]).text


def test_the_year_of_a_page_is_not_taken_from_its_links() -> None:
    page = passage(
        "# Summary of the town council, spring 2021\n\n"
        "What was decided. For last year see the [Summary of the year 2019](https://council.example/2019).\n\n"
        "More: [all summaries by year](https://council.example/archive/2017-2020)\n"
    )

    answer = quote("What year is this summary from?", [page])

    assert "spring 2021" in answer.text
    assert "2019" not in answer.text


def test_a_sentence_near_in_meaning_is_found_without_a_word_in_common(
    embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = passage("The harbour is old. Visitors pay sixty kroner. The lamp is red.")
    by_words = embedder.embed

    async def embed(model: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return await by_words(model, ["price" if "kroner" in text else text for text in texts])

    monkeypatch.setattr(client, "embed", embed)

    answer = quote("price", [text], trust=1.0)

    assert "> Visitors pay sixty kroner. [1]" in answer.text
    assert quote("price", [text], trust=0.0).found is False


def test_without_its_embedder_the_words_decide(embedder: FakeEmbedder) -> None:
    embedder.error = ConnectionRefused("gone")

    assert "1902" in quote("When was the lighthouse built?", [LIGHTHOUSE], trust=1.0).text


def test_what_is_embedded_is_bounded(embedder: FakeEmbedder) -> None:
    long = passage(" ".join(f"The lighthouse number {n} was built of granite." for n in range(500)))

    quote("Which lighthouse was built of marble?", [long], trust=1.0)

    assert len(embedder.texts) == MAX_EMBEDDED + 1


def test_a_very_long_sentence_is_cut_and_says_so() -> None:
    text = passage("The lighthouse was built in 1902 " + "and built again " * 100)

    answer = quote("When was the lighthouse built?", [text])

    assert " … [1]" in answer.text
    assert len(answer.text) < 900


def test_lines_of_a_table_stay_lines() -> None:
    text = passage("| Lamp | Meaning |\n|---|---|\n| red | too hot |\n")

    assert (
        "> \\| Lamp \\| Meaning \\|  \n> \\| red \\| too hot \\| [1]"
        in quote("What does the red lamp mean?", [text]).text
    )
