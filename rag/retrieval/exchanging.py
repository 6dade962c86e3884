"""Follow-ups that name another thing of the same kind: "And Borealis?" asks of it what was asked of Aurora.

Without a model, the question before is asked anew with the one in the place of the other, where it is plain which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.lexical import words
from rag.lexical.stemming import stem

MAX_CHARACTERS = 300
_MAX_WORDS = 4
_MAX_CHARACTERS_NAMED = 10

_OPENING = re.compile(
    r"^\W*(?:(?:and|but|or|so|then|what\s+about|how\s+about|what\s+if\s+it\s+is)\b[\s,]*|"
    r"那么?|那麼|还有|還有|另外|而|换成|換成|换作)+",
    re.I,
)
_ENDING = re.compile(r"(?:[\s,]+(?:then|instead|too|as\s+well))?[\s?？!！.。]*$|呢[\s?？]*$", re.I)
# A clause of its own, not the name of a thing.
_CLAUSE = re.compile(
    r"\b(?:what|who|whom|whose|when|where|which|why|how|if|is|are|was|were|be|do|does|did|can|could|will|would|has|have|"
    r"had|should|may|must|it|its|they|them|their|he|him|his|she|her|this|that|these|those|there|not|no|yes)\b|"
    r"什么|什麼|谁|誰|哪|几|幾|多|怎|吗|嗎|是|有|要|会|能|可|它|(?<!其)他|她|这|這",
    re.I,
)
_WORD = re.compile(r"[^\W_][\w'’.-]*[^\W_]|[^\W_]")
_ORDINAL = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|former|latter|\d+(?:st|nd|rd|th))\b",
    re.I,
)
_ORDINAL_ALONE = re.compile(rf"(?:the\s+)?({_ORDINAL.pattern})(?:\s+ones?)?", re.I)
_ORDINAL_CJK = re.compile(r"第[一二三四五六七八九十百\d]+")
_CHOOSING = frozenset(["which", "what", "whose"])
_PREPOSITION = re.compile(r"(in|on|for|at|by|from|to|with|under|during|after|before)\s+\S", re.I)
_CJK = re.compile(r"第[一二三四五六七八九十百\d]+")
_CHOOSING = frozenset(["which", "what", "whose"])
_PREPOSITION = re.compile(r"(in|on|for|at|by|from|to|with|under|during|after|before)\s+\S", re.I)
# Where the name of a thing begins or ends.
_CJK_BOUNDARY = "的是在和与與或对對把被从從向了给給由跟比"


def exchanged(question: str, before: str) -> str:
    """Return the question `before` asked of what a follow-up names; "" where that is not plain."""
    if max(len(question), len(before)) > MAX_CHARACTERS:
        return ""
    named = _ENDING.sub("", _OPENING.sub("", question)).strip()
    if not named or _CLAUSE.search(named):
        return ""
    if words.CJK_CHARACTER.search(named):
        return _exchanged_cjk(named, before) if len(named) <= _MAX_CHARACTERS_NAMED else ""
    if len(_WORD.findall(named)) > _MAX_WORDS:
        return ""
    if ordinal := _ORDINAL_ALONE.fullmatch(named):
        return _in_place_of_one(_ORDINAL.finditer(before), ordinal[1], before)
    return _phrase(named, before) or _of_its_kind(named, before) or _name(named, before)


def _in_place_of_one(found: Iterator[re.Match[str]], new: str, before: str) -> str:
    spans = [match.span() for match in found]
    return _replaced(before, *spans[0], new) if len(spans) == 1 else ""


def _replaced(text: str, start: int, end: int, new: str) -> str:
    return "" if text[start:end].casefold() == new.casefold() else f"{text[:start]}{new}{text[end:]}"


def _phrase(named: str, before: str) -> str:
    """Put "in winter" in the place of "in summer" at the end of a question."""
    opening = _PREPOSITION.match(named)
    if not opening:
        return ""
    at_end = re.search(rf"\b{opening[1]}\s+(?:(?:the|an?|my|our)\s+)?[^\s?,;]+(?=[?.\s]*$)", before, re.I)
    return _replaced(before, at_end.start(), at_end.end(), named) if at_end else ""


def _of_its_kind(named: str, before: str) -> str:
    """Put "annual leave" in the place of "parental leave": the last word says what kind of thing it is."""
    *more, kind = _WORD.findall(named)
    kind = stem(kind.lower())
    parts = list(_WORD.finditer(before))
    places = [number for number, part in enumerate(parts) if stem(part[0].lower()) == kind]
    if not more or len(places) != 1:
        return ""
    first = last = places[0]
    while first > 1 and last - first < len(more) and parts[first - 1][0].lower() not in words.STOP_WORDS:
        first -= 1
    # Who "approves" leave is no kind of leave.
    if first == 1 and parts[0][0].lower() not in _CHOOSING:
        first = min(first + 1, last)
    article = re.match(r"(?:the|an?)\s+", named, re.I)
    has_article = first > 0 and parts[first - 1][0].lower() in _CHOOSING | {"the", "a", "an"}
    new = named[article.end() :] if article and has_article else named
    return _replaced(before, parts[first].start(), parts[last].end(), new)


def _name(named: str, before: str) -> str:
    """Put a name in the place of the one name in the question before, or a number in the place of the one number."""
    if not all(_is_name(word) for word in _WORD.findall(named)):
        return ""
    has_digit = any(character.isdigit() for character in named)
    spans: list[tuple[int, int]] = []
    for number, word in enumerate(_WORD.finditer(before)):
        if not number or not _is_name(word[0]) or any(c.isdigit() for c in word[0]) is not has_digit:
            continue
        if spans and not before[spans[-1][1] : word.start()].strip():
            spans[-1] = (spans[-1][0], word.end())
        else:
            spans.append(word.span())
    return _replaced(before, *spans[0], named) if len(spans) == 1 else ""


def _is_name(word: str) -> bool:
    return (word[0].isupper() and word != "I") or any(character.isdigit() for character in word)


def _exchanged_cjk(named: str, before: str) -> str:
    if ordinal := _ORDINAL_CJK.match(named):
        return _in_place_of_one(_ORDINAL_CJK.finditer(before), ordinal[0], before)
    if not all(map(words.CJK_CHARACTER.match, named)):
        return ""
    # What both end with says what kind of thing they are; a single character does so for short names.
    for length in range(len(named) - 1, 0 if len(named) <= 3 else 1, -1):
        kind = named[-length:]
        at = before.find(kind)
        if at < 0 or before.find(kind, at + 1) >= 0:
            continue
        start = at
        while start and at - start < _MAX_CHARACTERS_NAMED and _is_inside(before[start - 1]):
            start -= 1
        return _replaced(before, start, at + length, named)
    return ""


def _is_inside(character: str) -> bool:
    return bool(words.CJK_CHARACTER.match(character)) and character not in _CJK_BOUNDARY
