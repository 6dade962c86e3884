"""English word stems, so that "renewing" finds "renewal".

Source: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980.
"""

from __future__ import annotations

import re
from functools import lru_cache

_C = "[^aeiou](?:[^aeiouy]*)"
_V = "[aeiouy](?:[aeiou]*)"
_MEASURE_OVER_0 = re.compile(f"^(?:{_C})?{_V}{_C}")
_MEASURE_IS_1 = re.compile(f"^(?:{_C})?{_V}{_C}(?:{_V})?$")
_MEASURE_OVER_1 = re.compile(f"^(?:{_C})?{_V}{_C}{_V}{_C}")
_HAS_VOWEL = re.compile(f"^(?:{_C})?[aeiouy]")
_DOUBLE = re.compile(r"([^aeiouylsz])\1$")
_SHORT = re.compile("^(?:[^aeiou][^aeiouy]*)[aeiouy][^aeiouwxy]$")

_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "abli": "able", "alli": "al",
    "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
    "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
}  # fmt: skip
_STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
)  # fmt: skip
_SUFFIX_2 = re.compile(f"({'|'.join(sorted(_STEP_2, key=len, reverse=True))})$")
_SUFFIX_3 = re.compile(f"({'|'.join(sorted(_STEP_3, key=len, reverse=True))})$")
_SUFFIX_4 = re.compile(f"({'|'.join(sorted(_STEP_4, key=len, reverse=True))})$")


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return the stem of a lower-case word; anything but plain ASCII letters comes back unchanged."""
    if len(word) < 3 or not (word.isascii() and word.isalpha()):
        return word
    # A y at the start, or behind a vowel, is a consonant; upper case keeps it out of the vowel classes.
    word = re.sub("(^|[aeiou])y", r"\1Y", word)
    for step in (_plural, _past_and_gerund, _final_y, _step_2, _step_3, _step_4, _final_e):
        word = step(word)
    return word.lower()


def _plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _past_and_gerund(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _MEASURE_OVER_0.match(word[:-3]) else word
    root = word[:-2] if word.endswith("ed") else word[:-3] if word.endswith("ing") else ""
    if not root or not _HAS_VOWEL.match(root):
        return word
    if root.endswith(("at", "bl", "iz")):
        return root + "e"
    if _DOUBLE.search(root):
        return root[:-1]
    return root + "e" if _SHORT.match(root) else root


def _final_y(word: str) -> str:
    return word[:-1] + "i" if word.endswith("y") and _HAS_VOWEL.match(word[:-1]) else word


def _step_2(word: str) -> str:
    return _replaced(word, _SUFFIX_2, _STEP_2)


def _step_3(word: str) -> str:
    return _replaced(word, _SUFFIX_3, _STEP_3)


def _replaced(word: str, suffix: re.Pattern[str], endings: dict[str, str]) -> str:
    found = suffix.search(word)
    if not found:
        return word
    root = word[: found.start()]
    return root + endings[found[0]] if _MEASURE_OVER_0.match(root) else word


def _step_4(word: str) -> str:
    found = _SUFFIX_4.search(word)
    if not found:
        return word
    root = word[: found.start()]
    if found[0] == "ion" and not root.endswith(("s", "t")):
        return word
    return root if _MEASURE_OVER_1.match(root) else word


def _final_e(word: str) -> str:
    if word.endswith("e"):
        root = word[:-1]
        if _MEASURE_OVER_1.match(root) or (_MEASURE_IS_1.match(root) and not _SHORT.match(root)):
            word = root
    return word[:-1] if word.endswith("ll") and _MEASURE_OVER_1.match(word[:-1]) else word
