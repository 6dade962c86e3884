"""Formulas: well-formed MathML that browsers can show, or the TeX as code; never an exception."""

from __future__ import annotations

from xml.etree import ElementTree  # noqa: S405  (parses what we wrote)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rendering.html import read
from webui.rendering import render_markdown
from webui.rendering.limits import MAX_FORMULAS_PER_INLINE, MAX_TEX_CHARS
from webui.rendering.math import render_math
from webui.rendering.sanitize import MATH_ATTRIBUTES, MATH_TAGS, clean

FORMULAS = [
    r"e^{i\pi} + 1 = 0",
    r"x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}",
    r"\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}",
    r"\sum_{k=0}^{n} \binom{n}{k} = 2^n",
    r"\lim_{x \to 0} \frac{\sin x}{x} = 1",
    r"\begin{aligned} (a+b)^2 &= a^2 + 2ab + b^2 \\ &\ge 4ab \end{aligned}",
    r"\begin{align} f(x) &= x^2 \\ f'(x) &= 2x \end{align}",
    r"\begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}^{-1}",
    r"\begin{bmatrix} 1 & \cdots & n \\ \vdots & \ddots & \vdots \end{bmatrix}",
    r"\begin{array}{c|c} x & y \\ \hline 1 & 2 \end{array}",
    r"\hat{\theta} = \arg\max_{\theta} \sum_i \log p(x_i \mid \theta)",
    r"\operatorname*{arg\,min}_{w} \|Xw - y\|_2^2 + \lambda \|w\|_1",
    r"\boxed{E = mc^2}",
    r"\mathbb{E}_{x \sim p}\left[ f(x) \right]",
    r"\nabla \times \vec{B} = \mu_0 \vec{J}",
    r"\frac{\partial u}{\partial t} = \alpha \nabla^2 u",
    r"\mathrm{softmax}(z)_i = \frac{e^{z_i}}{\sum_j e^{z_j}}",
    r"\text{Attention}(Q, K, V) = \text{softmax}\left(\frac{QK^\top}{\sqrt{d_k}}\right)V",
    r"\text{如果 } x > 0 \text{，则 } y = 1",
    r"\forall \epsilon > 0\ \exists \delta > 0",
    r"A \cap B \subseteq C \cup \varnothing",
    r"\overline{z} = \Re z - i \Im z",
    r"\left\{ x \in \mathbb{R} \middle| x^2 < 2 \right\}",
    r"\prod_{p} \frac{1}{1 - p^{-s}} = \zeta(s)",
    r"\lfloor x \rfloor \le x < \lceil x \rceil + 1",
    r"\ddot{x} + 2\zeta\omega_0 \dot{x} + \omega_0^2 x = 0",
    r"\mathcal{L}(\mathbf{w}) = \mathbf{w}^{\top} \boldsymbol{\Sigma} \mathbf{w}",
    r"a \equiv b \pmod{n}",
    r"\underbrace{1 + \dots + 1}_{n} \xrightarrow{n \to \infty} \infty",
    r"\oint_{\partial S} \vec{F} \cdot d\vec{r} \tag{3}",
    r"\bigl\lfloor \tfrac12 \bigr\rfloor, 100\% \text{ of } \$5",
    r"\begin{gathered} a = b \\ c = d \end{gathered}",
    r"a \\ b",
    r"\binom{n}{k}^2 + \binom{n_1}{\frac{k}{2}}_3",
    r"\displaystyle\lim_{n\to\infty}\left(1+\frac1n\right)^n",
    r"x \lt y \implies \lnot (y \leq x)",
]

SHOWN_AS_TEX = [
    r"\def\a{\a\a}\a",
    r"\newcommand{\x}{\x\x}\x",
    r"\let\a=\b",
    r"\href{javascript:alert(1)}{x}",
    r"\class{evil}{x}",
    r"\style{position:fixed}{x}",
    r"\unicode{x3C}",
    r"\includegraphics{http://evil.example/x}",
    r"\unknowncommand{x}",
    r"\frac{1}",
    r"\left( x",
    r"x^a^b",
    r"\begin{matrix} a",
    "{" * 60 + "x" + "}" * 60,
    "x" * (MAX_TEX_CHARS + 1),
]


@pytest.mark.parametrize("tex", FORMULAS)
@pytest.mark.parametrize("display", [True, False], ids=["display", "inline"])
def test_a_formula_becomes_well_formed_mathml(tex: str, display: bool) -> None:
    html = render_math(tex, display=display)

    root = ElementTree.fromstring(html)  # noqa: S314
    assert root.tag == "math"
    assert {element.tag for element in root.iter()} <= MATH_TAGS
    assert root.attrib == {"display": "block" if display else "inline", "alttext": tex}
    assert {name for element in root.iter("*") if element is not root for name in element.attrib} <= MATH_ATTRIBUTES | {
        "class"
    }
    assert "\\" not in "".join(root.itertext())


