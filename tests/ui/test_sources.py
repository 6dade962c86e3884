"""Rules that templates, style sheets and scripts keep, so that the strict policy holds and names stay true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from webui.chats.transfer import papers

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static" / "css").rglob("*.css"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("template", TEMPLATES, ids=name_of)
def test_a_template_has_nothing_inline(template: Path) -> None:
    text = template.read_text()

    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=", text)
    # What is exported as a page stands alone, with its own policy.
    assert not re.search(r"javascript:" if template.name == "paper.html" else r"<style|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("style", [path for path in STYLES if path.name != "tokens.css"], ids=name_of)
def test_colours_are_named_in_the_tokens_alone(style: Path) -> None:
    literal = re.search(r"#[0-9a-f]{3,8}\b|\b(rgb|hsl|oklch|oklab|lab|lch)a?\(", style.read_text())

    assert literal is None


@pytest.mark.parametrize("style", STYLES, ids=name_of)
def test_every_token_that_is_used_is_defined(style: Path) -> None:
    defined = {name for path in STYLES for name in re.findall(r"(--[\w-]+)\s*:", path.read_text())}
    used = {name for name, fallback in re.findall(r"var\((--[\w-]+)(,)?", style.read_text()) if not fallback}

    assert used - defined == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_html_becomes_nodes_in_one_module_only(script: Path) -> None:
    if script.name == "render.js":
        return
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", script.read_text())


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_every_import_finds_its_module(script: Path) -> None:
    imports = re.findall(r"""(?:from|import|import\()\s*["'](\.[^"']+)["']""", script.read_text())

    missing = [path for path in imports if not (script.parent / path).is_file()]

    assert missing == []


def test_every_style_sheet_of_a_component_is_loaded() -> None:
    main = (ROOT / "static" / "css" / "main.css").read_text()
    linked = "".join(template.read_text() for template in TEMPLATES)
    known = [main, linked, "main.css", *papers.STYLE_SHEETS]

    missing = [path.name for path in STYLES if not any(path.name in place for place in known)]

    assert missing == []
