"""What `hearth help` prints: every command of ours with the first sentence of its help."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import inference.management
import rag.management
import webui.management

RUN_IT = ("up", "serve", "web", "prepare")
# Of a checkout alone: it has no use where Hearth is installed, and takes the place of a command of Django's.
FOR_DEVELOPERS = ("makemessages",)
HEADINGS = ("Run it", "Models", "Accounts and data")


def overview() -> str:
    """Return a line for each command, in three groups."""
    of_models, of_site = _commands(inference.management), _commands(webui.management) | _commands(rag.management)
    everything = {**of_models, **of_site}
    groups: tuple[Mapping[str, str], ...] = (
        {name: everything[name] for name in RUN_IT},
        {name: text for name, text in of_models.items() if name not in RUN_IT},
        {name: text for name, text in of_site.items() if name not in RUN_IT},
    )
    width = max(map(len, everything))
    lines = ["A self-hosted web chat over your own models and documents.", ""]
    for heading, group in zip(HEADINGS, groups, strict=True):
        lines += [f"{heading}:", *(f"  hearth {name:<{width}}  {text}" for name, text in group.items()), ""]
    return "\n".join(
        [*lines, "`hearth COMMAND --help` tells the arguments; `hearth help --commands` Django's commands too."]
    )


def names() -> frozenset[str]:
    """Return the names of all commands of ours."""
    return frozenset(_commands(inference.management) | _commands(webui.management) | _commands(rag.management))


def _commands(package: object) -> dict[str, str]:
    """Return the commands of a package that are for those who run Hearth.

    Their sources are read and not run: to load those of the site takes its settings, which make the data folder.
    """
    folder = Path(str(getattr(package, "__file__", ""))).parent / "commands"
    paths = [path for path in sorted(folder.glob("[a-z]*.py")) if path.stem not in FOR_DEVELOPERS]
    return {path.stem: _first_sentence(path) for path in paths}


def _first_sentence(path: Path) -> str:
    return next(_helps(ast.parse(path.read_text(encoding="utf-8"))), "").partition(". ")[0].removesuffix(".") + "."


def _helps(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id="help")], value=ast.Constant(value=str(text))):
                yield text
