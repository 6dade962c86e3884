"""TeX formulas as MathML: normalise, convert (latex2mathml), keep what MathML Core can show; else show the TeX as code.

latex2mathml writes for full MathML 3. Browsers implement MathML Core, where alignment, boxes, lines and most font
variants have to be said otherwise (classes, other letters); `_Writer` translates, and it is the allow-list as well.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import escape, unescape
from xml.etree.ElementTree import Element  # noqa: S405  (the type only: nothing is parsed here)

from latex2mathml import exceptions as tex_errors
from latex2mathml.converter import Converter

from .limits import MAX_TEX_CHARS, MAX_TEX_NESTING
from .sanitize import MATH_ATTRIBUTES, MATH_TAGS, words


class FormulaNotShown(ValueError):
    """The formula uses something that we cannot show faithfully; its TeX is shown instead."""


# The converter has no common base for its errors and trips over hostile input in every ordinary way.
_CONVERTER_FAILURES: tuple[type[Exception], ...] = (
    FormulaNotShown,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
    *(kind for kind in vars(tex_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)


def render_math(tex: str, *, display: bool) -> str:
    """Return `<math>`, or `<code>` with the TeX where it cannot be shown. Never raises."""
    mathml = _mathml(tex.strip(), display)
    if mathml is not None:
        return mathml
    return tex_as_code(tex, display=display)


def tex_as_code(tex: str, *, display: bool) -> str:
    modifier = " math-source--block" if display else ""
    return f'<code class="math-source{modifier}">{escape(tex.strip())}</code>'


@lru_cache(maxsize=2048)
def _mathml(tex: str, display: bool) -> str | None:
    """Return None for a formula that cannot be shown. Cached: the open end of an answer is rendered many times."""
    if not tex or len(tex) > MAX_TEX_CHARS or _nesting(tex) > MAX_TEX_NESTING:
        return None
    try:
        root = Converter(display="block" if display else "inline").convert_to_element(normalised(tex))
        return _Writer(tex, display).write(root)
    except _CONVERTER_FAILURES:
        return None


def _nesting(tex: str) -> int:
    deepest = depth = 0
    for match in re.finditer(r"\\.|[{}]", tex, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        deepest = max(deepest, depth)
    return deepest


# ---- normalise ------------------------------------------------------------------------------------------------------

# Macros could expand without end; links, classes, files and raw characters have no place in a formula.
_REFUSED = re.compile(
    r"\\(?:def|gdef|edef|xdef|let|(?:re)?newcommand|providecommand|DeclareMathOperator\*?|newenvironment|require|"
    r"href|url|class|style|unicode|includegraphics|input|include|catcode|csname|verb)(?![a-zA-Z])"
)
_ENVIRONMENTS = {
    # latex2mathml's `align` numbers its rows and it does not know the rest of this list.
    "align": "align*",
    "alignat": "align*",
    "alignat*": "align*",
    "aligned": "align*",
    "alignedat": "align*",
    "dcases": "cases",
    "eqnarray": "align*",
    "eqnarray*": "align*",
    "flalign": "align*",
    "flalign*": "align*",
    "gather": "matrix",
    "gather*": "matrix",
    "gathered": "matrix",
    "multline": "matrix",
    "multline*": "matrix",
}
_NAMED_OPERATORS = (
    r"Cov|KL|ReLU|Tr|Var|argmax|argmin|cov|diag|erfc?|grad|lcm|rank|relu|rot|sech|csch|sgn|sigmoid|sign|softmax|span|supp|"
    r"tr|var"
)
_ARGUMENT = r"(?:\{(?:[^{}]|\{[^{}]*\})*\}|\w)"


def normalised(tex: str) -> str:
    """Return TeX that latex2mathml converts as an author meant it.

    Raises:
        FormulaNotShown: It defines macros or reaches outside the formula.
    """
    if _REFUSED.search(tex):
        raise FormulaNotShown(tex)
    tex = re.sub(r"(?<!\\)%", r"\\%", tex)  # models write per cent signs, not comments
    tex = re.sub(
        r"\\(?:label|vspace|hspace\*?)\s*\{[^{}]*\}|\\(?:displaylimits|allowbreak|nobreak|notag|nonumber)(?![a-zA-Z])",
        "",
        tex,
    )
    tex = re.sub(r"\\begin\{(?:equation|displaymath|math)\*?\}|\\end\{(?:equation|displaymath|math)\*?\}", "", tex)
    tex = re.sub(r"(\\begin\{(?:alignat\*?|alignedat)\})\s*\{\d+\}", r"\1", tex)
    tex = re.sub(r"(\\begin\{(?:aligned|gathered|alignedat)\})\s*\[[tbc]\]", r"\1", tex)
    tex = re.sub(r"\\(begin|end)\{([a-z]+\*?)\}", _known_environment, tex)
    tex = re.sub(r"\\\\\s*\[\s*-?[\d.]+\s*[a-z]{2}\s*\]", r"\\\\", tex)
    tex = re.sub(r"\\text(?:rm|bf|it|sf|tt|normal|up|md)?\s*\{((?:[^{}]|\{[^{}]*\})*)\}", _plain_text, tex)
    tex = re.sub(r"\\mathrm\s*\{([a-zA-Z]{2,})\}", r"\\text{\1}", tex)
    tex = re.sub(r"\\[bB]igg?[lrm]?\s*(?=\\[a-zA-Z])", "", tex)  # sizes are known before signs only
    tex = re.sub(r"\\operatorname\s*(\*?)\s*\{([^{}]*)\}", _operator, tex)
    tex = re.sub(r"\\arg\s*(?:\\[,;:! ]\s*)?\\(max|min)(?![a-zA-Z])", r"\\arg\1", tex)
    tex = re.sub(rf"\\({_NAMED_OPERATORS})(?![a-zA-Z])", _named_operator, tex)
    tex = re.sub(r"\\([RNZQCEP])(?![a-zA-Z])", r"\\mathbb{\1}", tex)
    # The converter writes the brackets of these beside them, which an exponent would take for operands.
    tex = re.sub(r"(\\begin\{[pbBvV]matrix\*?\})", r"{\1", tex)
    tex = re.sub(r"(\\end\{[pbBvV]matrix\*?\})", r"\1}", tex)
    tex = re.sub(rf"\\[dt]?binom\s*{_ARGUMENT}\s*{_ARGUMENT}", r"{\g<0>}", tex)
    tex = _with_tag_last(tex)
    if re.search(r"\\\\", tex) and r"\begin" not in tex and r"\substack" not in tex:
        environment = "align*" if "&" in tex else "matrix"
        tex = rf"\begin{{{environment}}}{tex}\end{{{environment}}}"
    return tex.strip()


def _known_environment(match: re.Match[str]) -> str:
    return rf"\{match[1]}{{{_ENVIRONMENTS.get(match[2], match[2])}}}"


def _plain_text(match: re.Match[str]) -> str:
    """Flatten commands inside of `\\text`, and set what stands between dollars as mathematics."""
    command = match[0].split("{", 1)[0]
    content = re.sub(r"\\(?:text[a-z]*|emph|mathrm)\s*\{([^{}]*)\}", r"\1", match[1]).replace("{", "").replace("}", "")
    pieces = content.split("$")
    if len(pieces) % 2 == 0:
        pieces = [content.replace("$", "")]
    return "".join(piece if i % 2 else f"{command}{{{piece}}}" for i, piece in enumerate(pieces) if piece)


def _operator(match: re.Match[str]) -> str:
    name = re.sub(r"\\[,;:! ]|\\(?:mathrm|text)\b|[~\s]", "", match[2])
    if name in {"argmax", "argmin"}:
        return rf"\{name} "
    return rf"\operatorname{match[1]}{{{name}}}"


def _named_operator(match: re.Match[str]) -> str:
    return match[0] if match[1].startswith("arg") else rf"\operatorname{{{match[1]}}}"


def _with_tag_last(tex: str) -> str:
    tag = re.search(r"\\tag\*?\s*\{([^{}]*)\}", tex)
    if tag is None:
        return tex
    rest = re.sub(r"\\tag\*?\s*\{[^{}]*\}", "", tex)
    return rest if r"\\" in rest else rf"{rest} \qquad \text{{({tag[1]})}}"


# ---- write ----------------------------------------------------------------------------------------------------------

_LIMIT_NAMES = words("lim max min sup inf det gcd Pr plim argmax argmin liminf limsup injlim projlim")
_LARGE_OPERATORS = frozenset("∑∏∐⋂⋃⋀⋁⨀⨁⨂⨄⨆")
_ORDINARY_SIGNS = frozenset(
    "\u221e\u2205\u2202\u2207\u2200\u2203\u2204\u2206\u22a4\u22a5\u2220\u2221\u2127"
)  # infinity, empty set ...
_SIDE_TO_LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
_N_CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3}
_ALIGN_CLASSES = {"left": "math-left", "right": "math-right"}
_LENGTH = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d*)?|\.\d+)(?:em|ex|px|pt|mu)?")
_WORD = re.compile(r"[^\W\d_]{2,}")
_VARIANTS = {
    "bold": "BOLD",
    "italic": "ITALIC",
    "bold-italic": "BOLD ITALIC",
    "double-struck": "DOUBLE-STRUCK",
    "script": "SCRIPT",
    "bold-script": "BOLD SCRIPT",
    "fraktur": "FRAKTUR",
    "bold-fraktur": "BOLD FRAKTUR",
    "sans-serif": "SANS-SERIF",
    "bold-sans-serif": "SANS-SERIF BOLD",
    "monospace": "MONOSPACE",
}
# The letters that Unicode had before the mathematical alphabets.
_OLDER_LETTERS = {
    ("ITALIC", "h"): "ℎ",
    **{("SCRIPT", a): b for a, b in zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)},
    **{("FRAKTUR", a): b for a, b in zip("CHIRZ", "ℭℌℑℜℨ", strict=True)},
    **{("DOUBLE-STRUCK", a): b for a, b in zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)},
}


class _Writer:
    """Writes one converted formula; raises FormulaNotShown at anything outside of the allow-list."""

    _MAX_DEPTH = 120

    def __init__(self, tex: str, display: bool) -> None:
        self._tex = tex
        self._display = display

    def write(self, root: Element) -> str:
        return self._element(root, previous=None, following=None, depth=0)

    def _element(self, element: Element, *, previous: Element | None, following: Element | None, depth: int) -> str:
        if depth > self._MAX_DEPTH:
            raise FormulaNotShown("nested too deep")
        tag, classes = element.tag, list[str]()
        attributes = {name: value for name, value in element.attrib.items() if _is_kept(name, value)}
        text = unescape(element.text or "")
        if tag == "menclose" and element.get("notation") == "box":
            tag, classes = "mrow", ["math-box"]
        if tag not in MATH_TAGS or text.startswith("\\"):
            raise FormulaNotShown(tag)
        if len(element) != _N_CHILDREN.get(tag, len(element)):
            raise FormulaNotShown(tag)
        if tag == "math":
            # The TeX is what a table is saved with, and what is copied of it.
            attributes = {"display": "block" if self._display else "inline", "alttext": self._tex}
        if tag in {"mi", "mn", "mo", "mtext"}:
            text = _in_variant(text, attributes.pop("mathvariant", ""), attributes)
        if tag == "mi" and _WORD.fullmatch(text):
            tag = "mo"
            attributes = _function_spacing(previous, following)
        elif tag in {"mi", "mo"} and len(text) == 1 and not attributes:
            tag = _kind_of_sign(text, tag)
            if text in _ORDINARY_SIGNS and text != "\u2202":
                attributes["mathvariant"] = "normal"
        if tag == "mpadded" and any(value.startswith(("+", "-")) for value in element.attrib.values()):
            tag, attributes = "mrow", {}  # Core has no lengths relative to the content
        if tag == "mtd" and element.get("columnalign") in _ALIGN_CLASSES:
            classes.append(_ALIGN_CLASSES[element.get("columnalign", "")])
        if tag in _SIDE_TO_LIMITS and self._display and _takes_limits(element):
            tag = _SIDE_TO_LIMITS[tag]
        if tag == "mtable":
            _mark_lines(element)
        classes += element.get("hearth-lines", "").split()
        for name in ("columnalign", "columnlines", "rowlines", "columnspacing", "rowspacing"):
            attributes.pop(name, None)
        opening = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
        if classes:
            opening += f' class="{" ".join(classes)}"'
        # A sign at the start of a cell would lose its space without an operand, and rows would not line up.
        operand = "<mi></mi>" if "math-left" in classes and len(element) and element[0].tag == "mo" else ""
        return f"<{tag}{opening}>{escape(text, quote=False)}{operand}{self._children(element, depth)}</{tag}>"

    def _children(self, element: Element, depth: int) -> str:
        children = list(element)
        written = []
        for i, child in enumerate(children):
            previous = children[i - 1] if i else None
            following = children[i + 1] if i + 1 < len(children) else None
            written.append(self._element(child, previous=previous, following=following, depth=depth + 1))
            written.append(escape(unescape(child.tail or ""), quote=False))
        return "".join(written)


def _is_kept(name: str, value: str) -> bool:
    if name not in MATH_ATTRIBUTES:
        return False
    if name in {"width", "height", "depth", "lspace", "rspace", "voffset", "minsize", "maxsize", "linethickness"}:
        return _LENGTH.fullmatch(value) is not None
    return re.fullmatch(r"[\w .+-]{0,40}", value) is not None


def _in_variant(text: str, variant: str, attributes: dict[str, str]) -> str:
    """Return the text in mathematical letters of that variant; MathML Core knows only `normal`."""
    if variant == "normal":
        attributes["mathvariant"] = "normal"
        return text
    style = _VARIANTS.get(variant)
    return "".join(_letter_in(style, letter) for letter in text) if style else text


@lru_cache(maxsize=1024)
def _letter_in(style: str, letter: str) -> str:
    older = _OLDER_LETTERS.get((style, letter))
    if older:
        return older
    kind = unicodedata.name(letter, "")
    kind = kind.removeprefix("LATIN ").removeprefix("GREEK ").replace(" LETTER", "")
    try:
        return unicodedata.lookup(f"MATHEMATICAL {style} {kind}")
    except KeyError:
        return letter


def _kind_of_sign(sign: str, tag: str) -> str:
    """Return `mo` for what TeX spaces as an operator or relation, `mi` for what it sets like a letter."""
    if sign in _ORDINARY_SIGNS:
        return "mi"
    return "mo" if tag == "mi" and unicodedata.category(sign) == "Sm" else tag


def _function_spacing(previous: Element | None, following: Element | None) -> dict[str, str]:
    """Set the name of a function as TeX does: a thin space towards operands, none towards brackets and signs."""
    before = previous is not None and previous.tag in {"mi", "mn", "mrow", "mfrac", "msup", "msub", "msqrt", "msubsup"}
    opens_bracket = (
        following is not None and following.tag == "mo" and (following.text or "").endswith(("28;", "5B;", "(", "["))
    )
    after = following is not None and not opens_bracket
    return {"lspace": "0.167em" if before else "0", "rspace": "0.167em" if after else "0"}


def _takes_limits(element: Element) -> bool:
    base = element[0] if len(element) else None
    if base is None or base.tag not in {"mo", "mi"}:
        return False
    text = re.sub(r"\s", "", unescape(base.text or ""))
    return text in _LIMIT_NAMES or text in _LARGE_OPERATORS or base.get("movablelimits") == "true"


def _mark_lines(table: Element) -> None:
    """Say the lines of an array on its cells, where CSS can draw them."""
    columns, rows = table.get("columnlines", "").split(), table.get("rowlines", "").split()
    for row_number, row in enumerate(table):
        for column_number, cell in enumerate(row):
            lines = []
            if column_number < len(columns) and columns[column_number] != "none" and column_number + 1 < len(row):
                lines.append("math-line-end")
            if 0 < row_number <= len(rows) and rows[row_number - 1] != "none":
                lines.append("math-line-top")
            if lines:
                cell.set("hearth-lines", " ".join(lines))
