"""When a search says "not in your documents": not where the answer stands in other words, but where none does."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import pytest

from rag.lexical import words
from rag.retrieval.candidates import FoundChunk
from rag.retrieval.evidence import NEEDED_WITH_MEANING, coverage_of, evidence, needed
from rag.retrieval.looking import look_at
from rag.types import PLAIN

# A manual in miniature; the questions are not worded as it is.
MANUAL = [
    "硬盘空间的使用情况可以通过 df 来查看，它显示每个文件系统还有多少可用的容量。",
    "为了使组权限应用到一个特定用户，需要把这个用户加入该组，重新登录后生效。",
    "计划任务由 cron 执行；关机期间错过的任务由 anacron 在开机后补上。",
    "新建文件的权限受 umask 的限制，默认值写在登录脚本里。",
    "软件包删除后，配置文件仍然留着；清除命令会把它们一起去掉。",
    "日志保存在系统目录里，旧的日志会被压缩，一个月后删除。",
]


def chunk(pk: int, text: str) -> FoundChunk:
    terms = f" {' '.join(words.terms(text))} "
    return FoundChunk(terms, pk, 1, UUID(int=1), "a.txt", PLAIN, pk, 0, len(text), None, "", text)


CHUNKS = [chunk(number, text) for number, text in enumerate(MANUAL)]


def coverage_in(chunks: list[FoundChunk], terms: list[str], borrowed: Collection[str] = ()) -> dict[int, float]:
    return coverage_of(terms, look_at("", terms, chunks), borrowed)


def best(question: str) -> tuple[int, float]:
    coverage = coverage_in(CHUNKS, words.query_terms(question))
    pk = max(coverage, key=coverage.__getitem__)
    return pk, evidence(0.0, coverage[pk])


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("怎么查看磁盘还剩多少空间？", 0),
        ("怎样让某个用户加入一个组？", 1),
        ("关机的时候任务没有执行怎么办？", 2),
        ("新建的文件有什么权限？", 3),
        ("删掉软件包以后，配置文件还在，怎么清除？", 4),
        ("旧日志什么时候会删除？", 5),
    ],
)
def test_an_answer_in_other_words_is_enough(question: str, place: int) -> None:
    found, amount = best(question)

    assert found == place
    assert amount >= needed(question, trust=0.0)


@pytest.mark.parametrize(
    "question",
    ["怎么做米饭？", "明天上海的天气怎么样？", "谁写了红楼梦？", "月球离地球有多远？", "感冒了应该吃什么药？"],
)
def test_what_no_passage_is_about_is_not_answered(question: str) -> None:
    assert best(question)[1] < needed(question, trust=0.0)


def test_a_name_that_stands_there_is_enough_whatever_the_embedder_thinks() -> None:
    coverage = coverage_in(CHUNKS, ["anacron"])

    assert evidence(0.0, coverage[2]) >= needed("anacron", trust=1.0) == NEEDED_WITH_MEANING


def test_where_meaning_is_trusted_both_together_count() -> None:
    question = "Which tool tells how full the disk is?"

    assert evidence(0.45, 0.2) >= needed(question, trust=1.0) > evidence(0.45, 0.0)


def test_what_an_earlier_question_named_tells_half_as_much() -> None:
    terms = ["anacron", "umask"]

    own, borrowed = coverage_in(CHUNKS, terms), coverage_in(CHUNKS, terms, borrowed=["umask"])

    assert own[2] == own[3] == pytest.approx(0.5)
    assert (borrowed[2], borrowed[3]) == (pytest.approx(2 / 3), pytest.approx(1 / 3))


def test_a_question_of_nothing_is_answered_by_nothing() -> None:
    assert set(coverage_in(CHUNKS, []).values()) == {0.0}


def test_one_word_of_a_chinese_question_tells_less_than_its_share_and_three_more() -> None:
    terms = words.query_terms("预算 负责 审批 会议")
    one, two, three = (chunk(n, text) for n, text in enumerate(("负责", "负责，预算", "负责，预算，审批")))
    everything = chunk(3, "预算，负责，审批，会议")
    latin = words.query_terms("budget approval meeting committee")

    coverage = coverage_in([one, two, three, everything], terms)
    alike = coverage_in([chunk(0, "budget"), chunk(1, "budget approval"), chunk(2, "budget approval meeting")], latin)

    assert coverage[0] / coverage[1] < alike[0] / alike[1]
    assert coverage[2] / coverage[1] > alike[2] / alike[1] - 1e-9
    assert coverage[3] == 1
