"""The figures that stand in a text, and what each of them measures: its unit tells, where it has one."""

from __future__ import annotations

import re
from enum import Enum, auto

MONTH = (
    "January|February|March|April|May|June|July|August|September|October|November|December|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
)
NUMBER_WORD = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|"
    "nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?"
)
CJK_DIGIT = "零〇一二两三四五六七八九十百千万亿"


class Measure(Enum):
    TIME = auto()
    LENGTH = auto()
    WEIGHT = auto()
    MONEY = auto()
    PEOPLE = auto()
    PLACE = auto()
    OTHER = auto()
    """Anything else, or no unit at all."""


_NUMBER = rf"(?:\d[\d.,:]*|\b(?:{NUMBER_WORD}|one|an?|half)\b|(?<!第)[{CJK_DIGIT}]+)"
_UNITS = {
    Measure.TIME: (
        rf"(?:centur(?:y|ies)|years?|months?|weeks?|days?|hours?|minutes?|seconds?|o['’]clock|(?:{MONTH}))\b"
        r"|世纪|年|个?月|日|天|个?星期|周|个?小时|点|分钟|秒"
    ),
    Measure.LENGTH: (
        r"(?:mm|cm|km|m|ft|(?:kilo|centi|milli)?met(?:er|re)s?|miles?|feet|foot|inch(?:es)?|yards?|storeys?|stor(?:y|ies)|"
        r"floors?)\b|米|公里|千米|厘米|公分|毫米|公尺|英尺|英寸|海里|层"
    ),
    Measure.WEIGHT: (
        r"(?:kg|mg|g|t|kilos?|(?:kilo|milli)?grams?|tons?|tonnes?|lbs?|ounces?)\b|公斤|公克|千克|毫克|克(?!朗)|吨|斤"
    ),
    Measure.MONEY: (
        r"(?:euros?|dollars?|pounds?|pence|cents?|krone[rn]?|kronor|crowns?|francs?|yen|yuan|eur|usd|gbp|chf|rmb)\b|[€$£¥]"
        r"|欧元|美元|日元|元|块|英镑|法郎|克朗|角|分(?!钟)"
    ),
    Measure.PEOPLE: (
        r"(?:people|persons?|men|women|children|adults?|guests?|visitors?|members?|votes?)\b|个?人|票|名|位"
    ),
    Measure.PLACE: r"(?:楼|章|页|号)",
}
_UNIT = "|".join(f"(?P<{measure.name}>{unit})" for measure, unit in _UNITS.items())
_FIGURE = re.compile(rf"(?P<sign>[€$£¥]\s?)?{_NUMBER}(?:[ -]?(?:{_UNIT}))?", re.I)
_YEAR = re.compile(r"(?:1\d|20)\d\d")
_CLOCK = re.compile(r"\d{1,2}:\d\d")
# What costs nothing has no figure.
_FREE = re.compile(
    r"\bfree\b|\bnothing\b|\bno charge\b|\bwithout (?:pay|charge)|\bhalf\b|免费|不用付|不用交|不付|一半|半价", re.I
)
_VAGUE = frozenset(("a", "an", "one", "half", "一"))


def measures(text: str) -> frozenset[Measure]:
    """Return what the figures of a text measure."""
    found = {measure for figure in _FIGURE.finditer(text) if (measure := _measure(figure))}
    return frozenset(found | {Measure.MONEY} if _FREE.search(text) else found)


def _measure(figure: re.Match[str]) -> Measure | None:
    if figure["sign"]:
        return Measure.MONEY
    if unit := next((measure for measure in _UNITS if figure[measure.name]), None):
        return unit
    number = figure[0].strip(" -").rstrip(".,:")
    if number.lower() in _VAGUE:
        return None
    return Measure.TIME if _YEAR.fullmatch(number) or _CLOCK.fullmatch(number) else Measure.OTHER
