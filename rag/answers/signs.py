"""By what a text shows that it names a person, a reason or a colour."""

from __future__ import annotations

import re
from enum import Enum, auto

from rag.lexical import words


class Sign(Enum):
    PERSON = auto()
    AUTHOR = auto()
    """Somebody certain, not just people."""
    REASON = auto()
    COLOUR = auto()


_SIGNS = {
    Sign.PERSON: re.compile(
        r"\b(?:he|she|they|we|I|him|her|them|us|people|persons?|humans?|anyone|anybody|everyone|everybody|someone|nobody|"
        r"teams?|groups?|committees?|compan(?:y|ies)|heads?|users?|readers?|authors?|owners?|members?|admins?|guests?|"
        r"administrators?|developers?|maintainers?|managers?|directors?|keepers?|teachers?|students?|\w+(?:wo)?m[ae]n)\b"
        r"|[人员者师长们]|团队|小组|公司|女士|先生|小姐|用户|[我你您他她]|由",
        re.I,
    ),
    Sign.AUTHOR: re.compile(r"\b(?:he|she|by (?:the|a|an|our) \w+)\b|女士|先生|小姐|由[^于]|[他她我]", re.I),
    Sign.REASON: re.compile(
        r"\b(?:because|since|so that|in order to|due to|owing to|thanks to|reasons?|causes?|caused|therefore|thus|"
        r"hence|otherwise|ensures?|purposes?|prevents?|avoids?|to (?:allow|make|keep|protect|save|reduce))\b"
        r"|, (?:as|so)\b"
        r"|因为|由于|因此|所以|因而|原因|以便|为了|以免|避免|防止|否则|导致|使得|之所以|目的|只有这样|才能",
        re.I,
    ),
    Sign.COLOUR: re.compile(
        r"\b(?:red|green|blue|yellow|black|white|gr[ae]y|brown|orange|purple|violet|pink|silver|golden)\b"
        r"|[红绿蓝黄黑白灰棕褐紫橙粉银金][色的]",
        re.I,
    ),
}
# Not at the beginning of a sentence.
_NAME = re.compile(rf"(?<=[a-z,;:&] )[A-Z][a-zà-ÿ]+|(?<=[(“\"‘{words.CJK}])\s?[A-Z][a-zà-ÿ]+")


def shows(sign: Sign, text: str, question: str = "") -> bool:
    """Whether a text has a sign. A name that is in the question is not the one asked for."""
    if _SIGNS[sign].search(text):
        return True
    names = [found[0] for found in _NAME.finditer(text)] if sign in (Sign.PERSON, Sign.AUTHOR) else []
    if not names:
        return False
    asked = words.term_set(question)
    return any(words.term_set(name).isdisjoint(asked) for name in names)
