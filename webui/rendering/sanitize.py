"""The last step of rendering: an allow-list of elements, attributes, classes and addresses (nh3).

Raw HTML never gets this far, so nothing here should ever have work to do. It is the second lock, not the first.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import nh3
from django.utils.safestring import SafeString, mark_safe
from pygments.token import STANDARD_TYPES

URL_SCHEMES = frozenset({"http", "https", "mailto"})
LINK_REL = "noopener noreferrer nofollow"


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HTML_TAGS = words(
    "a blockquote br button code del div em figcaption figure h1 h2 h3 h4 h5 h6 hr input kbd li ol p pre s section "
    "span strong sub sup table tbody td th thead tr ul"
)
# Presentation and token elements of MathML Core. Left out on purpose: maction, annotation-xml, semantics, mglyph.
MATH_TAGS = words(
    "math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle "
    "msub msubsup msup mtable mtd mtext mtr munder munderover"
)
MATH_ATTRIBUTES = words(
    "accent accentunder columnalign columnlines columnspacing depth display displaystyle fence form height largeop "
    "linethickness lspace mathvariant maxsize minsize movablelimits rowlines rowspacing rspace scriptlevel separator "
    "stretchy symmetric voffset width"
)

CODE_CLASSES = frozenset(name for name in STANDARD_TYPES.values() if name)
_CLASSES: dict[str, set[str]] = {
    "a": {"image-link", "footnote-backref"},
    "button": {
        "citation",
        "code__copy",
        "code__draw",
        "code__download",
        "code__show",
        "code__unfold",
        "table-block__copy",
        "table-block__download",
    },
    "code": {"math-source", "math-source--block"},
    "div": {"table-block", "table-block__actions", "table-scroll", "math-block", "plain-block", "plain-text"},
    "figcaption": {"code__header"},
    "figure": {"code", "code--long"},
    "input": {"task-list-item-checkbox"},
    "li": {"task-list-item", "footnote-item"},
    "mrow": {"math-box"},
    "mtd": {"math-left", "math-right", "math-line-end", "math-line-top"},
    "ol": {"footnotes-list"},
    "p": {"plain-block__note", "code__note"},
    "section": {"footnotes"},
    "span": {"image-link", "code__language", *CODE_CLASSES},
    "sup": {"footnote-ref"},
    "td": {"align-left", "align-center", "align-right", "long-cell"},
    "th": {"align-left", "align-center", "align-right", "long-cell"},
    "ul": {"contains-task-list"},
}
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title", "id", "aria-label"},
    "button": {"data-citation", "data-name", "aria-label"},
    "input": {"checked", "disabled", "aria-label"},
    "li": {"id"},
    "ol": {"start"},
    **{tag: set(MATH_ATTRIBUTES) for tag in MATH_TAGS},
    "math": {*MATH_ATTRIBUTES, "alttext"},
}
_FIXED_VALUES: dict[str, dict[str, set[str]]] = {
    "a": {"target": {"_blank"}},
    "blockquote": {"dir": {"auto"}},
    "button": {"type": {"button"}},
    "div": {"dir": {"auto"}, "tabindex": {"0"}},
    "input": {"type": {"checkbox"}},
    "ol": {"dir": {"auto"}},
    "pre": {"tabindex": {"0"}},
    "section": {"role": {"doc-endnotes"}},
    "th": {"scope": {"col"}},
    "ul": {"dir": {"auto"}},
}


def _keep_footnote_anchor(url: str) -> str | None:
    return url if url.startswith("#fn") else None


_cleaner = nh3.Cleaner(
    tags=set(HTML_TAGS | MATH_TAGS),
    attributes=_ATTRIBUTES,
    tag_attribute_values=_FIXED_VALUES,
    allowed_classes=_CLASSES,
    url_schemes=set(URL_SCHEMES),
    url_relative=_keep_footnote_anchor,
    link_rel=LINK_REL,
    strip_comments=True,
)


def clean(html: str) -> SafeString:
    """Return the fragment with everything removed that is not on the lists above."""
    return mark_safe(_cleaner.clean(html))  # noqa: S308  (this is the sanitiser)


def is_allowed_link(url: str) -> bool:
    """Tell whether an answer may link there: another site or a mail address, never a path of ours."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme not in URL_SCHEMES:
        return False
    return bool(parts.path if parts.scheme == "mailto" else parts.netloc)
