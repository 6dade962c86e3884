"""What sort of answer a question asks for, and which sentences can give it: a date, an amount, the document itself."""

from __future__ import annotations

import re
from enum import Enum, auto

from rag.answers.figures import CJK_DIGIT, MONTH, NUMBER_WORD, Measure, measures
from rag.answers.signs import Sign, shows
from rag.lexical import words
from rag.lexical.variants import simplified


class Wish(Enum):
    YEAR = auto()
    DATE = auto()
    MONEY = auto()
    WEIGHT = auto()
    LENGTH = auto()
    EXTENT = auto()
    """Of time or of space: how long, how far."""
    AMOUNT = auto()
    PERSON = auto()
    AUTHOR = auto()
    REASON = auto()
    COLOUR = auto()


# What is spelled in letters that need not say what it is.
_SPELLED = (
    r"(?:commands?|files?|options?|packages?|programs?|tools?|keys?|director(?:y|ies)|folders?|variables?|parameters?|"
    r"settings?|switch(?:es)?|modules?|librar(?:y|ies)|lines?|address(?:es)?|ports?|values?|fields?|keywords?|flags?)"
)
_SPELLED_ZH = (
    "命令|文件|选项|软件包|程序|工具|按?键|目录|文件夹|变量|参数|设置|开关|模块|库|地址|端口|字段|服务器|名字|名称"
)
_ASKS_YEAR = re.compile(r"\b(?:what|which)\s+year\b|哪一?年|几几年", re.I)
# "What happens when it restarts?" and "When it restarts, what happens?" do not ask for a time.
_WHEN = (
    r"^\W*when\b(?![^?]*,\s*(?:what|which|who|how|where|why|can|do|does|is|are|should|must)\b)|\bwhen\W*$"
    r"|(?:\b(?:and|or|but|know|me|us|say|says|remember|out|since|by|until|from|exactly)\b|[,;:])\s*when\b"
)
_ASKS_DATE = re.compile(
    rf"{_WHEN}|\b(?:what|which)\s+(?:date|day|month|time|century)\b|\bhow\s+(?:late|early|soon)\b"
    r"|什么时候|什麼時候|何时|何時|哪一?[天月日]|几[年月号点日]|幾[年月號點日]|什么日子|多久",
    re.I,
)
# By what is asked, the first that fits.
_ASKS_MEASURE = {
    Wish.MONEY: re.compile(
        r"\b(?:cost|costs|price|fee|salary|wages?|rent)\b|\bhow\s+much\b[^?]*\b(?:pay|pays|paid|earns?|spend|charged?)\b"
        r"|多少钱|多少錢|几块|工资|工資|薪水|价格|價格|费用|費用",
        re.I,
    ),
    Wish.WEIGHT: re.compile(
        r"\bhow\s+heavy\b|\bweighs?\b|\bweight\b|多重|重量|(?:几|多少)(?:公斤|公克|千克|克|吨|斤)", re.I
    ),
    Wish.EXTENT: re.compile(r"\bhow\s+(?:long|far)\b|多[长長久远遠]", re.I),
    Wish.LENGTH: re.compile(r"\bhow\s+(?:high|tall|wide|deep|thick)\b|\b(?:height|width|depth)\b|多[高宽寬深厚]", re.I),
}
_ASKS_AMOUNT = re.compile(
    r"\bhow\s+(?:many|much|long|high|tall|far|old|big|large|heavy|fast|deep|wide|often|hot|cold|thick)\b"
    r"|\b(?:what|which)\b[^?]*\b(?:cost|price|number|percentage|share|limit|fee|size|height|length|width|weight|amount|salary|wages?|rent)\b"
    r"|几|幾|多少|工资|工資|薪水|重量|多[高长長大远遠久重深宽寬快厚]",
    re.I,
)

