"""What a code block is called when it is saved as a file."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What the lexer of a language does not tell, or tells oddly.
_NAMES = {
    "bash": "code.sh",
    "cmake": "CMakeLists.txt",
    "console": "console.txt",
    "docker": "Dockerfile",
    "hcl": "main.tf",
    "html+django": "template.html",
    "http": "request.http",
    "make": "Makefile",
    "nginx": "nginx.conf",
    "postgresql": "code.sql",
    "pycon": "session.txt",
    "r": "code.R",
}
# Words after the fence that are endings of names themselves, though no lexer says so.
_ENDINGS = frozenset(
    {"csv", "env", "htm", "json5", "jsonc", "mermaid", "mmd", "sh", "svelte", "svg", "tsv", "tsx", "txt", "vue"}
)
_GIVEN = re.compile(r"""(?:^\S+:|\s(?:title|file|filename|name)=["']?|\s)([\w./-]*\w\.[A-Za-z]\w{0,9})(?=["'\s}]|$)""")
MAX_NAME_CHARS = 80


def file_name(info: str, word: str, lexer_name: str, patterns: Sequence[str]) -> str:
    """Return a name that is safe to save under: one part of a path, without a leading dot.

    Args:
        info: The words after the fence; may name a file, as in `py:app.py` or `python title="app.py"`.
        word: The language among them, empty for none.
        lexer_name, patterns: The lexer for it and the names of files that it knows (`*.py`); empty for none.
    """
    if given := _GIVEN.search(info):
        return given[1].rpartition("/")[2].lstrip(".")[-MAX_NAME_CHARS:]
    if lexer_name in _NAMES:
        return _NAMES[lexer_name]
    if word in _ENDINGS or f"*.{word}" in patterns:
        return f"code.{word}"
    ending = next((pattern[2:] for pattern in patterns if pattern.startswith("*.")), "txt")
    return f"code.{ending}"
