"""Drawings and pages that a model wrote, as documents for frames in which nothing runs and from which nothing is asked.

The response of such a document is the first lock: no script runs, nothing is loaded (`FRAME_POLICY`). This is the
second: elements and attributes of a list, addresses inside the document alone. It is needed for what no policy stops:
hints like `<link rel="preconnect">` open connections. Scripts are left out for the same reason: a page that runs them
can tell what it knows through WebRTC, which no directive that browsers know forbids (seen in Chromium: packets left).
"""

from __future__ import annotations

import re
from typing import Final

import nh3
from markdown_it.token import Token

from .code import can_be_shown, language_word
from .limits import TextSize
from .markdown import whole_parser
from .sanitize import words

FRAME_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)

_SVG_TAGS = words(
    "svg g defs symbol use desc path rect circle ellipse line polyline polygon text tspan textPath image marker "
    "linearGradient radialGradient stop pattern clipPath mask filter feBlend feColorMatrix feComponentTransfer "
    "feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow feFlood feFuncA "
    "feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset fePointLight "
    "feSpecularLighting feSpotLight feTile feTurbulence animate animateMotion animateTransform mpath set switch "
    "style a foreignObject"
)
_HTML_TAGS = words(
    "a abbr address article aside b bdi bdo blockquote br button caption cite code col colgroup data datalist dd "
    "del details dfn div dl dt em fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr i img "
    "input ins kbd label legend li main mark meter nav ol optgroup option output p picture pre progress q rp rt "
    "ruby s samp search section select small span strong sub summary sup table tbody td textarea tfoot th thead "
    "time tr u ul var wbr center font style"
)
_SVG_ATTRIBUTES = words(
    "alignment-baseline amplitude attributeName azimuth baseFrequency baseline-shift begin bias by calcMode "
    "clip-path clip-rule clipPathUnits color color-interpolation color-interpolation-filters cursor cx cy d "
    "diffuseConstant direction display divisor dominant-baseline dur dx dy edgeMode elevation end exponent fill "
    "fill-opacity fill-rule filter filterUnits flood-color flood-opacity font-family font-size font-size-adjust "
    "font-stretch font-style font-variant font-weight from fx fy gradientTransform gradientUnits href in in2 "
    "intercept k1 k2 k3 k4 kernelMatrix keyPoints keySplines keyTimes lengthAdjust letter-spacing lighting-color "
    "limitingConeAngle marker-end marker-mid marker-start markerHeight markerUnits markerWidth mask "
    "maskContentUnits maskUnits max min mode numOctaves offset opacity operator order orient origin overflow "
    "paint-order path pathLength patternContentUnits patternTransform patternUnits points preserveAspectRatio "
    "primitiveUnits r radius refX refY repeatCount repeatDur restart result rotate rx ry scale seed "
    "shape-rendering side slope spacing specularConstant specularExponent spreadMethod startOffset stdDeviation "
    "stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin "
    "stroke-miterlimit stroke-opacity stroke-width surfaceScale tableValues targetX targetY text-anchor "
    "text-decoration text-rendering textLength to transform transform-origin type unicode-bidi values "
    "vector-effect version viewBox visibility word-spacing writing-mode x x1 x2 xChannelSelector y y1 y2 "
    "yChannelSelector z"
)
_HTML_ATTRIBUTES = words(
    "align alt border cellpadding cellspacing checked class colspan datetime dir disabled for headers height high "
    "id label lang low max maxlength min multiple name open optimum pattern placeholder readonly role rows "
    "rowspan cols scope selected size span src start step style summary tabindex title type valign value width "
    "wrap bgcolor face"
)
_ADDRESSES = words("href src")
_INNER = re.compile(r"#|data:image/(?:png|jpeg|gif|webp)[;,]", re.I)
_STYLE: Final = (
    "<style>html{color-scheme:light;color:#000;font-family:system-ui,sans-serif}"
    "body>svg:only-of-type{display:block;max-width:100%;max-height:100vh;height:auto;margin:auto}</style>"
)


def previewed_source(text: str, number: int) -> str | None:
    """Return the code block at a place among those of an answer, the first is 0; None where nothing is to be shown."""
    size = TextSize()
    size.add(text)
    if size.is_too_large:
        return None
    blocks = [token for token in whole_parser.parse(text, {}) if _is_code(token)]
    if number >= len(blocks):
        return None
    source = blocks[number].content
    return source if can_be_shown(language_word(blocks[number].info), source) else None


def preview_document(source: str) -> str:
    """Return a page that shows a drawing or another page, to be sent with `FRAME_POLICY`."""
    return f'<!doctype html><meta charset="utf-8"><title></title>{_STYLE}<body>{_cleaner.clean(source)}'


def _is_code(token: Token) -> bool:
    return token.type in {"fence", "code_block"}


def _keep_inner(tag: str, name: str, value: str) -> str | None:
    """Drop every address but those inside the document."""
    if name.rpartition(":")[2] in _ADDRESSES and not _INNER.match(value.strip()):
        return None
    # An animation could put in afterwards what is dropped here.
    if name == "attributeName" and value.strip().lower().rpartition(":")[2] in _ADDRESSES:
        return None
    return value


_cleaner = nh3.Cleaner(
    tags=set(_SVG_TAGS | _HTML_TAGS),
    clean_content_tags={"script", "title", "noscript", "template", "iframe", "object"},
    attributes={"*": set(_SVG_ATTRIBUTES | _HTML_ATTRIBUTES)},
    attribute_filter=_keep_inner,
    generic_attribute_prefixes={"aria-", "data-"},
    url_schemes={"data"},
    link_rel=None,
    strip_comments=True,
)