# Of what has no figure, the first that fits.
_ASKS_SIGN = {
    Wish.COLOUR: re.compile(r"\b(?:what|which)\s+colou?rs?\b|(?:什么|哪种|什么样的)颜?色", re.I),
    # "Who wrote it?", not "Who may use it?"
    Wish.AUTHOR: re.compile(
        r"^\W*who\s+(?:\w+ed|wrote|made|built|drew|began|won|led|found)\b|是谁.{1,6}的\W*$|谁(?:设计|写|发明|创建|画|开发|创办)",
        re.I,
    ),
    Wish.PERSON: re.compile(
        r"^\W*who\b|\b(?:and|or)\s+who\b|\b(?:by|for|to|from|with|of)\s+whom\b|^\W*whose\b|谁|哪位|什么人|何人", re.I
    ),
    Wish.REASON: re.compile(r"\bwhy\b|\bwhat\s+(?:is\s+the\s+)?reason\b|为什么|为何|为啥|什么原因", re.I),
}
_SIGNS = {
    Wish.PERSON: Sign.PERSON,
    Wish.AUTHOR: Sign.AUTHOR,
    Wish.REASON: Sign.REASON,
    Wish.COLOUR: Sign.COLOUR,
}

_FIGURES = {
    Wish.YEAR: re.compile(rf"(?<!\d)(?:1\d|20)\d\d(?!\d)|[{CJK_DIGIT}]{{2,4}}年"),
    Wish.DATE: re.compile(
        rf"\b(?:1\d|20)\d\d\b|\b(?:{MONTH})\b|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b|\b\d{{1,2}}[:.]\d\d\b"
        rf"|\b(?:\d+(?:st|nd|rd|th)?|{NUMBER_WORD}|a|an|one|each|every)[ -]"
        r"(?:century|weeks?|months?|days?|hours?|minutes?|years?)\b|\b(?:spring|summer|autumn|winter|noon|midnight)\b"
        rf"|[\d{CJK_DIGIT}]\s*(?:年|月|日|号|點|点|天|周|小时|小時|世纪)|星期|春|夏|秋|冬",
    ),
    Wish.AMOUNT: re.compile(
        rf"\d|\b(?:{NUMBER_WORD}|once|twice|daily|weekly|monthly|yearly|annually)\b|[{CJK_DIGIT}]{{2,}}"
        rf"|(?<!第)[{CJK_DIGIT}](?:年|月|日|号|点|天|小时|分|元|块|角|米|公里|岁|级|票|个|名|人|次|页|倍|成|艘|间|本|件)",
        re.I,
    ),
}
# Of a unit that nobody here knows, a figure may be what is asked for.
_MEASURES = {
    Wish.MONEY: frozenset((Measure.MONEY, Measure.OTHER)),
    Wish.WEIGHT: frozenset((Measure.WEIGHT,)),
    Wish.EXTENT: frozenset((Measure.TIME, Measure.LENGTH)),
    Wish.LENGTH: frozenset((Measure.LENGTH, Measure.OTHER)),
}
# "When does it switch off?" may be answered by what must happen first.
_CONDITION = re.compile(
    r"\b(?:when|whenever|if|unless|until|once|as soon as|after|before|during|while|always|never)\b"
    r"|如果|若|当|(?<!小)时(?!间)|之?前|之?后|以后|只要|除非|随时|每次",
    re.I,
)
_ASKS_PAST = re.compile(r"\bwhen\s+(?:was|were|did|had)\b|什么时候.{1,12}了|何时.{1,12}了|什么时候.{1,6}的\W*$", re.I)
_KIND = re.compile(
    r"\bwhich\s+(?:(?:kind|sort|type)s?\s+of\s+)?(?!of\b|ones?\b)([a-z]{3,})"
    r"|\bwhat\s+(?:kinds?|sorts?|types?)\s+of\s+([a-z]{3,})"
    rf"|(?:哪一?[个种家所座款台部条间门]|什么)(?!时候|意思|地方|样|人|东西|事|用|问题)([{words.CJK}]{{2}})",
    re.I,
)
_ASKS_SPELLED = re.compile(
    rf"\b(?:which|what)\s+(?:\w+\s+)?{_SPELLED}\b|(?:哪一?[个些种条]|什么)[{words.CJK}]{{0,4}}?(?:{_SPELLED_ZH})", re.I
)
_FIGURE_NAME = re.compile(
    r"有?多(?:少|([高长長大远遠久重深宽寬快厚]))|哪一?[年天月日]|\b(?:what|which)\s+(?:year|date|day|month|time|century)\b",
    re.I,
)
# A link of Markdown with its name, or an address.
_LINK = re.compile(r"!?\[[^\]\n]*\]\([^)\n]*\)|(?:https?://|www\.)[^\s)>\]]+")
_ADDRESS = re.compile(r"(?<=\])\([^)\n]*\)|(?:https?://|www\.)[^\s)>\]]+")
_ITSELF = re.compile(
    r"\bthis\s+(?:\w+\s+)?(?:summary|document|file|page|report|text|paper|article|letter|contract|book|policy|manual|"
    r"minutes|presentation|e?mail|notes?|pdf|list|table|statement|invoice|agreement|study)\b"
    # Not 一本书, where 本 counts books.
    rf"|(?:这|這|(?<![{CJK_DIGIT}几幾每半多少哪\d])本|该|該)(?:一?[份篇个個页頁本张張封])?(?:文件|文档|文檔|报告|報告|总结|總結|摘要|网页|網頁|页|文章|合同|信|手册|"
    r"规定|规章|书|表|说明|通知|纪要|发票|协议|论文)",
    re.I,
)


