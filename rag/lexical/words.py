"""Words as the lexical index counts them: stemmed Latin words, and pairs of neighbouring CJK characters, simplified.

Chinese and Japanese are written without spaces; overlapping pairs find them about as well as a dictionary of words
does, at a sixth of the cost of indexing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from rag.lexical.stemming import stem
from rag.lexical.variants import simplified

NAME = "porter-pairs-simplified"
"""How text becomes terms. Change it with anything that changes one: what was indexed otherwise is then indexed anew."""

HANGUL = "\uac00-\ud7af"
CJK = f"\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff{HANGUL}\U00020000-\U000323af"
CJK_CHARACTER = re.compile(f"[{CJK}]")
_CJK_RUN = re.compile(f"[{CJK}]+")
_ASCII_WORD = re.compile("[a-z0-9]+")
LATIN_WORD = re.compile(rf"(?:(?![{CJK}])[^\W_])+")
_RUN = re.compile(rf"(?P<cjk>[{CJK}]+)|(?P<word>(?:(?![{CJK}])[^\W_])+)")

_STOP_WORDS = """
    a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing down during each few for from further had has have having he her here hers him his how
    i if in into is it its itself just me more most my no nor not now of off on once only or other our ours out over
    own please same say she should so some such tell than that the their theirs them then there these they this those
    through to too under until up us very was we were what when where which while who whom why will with would you your
    yours
"""
# A Chinese word of four characters is three pairs. Measured with `python -m bench retrieval`.
_LATIN_AMONG_PAIRS = 3
STOP_WORDS = frozenset(_STOP_WORDS.split())
_ASKS = re.compile(
    r"[?？]|\b(?:how|what|which|who|whose|where|when|why|i|my|me|you|your|we|our|can|could|should|must|do|does|did|is|are"
    r"|was|were|will|would|may)\b",
    re.I,
)
# Phrases that only ask, in simplified characters. They are cut out before pairs are made, so that no pair spans them.
_ASKING = re.compile(
    "什么时候|为什么|什么样|有什么|是什么|怎么样|能不能|可不可以|是不是|有没有|多少个|什么|怎么|怎样|如何|哪些|哪个|"
    "哪里|哪儿|哪种|是否|请问|告诉我|有?多少|有多(?=[高长大远久重深宽快厚])|可以|应该|谁|哪位|哪一?[年天月日]|几点|几年|几个|吗|呢|吧|啊|么|的|了|是|和|与|或|及|在|我|你|请"
)


def terms(text: str) -> list[str]:
    """Return the terms of a text in order, as they are indexed."""
    return list(_terms(_folded(text)))


def term_set(text: str) -> frozenset[str]:
    """Return the different terms of a text; several times as fast as `terms` for plain English."""
    if text.isascii():
        return frozenset(map(stem, set(_ASCII_WORD.findall(text.lower()))))
    return frozenset(terms(text))


def query_terms(question: str) -> list[str]:
    """Return the terms of a question worth looking for, each once; all its terms when nothing else is left."""
    return telling_terms(question) or list(dict.fromkeys(_terms(_folded(question))))


def telling_terms(question: str) -> list[str]:
    """Return the terms that say what a question is about, each once; none for one like "why?"."""
    return list(dict.fromkeys(_terms(_ASKING.sub(" ", _folded(question)), without=STOP_WORDS)))


def as_often_as_they_count(terms: Sequence[str]) -> list[str]:
    """Return the terms of a question, the Latin ones several times beside Chinese ones, which come as many pairs."""
    if not any(map(CJK_CHARACTER.match, terms)):
        return list(terms)
    return [term for term in terms for _ in range(1 if CJK_CHARACTER.match(term) else _LATIN_AMONG_PAIRS)]


def query_characters(question: str) -> frozenset[str]:
    """Return the CJK characters of a question, without those that only ask."""
    return frozenset(CJK_CHARACTER.findall(_ASKING.sub(" ", _folded(question))))


def asks(question: str) -> bool:
    """Whether a text is a question or a sentence, in English or Chinese; not a title, nor bare key words."""
    return bool(_ASKS.search(question) or _ASKING.search(_folded(question)))


def share_of_latin(text: str) -> float:
    """Return Latin words / (Latin words + CJK characters); 1 for a text with neither."""
    n_words = len(LATIN_WORD.findall(text))
    n_characters = n_cjk(text)
    return n_words / (n_words + n_characters) if n_words + n_characters else 1.0


def n_cjk(text: str) -> int:
    """Return how many CJK characters are in a text."""
    return sum(map(len, _CJK_RUN.findall(text)))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    # Hangul and kana with marks must be put together again; only Latin accents go.
    folded = unicodedata.normalize("NFC", re.sub("(?<=[a-z])[\u0300-\u036f]+", "", decomposed))
    return simplified(folded) if CJK_CHARACTER.search(folded) else folded


def _terms(folded: str, without: Iterable[str] = ()) -> Iterator[str]:
    for run in _RUN.finditer(folded):
        if word := run["word"]:
            if word not in without:
                yield stem(word)
            continue
        characters = run["cjk"]
        if len(characters) == 1:
            yield characters
        for pair in zip(characters, characters[1:], strict=False):
            yield "".join(pair)
