"""Every word that people read can be translated: it stands in a template's tag or in a call of gettext."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
NAMES = {"Hearth", "Ollama", "Hugging Face", "LM Studio", "Open WebUI"}
SPOKEN_ATTRIBUTES = {"aria-label", "title", "placeholder", "alt", "label", "data-tooltip"}
TAGS = re.compile(
    r"{#.*?#}|{% comment %}.*?{% endcomment %}|{% blocktranslate.*?{% endblocktranslate %}"
    # Classes, not words.
    r"|{% block (?:page|main)_class %}.*?{% endblock[^%]*%}|{%.*?%}|{{.*?}}",
    re.DOTALL,
)
# Packages whose words are for people at a terminal, for models and programs, or names of languages.
NOT_READ_ON_PAGES = (
    "webui/gateway", "webui/management", "webui/config/cli.py", "webui/config/env.py", "webui/config/settings.py",
    "webui/chats/prompting", "webui/rendering/code.py",
)  # fmt: skip
TRANSLATED = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
NOT_FOR_PEOPLE = {"exception", "error", "warning", "info", "debug", "RuntimeError", "ValueError", "TypeError"}
SENTENCE = re.compile(r"[A-Z“][a-z’']+[ ,].*[a-z]")


class Words(HTMLParser):
    """Gathers what a template says in its own words."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            is_sentence = name.startswith("data-") and SENTENCE.match(value or "")
            if name in SPOKEN_ATTRIBUTES or is_sentence:
                self._take(value or "")

    def handle_data(self, data: str) -> None:
        self._take(data)

    def _take(self, text: str) -> None:
        for part in re.split(r"[·\n]|\s{2,}", text):
            if re.search(r"[A-Za-z]{2,}", part) and part.strip() not in NAMES:
                self.found.append(part.strip())


def test_templates_say_nothing_that_cannot_be_translated() -> None:
    found = {name_of(path): said for path in TEMPLATES if (said := words_of_template(path.read_text()))}

    assert found == {}


def test_python_says_nothing_that_cannot_be_translated() -> None:
    sources = [
        path
        for path in sorted((ROOT / "webui").rglob("*.py"))
        if not name_of(path).startswith(NOT_READ_ON_PAGES) and "migrations" not in path.parts
    ]

    found = {name_of(path): said for path in sources if (said := list(sentences_of(ast.parse(path.read_text()))))}

    assert found == {}


def test_scripts_have_no_words_of_their_own() -> None:
    found = {name_of(path): said for path in SCRIPTS if (said := words_of_script(path.read_text()))}

    assert found == {}


def test_the_words_are_found() -> None:
    assert words_of_template('<p data-x="Not so. {{ x }}">{% translate "a" %} of</p>') == ["Not so.", "of"]
    assert list(sentences_of(ast.parse('f(_("Not this.")); "Nor this."; g("Take this.")'))) == ["Take this."]
    assert words_of_script('a = "Take this"; throw new Error("Not this"); // "Nor this"') == ["Take this"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def words_of_template(template: str) -> list[str]:
    words = Words()
    # A tag between two words keeps them apart.
    words.feed(TAGS.sub("  ", template))
    return words.found


def sentences_of(node: ast.AST, *, is_said: bool = True) -> Iterator[str]:
    """Yield the sentences of a syntax tree that stand neither in a call of gettext, a docstring, nor a log line."""
    text = node.value if is_said and isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    if SENTENCE.match(text) and text.strip() not in NAMES:
        yield text
    if isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        is_said = is_said and called not in TRANSLATED | NOT_FOR_PEOPLE
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    for child in ast.iter_child_nodes(node):
        yield from sentences_of(child, is_said=is_said and not isinstance(node, ast.Assert))


def words_of_script(script: str) -> list[str]:
    text = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", script, flags=re.DOTALL)
    # What is told to the console or thrown is not read on a page.
    text = re.sub(r"(console\.\w+|Error|super)\((\"[^\"]*\"|`[^`]*`)", "", text)
    return [said for _, said in re.findall(r"([\"'`])([A-Z][a-z]+(?: [a-z]+)+[^\"'`]*|[A-Z][a-z]+[.…])\1", text)]
