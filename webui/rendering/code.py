"""Code blocks: colours by Pygments as classes, a header with the language, and buttons to copy and save it.

Only languages of the list below are coloured. A language is never guessed, and the remaining hundreds of lexers, some
with expressions that take for ever on hostile input, are out of a model's reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType

from .file_names import file_name
from .limits import MAX_CODE_CHARS

MAX_PREVIEW_CHARS = 200_000
MAX_DIAGRAM_CHARS = 20_000
LONG_CODE_LINES = 40
"""A block of more lines is folded until its reader asks for all of it."""

_PAGE_WORDS = frozenset({"html", "htm", "xhtml"})
_DRAWING_WORDS = frozenset({"svg", "xml", ""})
_TEXT_WORDS = frozenset({"text", "txt", "plain", "plaintext"})
_DIAGRAM_WORDS = frozenset({"mermaid", "mmd"})
_DRAWING = re.compile(r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!DOCTYPE svg[^>]{0,200}>\s*)?<svg[\s>]", re.I)

_LANGUAGES = {
    # name shown: (Pygments' lexer, further words that models write after the fence)
    "Assembly": ("nasm", "asm", "assembly"),
    "Bash": ("bash", "sh", "shell", "zsh"),
    "C": ("c", "h"),
    "C#": ("csharp", "cs", "c#"),
    "C++": ("cpp", "c++", "cc", "cxx", "hpp"),
    "Clojure": ("clojure", "clj"),
    "CMake": ("cmake",),
    "Console": ("console", "shell-session", "terminal"),
    "CSS": ("css",),
    "Dart": ("dart",),
    "Diff": ("diff", "patch"),
    "Django template": ("html+django", "django", "jinja", "jinja2"),
    "Dockerfile": ("docker", "dockerfile"),
    "Elixir": ("elixir", "ex", "exs"),
    "Erlang": ("erlang", "erl"),
    "F#": ("fsharp", "fs", "f#"),
    "Fortran": ("fortran", "f90"),
    "Go": ("go", "golang"),
    "GraphQL": ("graphql", "gql"),
    "Groovy": ("groovy", "gradle"),
    "Haskell": ("haskell", "hs"),
    "HCL": ("hcl", "terraform", "tf"),
    "HTML": ("html", "xhtml", "htm"),
    "HTTP": ("http",),
    "INI": ("ini", "cfg", "conf", "properties"),
    "Java": ("java",),
    "JavaScript": ("javascript", "js", "mjs", "cjs", "node"),
    "JSON": ("json", "jsonc", "json5", "jsonl", "ndjson"),
    "JSX": ("jsx",),
    "Julia": ("julia", "jl"),
    "Kotlin": ("kotlin", "kt", "kts"),
    "LaTeX": ("latex", "tex"),
    "Lua": ("lua",),
    "Makefile": ("make", "makefile", "mk"),
    "Markdown": ("markdown", "md"),
    "MATLAB": ("matlab", "octave"),
    "Nginx": ("nginx",),
    "Nix": ("nix",),
    "Objective-C": ("objective-c", "objc", "objectivec"),
    "OCaml": ("ocaml", "ml"),
    "Perl": ("perl", "pl"),
    "PHP": ("php",),
    "PowerShell": ("powershell", "ps1", "pwsh"),
    "Protocol Buffers": ("protobuf", "proto"),
    "Python": ("python", "py", "python3", "py3"),
    "Python session": ("pycon",),
    "R": ("r", "rscript"),
    "Ruby": ("ruby", "rb"),
    "Rust": ("rust", "rs"),
    "Scala": ("scala",),
    "Scheme": ("scheme", "scm", "racket"),
    "SCSS": ("scss",),
    "Solidity": ("solidity", "sol"),
    "SQL": ("sql", "sqlite", "mysql"),
    "PostgreSQL": ("postgresql", "postgres", "pgsql", "plpgsql"),
    "Swift": ("swift",),
    "TOML": ("toml",),
    "TypeScript": ("typescript", "ts", "tsx"),
    "Verilog": ("verilog", "systemverilog"),
    "Vim script": ("vim", "viml"),
    "Vue": ("html", "vue", "svelte"),
    "XML": ("xml", "svg", "xsd", "xslt"),
    "YAML": ("yaml", "yml"),
    "Zig": ("zig",),
}
_BY_WORD = {word: (label, words[0]) for label, words in reversed(_LANGUAGES.items()) for word in words}
# No lexer knows it.
_BY_WORD |= dict.fromkeys(_DIAGRAM_WORDS, ("Mermaid", ""))


def render_code(source: str, info: str) -> str:
    """Return the `<figure>` of one code block; its text content is `source`, character for character."""
    word = language_word(info)
    label, lexer_name = _BY_WORD.get(word.lower(), ("" if word.lower() in _TEXT_WORDS else word, ""))
    coloured = _coloured(source, lexer_name) if lexer_name and len(source) <= MAX_CODE_CHARS else escape(source)
    name = file_name(info, word.lower(), lexer_name, _lexer(lexer_name).filenames if lexer_name else ())
    note = ""
    if lexer_name and len(source) > MAX_CODE_CHARS:
        note = f'<p class="code__note">{escape(_("Long code is shown without colours."))}</p>'
    n_lines = len(source.rstrip("\n").split("\n"))
    modifier, unfold = (" code--long", _unfold_button(n_lines)) if n_lines > LONG_CODE_LINES else ("", "")
    return (
        f'<figure class="code{modifier}"><figcaption class="code__header">'
        f'<span class="code__language">{escape(label or _("Text"))}</span>'
        f'<button type="button" class="code__copy">{escape(_("Copy"))}</button>'
        f'<button type="button" class="code__download" data-name="{escape(name)}">{escape(_("Download"))}</button>'
        f"{_show_button(word, source)}</figcaption>"
        f'<pre tabindex="0"><code>{coloured}</code></pre>{unfold}{note}</figure>\n'
    )


def can_be_shown(word: str, source: str) -> bool:
    """Whether a code block with that word after its fence is a drawing or a page."""
    if len(source) > MAX_PREVIEW_CHARS:
        return False
    word = word.lower()
    return word in _PAGE_WORDS or (word in _DRAWING_WORDS and _DRAWING.match(source) is not None)


def _is_diagram(word: str, source: str) -> bool:
    """Whether a code block with that word after its fence can be drawn as a diagram."""
    return word.lower() in _DIAGRAM_WORDS and 0 < len(source.strip()) <= len(source) <= MAX_DIAGRAM_CHARS


def _show_button(word: str, source: str) -> str:
    if _is_diagram(word, source):
        return f'<button type="button" class="code__draw">{escape(_("Show diagram"))}</button>'
    if can_be_shown(word, source):
        return f'<button type="button" class="code__show">{escape(_("Show"))}</button>'
    return ""


def _unfold_button(n_lines: int) -> str:
    words = ngettext("Show all %(n)s line", "Show all %(n)s lines", n_lines) % {"n": n_lines}
    return f'<button type="button" class="code__unfold">{escape(words)}</button>'


def language_word(info: str) -> str:
    """Return the language of an info string such as `python`, `{.python .numberLines}` or `py:app.py`."""
    words = info.strip().strip("{}").split()
    if not words:
        return ""
    word = words[0].lstrip(".").split(":")[0].split(",")[0].split("{")[0]
    return word[:30]


@lru_cache(maxsize=128)
def _lexer(name: str) -> Lexer:
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)


def _coloured(source: str, lexer_name: str) -> str:
    tokens = list(_lexer(lexer_name).get_tokens(source))
    if "".join(value for _kind, value in tokens) != source:
        # Some lexers tidy their input. What is copied must be what was written.
        return escape(source)
    return "".join(_spans(tokens))


def _spans(tokens: list[tuple[_TokenType, str]]) -> Iterator[str]:
    """Yield escaped text in spans, neighbours of one class in one span."""
    open_class, run = "", ""
    for kind, value in tokens:
        css_class = _css_class(kind)
        if css_class == open_class:
            run += value
            continue
        yield _span(open_class, run)
        open_class, run = css_class, value
    yield _span(open_class, run)


def _span(css_class: str, text: str) -> str:
    # Spaces need no colour: text alone keeps the page small.
    return f'<span class="{css_class}">{escape(text)}</span>' if css_class and not text.isspace() else escape(text)


@lru_cache(maxsize=512)
def _css_class(kind: _TokenType) -> str:
    name = next(STANDARD_TYPES[ancestor] for ancestor in reversed(kind.split()) if ancestor in STANDARD_TYPES)
    return "" if name in {"w", "n", "p"} else name