@pytest.mark.parametrize("tex", FORMULAS)
def test_sanitising_leaves_a_formula_as_it_is(tex: str) -> None:
    html = render_math(tex, display=True)

    assert ElementTree.canonicalize(clean(html).replace("&nbsp;", "\xa0")) == ElementTree.canonicalize(html)


@pytest.mark.parametrize("tex", SHOWN_AS_TEX)
def test_what_cannot_be_shown_is_shown_as_tex(tex: str) -> None:
    page = read(render_math(tex, display=False))

    assert [tag for tag, _attributes in page.elements] == ["code"]
    assert page.text == tex


TEX_PIECES = [
    r"\frac", r"\left", r"\right", r"\begin{cases}", r"\end{cases}", r"\begin{pmatrix}", r"\end{pmatrix}",
    r"\sqrt", r"\text{", "{", "}", "^", "_", "&", r"\\", "x", r"\over", r"\limits", r"\sideset", r"\color",
    r"\genfrac", r"\not", r"\mathbb", "[", "]", "'", r"\hline", r"\tag{", r"\root", r"\xrightarrow", r"\big",
    r"\skew", r"\mathchoice", r"\rule", r"\raise", r"\binom", r"\operatorname{", r"\arg\max", "$", "%",
]  # fmt: skip
hostile_tex = st.text(alphabet="\\{}[]()^_&$%'ax1 \n<>\"", max_size=60) | st.lists(
    st.sampled_from(TEX_PIECES), max_size=15
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(hostile_tex)
def test_no_formula_raises(tex: str) -> None:
    read(render_math(tex, display=True))


def test_markup_inside_of_a_formula_is_text() -> None:
    html = render_math(r"\text{<script>alert(1)</script>} < \text{&lt;b&gt;}", display=False)

    page = read(html)
    assert not page.all("script")
    assert not page.all("b")
    assert "<script>" in page.text


def test_limits_stand_below_in_display_and_beside_in_text() -> None:
    assert "<munder>" in render_math(r"\max_{x} f", display=True)
    assert "<msub>" in render_math(r"\max_{x} f", display=False)


def test_aligned_rows_keep_their_alignment_as_classes() -> None:
    html = render_math(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", display=True)

    assert html.count('class="math-right"') == 2
    assert html.count('class="math-left"') == 2
    assert "columnalign" not in html


def test_a_box_is_a_class() -> None:
    assert '<mrow class="math-box">' in render_math(r"\boxed{x}", display=True)


def test_lines_of_an_array_are_drawn_on_its_cells() -> None:
    html = render_math(r"\begin{array}{c|c} a & b \\ \hline c & d \end{array}", display=True)

    assert html.count("math-line-end") == 2
    assert html.count("math-line-top") == 2


@pytest.mark.parametrize(
    ("tex", "letters"),
    [(r"\mathbf{AB}", "𝐀𝐁"), (r"\mathbb{R}", "ℝ"), (r"\mathfrak{C}", "ℭ"), (r"\boldsymbol{\theta}", "𝜽")],
)
def test_styles_become_letters_because_browsers_ignore_the_attribute(tex: str, letters: str) -> None:
    assert read(render_math(tex, display=False)).text == letters


def test_functions_are_set_apart_from_their_operand_but_not_from_a_bracket() -> None:
    assert 'rspace="0.167em">sin</mo>' in render_math(r"\sin x", display=False)
    assert 'rspace="0">sin</mo>' in render_math(r"\sin(x)", display=False)


def test_a_tag_stands_at_the_end() -> None:
    assert read(render_math(r"\tag{7} x = y", display=True)).text.rstrip().endswith("(7)")


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $6",
        "from $5 to $10, $15 at most",
        "US$5 and CA$6",
        "Between $5, and (US$) nothing",
        r"\$x\$",
        "a $ b $ c",
        "$HOME and $PATH",
        "`$x$` and `\\(x\\)`",
    ],
)
def test_dollars_that_are_money_or_code_stay_text(text: str) -> None:
    assert "<math" not in render_markdown(text)


@pytest.mark.parametrize("text", ["$x$", "$5x$", "($a$)", "**$a$**", r"\(x\)", r"\[x\]", "$$x$$", "$\\$5$", "值$x$为"])
def test_delimiters_make_a_formula(text: str) -> None:
    assert render_markdown(text).count("<math") == 1


def test_a_fence_keeps_its_dollars() -> None:
    assert "<math" not in render_markdown("```\n$$\nx\n$$\n```")


def test_a_block_formula_ends_a_paragraph() -> None:
    html = render_markdown("as in\n$$\nx\n$$\nhere")

    assert html.startswith("<p>as in</p>")
    assert html.rstrip().endswith("<p>here</p>")


def test_a_paragraph_full_of_formulas_is_capped() -> None:
    html = render_markdown("$x$ " * (MAX_FORMULAS_PER_INLINE + 5))

    assert html.count("<math") == MAX_FORMULAS_PER_INLINE
    assert html.count("math-source") == 5
