"""Code blocks: coloured by classes, copied as written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rendering.html import read, text_of
from webui.rendering import IncrementalRenderer, render_markdown
from webui.rendering.code import render_code
from webui.rendering.limits import MAX_CODE_CHARS

SNIPPETS = {
    "python": ("Python", "def f(x):\n    return x + 1  # one\n"),
    "javascript": ("JavaScript", "const f = (x) => `a ${x}`;\n"),
    "typescript": ("TypeScript", "interface A { b?: string }\n"),
    "html": ("HTML", '<p class="a">&amp; b</p>\n'),
    "css": ("CSS", "a:hover { color: red }\n"),
    "json": ("JSON", '{"a": [1, true, null]}\n'),
    "yaml": ("YAML", "a:\n  - b: 1\n"),
    "toml": ("TOML", '[a]\nb = "c"\n'),
    "bash": ("Bash", 'for f in *.txt; do echo "$f"; done\n'),
    "sql": ("SQL", "SELECT a FROM b WHERE c = 'd';\n"),
    "c": ("C", "#include <stdio.h>\nint main(void) { return 0; }\n"),
    "cpp": ("C++", "std::vector<int> v{1, 2};\n"),
    "csharp": ("C#", "public class A { string B => null; }\n"),
    "java": ("Java", "class A { int b() { return 1; } }\n"),
    "kotlin": ("Kotlin", "fun main() { println(1) }\n"),
    "swift": ("Swift", "let a: Int? = nil\n"),
    "go": ("Go", "func main() { fmt.Println(1) }\n"),
    "rust": ("Rust", 'fn main() { println!("{}", 1); }\n'),
    "ruby": ("Ruby", "def a(b) = b.map(&:to_s)\n"),
    "php": ("PHP", "<?php echo $a['b']; ?>\n"),
    "r": ("R", "x <- c(1, 2)\n"),
    "haskell": ("Haskell", "main = putStrLn $ show 1\n"),
    "lua": ("Lua", "local a = { b = 1 }\n"),
    "dockerfile": ("Dockerfile", "FROM python:3.12\nRUN true\n"),
    "diff": ("Diff", "-old\n+new\n"),
    "latex": ("LaTeX", "\\frac{a}{b} % c\n"),
}


@pytest.mark.parametrize("word", SNIPPETS)
def test_a_known_language_is_coloured_and_named(word: str) -> None:
    label, source = SNIPPETS[word]

    html = render_markdown(f"```{word}\n{source}```")

    page = read(html)
    assert any(attributes.get("class") for attributes in page.all("span") if attributes["class"] != "code__language")
    buttons = "CopyDownloadShow" if word in ("html", "svg") else "CopyDownload"
    assert text_of(html, inside="figcaption") == f"{label}{buttons}"
    assert text_of(html, inside="pre") == source
    assert "style=" not in html


@settings(max_examples=150, deadline=None)
@given(
    word=st.sampled_from(sorted(SNIPPETS)), source=st.text(alphabet="ab1 \t\n\"'`<>&{}()[]#/*$\\=:;-é中\u2028\ufeff")
)
def test_what_is_copied_is_what_was_written(word: str, source: str) -> None:
    assert text_of(render_code(source, word), inside="pre") == source


@pytest.mark.parametrize(
    ("info", "label"),
    [
        ("py", "Python"),
        ("PYTHON", "Python"),
        ("{.python .numberLines}", "Python"),
        ("python:app.py", "Python"),
        ("c++", "C++"),
        ("klingon", "klingon"),
        ("", "Text"),
        ("text", "Text"),
        ("mermaid", "Mermaid"),
        ("<script>", "<script>"),
        ('"onmouseover="alert(1)', '"onmouseover="alert(1)'),
    ],
)
def test_the_label_comes_from_the_fence(info: str, label: str) -> None:
    html = render_markdown(f"```{info}\nx\n```")

    assert text_of(html, inside="span") == label
    assert {tag for tag, _attributes in read(html).elements} <= {
        "figure",
        "figcaption",
        "span",
        "button",
        "pre",
        "code",
    }


def test_an_unknown_language_is_not_guessed() -> None:
    assert '<code>def f(): pass\n</code>' in render_markdown("```klingon\ndef f(): pass\n```")  # fmt: skip


def test_long_code_is_shown_without_colours_and_says_so() -> None:
    source = "x = 1\n" * (MAX_CODE_CHARS // 6 + 1)

    html = render_markdown(f"```python\n{source}```")

    assert text_of(html, inside="pre") == source
    assert "code__note" in html
    assert '<span class="mi">' not in html


def test_a_block_of_many_lines_is_marked_so_that_the_page_can_fold_it() -> None:
    assert '<figure class="code code--long">' in render_markdown("```\n" + "x\n" * 60 + "```")


def test_an_open_block_is_coloured_while_earlier_blocks_stay_untouched() -> None:
    renderer = IncrementalRenderer()
    renderer.feed("Look:\n\n```python\ndef f():\n")
    first = renderer.take()
    renderer.feed("    return 1\n")

    second = renderer.take()

    assert first.finished_blocks == ("<p>Look:</p>\n",)
    assert '<span class="k">def</span>' in first.tail
    assert second.finished_blocks == ()
    assert '<span class="k">return</span>' in second.tail


def test_a_long_block_offers_to_show_all_of_it() -> None:
    assert '<button type="button" class="code__unfold">Show all 60 lines</button>' in render_markdown(
        "```\n" + "x\n" * 60 + "```"
    )
    assert "code__unfold" not in render_markdown("```\n" + "x\n" * 40 + "```")


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ("", "code.txt"),
        ("python", "code.py"),
        ("ts", "code.ts"),
        ("typescript", "code.ts"),
        ("tsx", "code.tsx"),
        ("SVG", "code.svg"),
        ("mermaid", "code.mermaid"),
        ("csv", "code.csv"),
        ("jsonl", "code.jsonl"),
        ("hpp", "code.hpp"),
        ("bash", "code.sh"),
        ("console", "console.txt"),
        ("yaml", "code.yaml"),
        ("dockerfile", "Dockerfile"),
        ("make", "Makefile"),
        ("somelang", "code.txt"),
        ("py:app.py", "app.py"),
        ("python src/app/main.py", "main.py"),
        ('python title="app.py"', "app.py"),
        ("{.python filename='a/b.py'}", "b.py"),
        ("python ../../../etc/passwd.d", "passwd.d"),
        ("bash .bashrc.sh", "bashrc.sh"),
        ("python 3.12", "code.py"),
        ("python " + "a" * 300 + ".py", "a" * 77 + ".py"),
    ],
)
def test_a_block_is_saved_under_a_fitting_name(info: str, name: str) -> None:
    html = render_markdown(f"```{info}\nx\n```")

    (download,) = [button for button in read(html).all("button") if button["class"] == "code__download"]
    assert download["data-name"] == name
