from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from rag.chunking import indexed_text
from rag.lexical import words
from rag.models import Document
from rag.retrieval.candidates import FoundChunk
from rag.retrieval.fusion import Weighed, weigh
from rag.retrieval.looking import is_contents, is_latin, look_at
from rag.types import HTML, PLAIN
from tests.rag.test_retrieval import ask
from webui.accounts.models import User

Upload = Callable[..., Document]

CONTENTS = "目录\n" + "\n".join(f"{n}.{m}. 数据库的第 {m} 节" for n in (1, 2, 3) for m in (1, 2, 3, 4))
STEPS = "\n".join(f"{n}. Press button {n} of the pump." for n in range(1, 13))


def chunk(pk: int, text: str, *, document: int = 1, position: int = 0, path: str = "") -> FoundChunk:
    terms = " ".join(["", *words.terms(indexed_text(path, text)), ""])
    return FoundChunk(terms, pk, document, UUID(int=document), "a.txt", PLAIN, position, 0, len(text), None, path, text)


def order(question: str, terms: list[str], chunks: list[FoundChunk], shares: dict[int, float]) -> list[Weighed]:
    return weigh(question, terms, 0.0, chunks, look_at(question, terms, chunks), shares, {})


@pytest.mark.parametrize(
    ("question", "first"), [("Pumps covered in winter", 1), ("Where are pumps covered in winter?", 2)]
)
def test_key_words_are_looked_for_all_together_and_a_question_by_its_meaning(question: str, first: int) -> None:
    chunks = [chunk(1, "Pumps, covered, winter."), chunk(2, "What becomes of pumps in the cold.", document=2)]
    terms = words.query_terms(question)

    ranked = weigh(question, terms, 1.0, chunks, look_at(question, terms, chunks), {1: 1.0, 2: 1.0}, {1: 0.4, 2: 0.5})

    assert ranked[0].chunk.id == first


def test_the_one_latin_word_of_a_chinese_question_lets_meaning_speak_up() -> None:
    question = "怎么用 rsync 把文件备份到别处"
    terms = words.query_terms(question)
    chunks = [chunk(1, "把文件放到别处。"), chunk(2, "rsync backs up what has changed.", document=2)]

    ranked = weigh(question, terms, 0.1, chunks, look_at(question, terms, chunks), {1: 1.0, 2: 0.7}, {1: 0.0, 2: 0.6})

    assert ranked[0].chunk.id == 2


@pytest.mark.parametrize(
    ("path", "text", "indexed"),
    [
        ("", "Body.", "Body."),
        ("Pumps › Winter", "Winter\nDrain them.", "Pumps\nWinter\nDrain them."),
        ("Pumps › Winter", "And cover them.", "Pumps › Winter\nAnd cover them."),
        ("Pumps › Pumps › Winter", "Winter\nDrain.", "Pumps\nWinter\nDrain."),
        ("Winter", "Winter\nDrain.", "Winter\nDrain."),
    ],
)
def test_a_chunk_is_indexed_under_its_headings(path: str, text: str, indexed: str) -> None:
    assert indexed_text(path, text) == indexed


def test_a_heading_above_a_passage_helps_to_find_it(ingested: Upload, alice: User) -> None:
    body = "<h2>Summer</h2><p>They run at half speed.</p><h2>Winter</h2><p>They are drained and covered.</p>"
    document = ingested(alice, f"<html><h1>Irrigation pumps</h1>{body}</html>", "a.html")
    assert document.media_type == HTML

    found = ask(alice, "What happens to the irrigation pumps in winter?", [document])

    assert "drained" in found.passages[0].text


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (CONTENTS, True),
        ("\n".join(f"Chapter {n}. Pumps" for n in range(9)), True),
        ("\n".join(f"How to drain pump {n} ........ {n * 7}" for n in range(9)), True),
        (STEPS, False),
        ("\n".join(f"1{n} 400 pumps sold" for n in range(12)), False),
        ("1.1. One title\n1.2. Another", False),
        ("\n".join(f"1.{n}. Pumps" for n in range(7)), False),
        ("\n".join(f"1.{n}. Pumps" for n in range(8)), True),
    ],
)
def test_a_table_of_contents_is_known_by_its_lines(text: str, is_one: bool) -> None:
    assert is_contents(text) is is_one


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Drain the pumps.", True),
        ("Drain the “pumps” of the café.", True),
        ("用 apt upgrade 升级所有软件包。", False),
        ("Run apt full-upgrade to 升级 everything that is installed", True),
        ("", True),
    ],
)
def test_the_letters_of_a_text_tell_whether_it_is_latin(text: str, is_one: bool) -> None:
    assert is_latin(text) is is_one


def test_what_the_words_have_found_is_looked_at_once_for_all_candidates() -> None:
    chunks = [chunk(1, "灯塔由港务局管理。"), chunk(2, "The lighthouse keeper", document=2)]

    looks = look_at("灯塔谁点灯 lighthouse", ["灯塔", "点灯", "lighthous"], chunks)

    assert (looks[1].terms, looks[2].terms) == (("灯塔",), ("lighthous",))
    assert (looks[1].characters, looks[2].characters) == ({"灯": 1, "塔": 2}, {})


def test_a_table_of_contents_stands_behind_the_text_that_it_names() -> None:
    contents, text = chunk(1, CONTENTS), chunk(2, "数据库每天备份一次。", document=2)

    assert [item.chunk.id for item in order("数据库", ["数据", "据库"], [contents, text], {1: 1.0, 2: 0.8})] == [2, 1]


def test_single_characters_count_where_pairs_are_written_otherwise() -> None:
    chunks = [chunk(1, "灯塔由港务局管理。"), chunk(2, "守塔人每晚点亮灯。", document=2)]

    assert order("灯塔谁点灯", ["灯塔", "点灯"], chunks, {1: 0.9, 2: 0.8})[0].chunk.id == 2


def test_neighbours_that_fit_as_well_lift_a_passage() -> None:
    chunks = [chunk(n, "灯塔。", document=n // 4, position=n) for n in (1, 4, 5, 6)]

    assert order("灯塔", ["灯塔"], chunks, dict.fromkeys((1, 4, 5, 6), 1.0))[0].chunk.id == 5


def test_of_two_translations_the_one_in_the_language_of_the_question_comes_first() -> None:
    chunks = [chunk(1, "用 apt upgrade 升级所有软件包。"), chunk(2, "Upgrade all with apt upgrade.", document=2)]
    shares = {1: 1.0, 2: 1.0}

    assert order("apt upgrade", ["apt", "upgrad"], chunks, shares)[0].chunk.id == 2
    assert order("怎么用 apt upgrade 升级", ["apt", "upgrad", "升级"], chunks, shares)[0].chunk.id == 1