def telling_part(question: str) -> str:
    """Return a question without the words that only name the figure asked for: "year", and of 有多高 all but 高."""
    return _FIGURE_NAME.sub(lambda found: f" {found[1] or ''} ", question)


def wish_of(question: str) -> Wish | None:
    """Return what sort of answer a question asks for, if its words tell."""
    question = simplified(question)
    if _ASKS_YEAR.search(question):
        return Wish.YEAR
    if _ASKS_DATE.search(question):
        return Wish.DATE
    if _ASKS_AMOUNT.search(question):
        return next((wish for wish, asks in _ASKS_MEASURE.items() if asks.search(question)), Wish.AMOUNT)
    return next((wish for wish, asks in _ASKS_SIGN.items() if asks.search(question)), None)


def grants(wish: Wish, text: str, question: str = "") -> bool:
    """Whether a text holds such an answer. What links say does not count: they tell of other pages."""
    shown = simplified(without_links(text))
    if wish in _MEASURES:
        return not _MEASURES[wish].isdisjoint(measures(shown)) or (
            wish is Wish.EXTENT and bool(_FIGURES[Wish.DATE].search(shown))
        )
    if wish in _SIGNS:
        return shows(_SIGNS[wish], shown, question)
    return bool(_FIGURES[wish].search(shown))


def allows(wish: Wish, text: str, question: str = "") -> bool:
    """Whether a text can answer: it grants the wish, or tells when by what comes before."""
    if grants(wish, text, question):
        return True
    return (
        wish is Wish.DATE and not _ASKS_PAST.search(simplified(question)) and bool(_CONDITION.search(simplified(text)))
    )


def kind_of(question: str) -> frozenset[str]:
    """Return the terms of what is asked for by its kind: "Which hotel ...?"; none of what a text need not name."""
    question = simplified(question)
    if wish_of(question) is not None or _ASKS_SPELLED.search(question):
        return frozenset()
    found = _KIND.search(question)
    return frozenset(words.telling_terms(next(filter(None, found.groups())))) if found else frozenset()


def is_about_itself(question: str) -> bool:
    """Whether a question asks about the document as such: "this summary", not a summary that it names."""
    return bool(_ITSELF.search(question))


def without_links(text: str) -> str:
    return _LINK.sub(" ", text)


def without_addresses(text: str) -> str:
    """Return a text as a page shows it: the names of its links stay, their addresses go."""
    return _ADDRESS.sub(" ", text)
