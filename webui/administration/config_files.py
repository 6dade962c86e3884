"""Settings of the site as a YAML file: what applying it would change, and the file that would lead to what is in force.

    settings:
      signup: open
      web_pages: off
      waiting_note: Ask Ada in room 12.

A setting that the file does not name stays as it is; one that it gives as null goes back to its default.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import yaml
from django.db import transaction

from webui.administration import services
from webui.administration.declarations import BY_NAME, Declaration
from webui.administration.errors import ConfigFileRefused
from webui.administration.queries import EffectiveSetting, effective_settings

MAX_BYTES = 1_000_000
SECTION = "settings"

Outcome = Literal["changed", "unchanged", "fixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a file says of one setting. `value` is None for a return to the default."""

    setting: EffectiveSetting
    value: str | None

    @property
    def name(self) -> str:
        return self.setting.declaration.name

    @property
    def wanted(self) -> str:
        return self.setting.declaration.default if self.value is None else self.value

    @property
    def outcome(self) -> Outcome:
        if self.setting.is_locked:
            return "unchanged" if self.wanted == self.setting.value else "fixed"
        # Null gives up also a choice that happens to be the default.
        is_so = self.setting.provenance == "default" if self.value is None else self.wanted == self.setting.value
        return "unchanged" if is_so else "changed"


def read(source: bytes) -> dict[str, str | None]:
    """Return by name what a file says; None is the default.

    Raises ConfigFileRefused, with everything that is wrong in it, one problem a line.
    """
    if len(source) > MAX_BYTES:
        raise ConfigFileRefused(f"has more than {MAX_BYTES:,} bytes")
    try:
        content = yaml.load(source.decode("utf-8"), Loader=_Loader)  # noqa: S506  (a safe one)
    except UnicodeDecodeError as exc:
        raise ConfigFileRefused("is not UTF-8 text") from exc
    except yaml.YAMLError as exc:
        raise ConfigFileRefused(f"is not YAML: {_place(exc)}") from exc
    except RecursionError as exc:
        raise ConfigFileRefused("is nested too deeply") from exc
    if not isinstance(content, dict) or not isinstance(content.get(SECTION), dict):
        raise ConfigFileRefused(f"has no section '{SECTION}:' with names and values")
    if others := sorted(map(str, content.keys() - {SECTION})):
        raise ConfigFileRefused(f"has a section that is not known: {', '.join(others)}")
    values: dict[str, str | None] = {}
    problems = []
    for name, value in content[SECTION].items():
        if (declaration := BY_NAME.get(name) if isinstance(name, str) else None) is None:
            problems.append(_unknown(name))
            continue
        try:
            values[name] = _value(declaration, value)
        except ValueError as exc:
            problems.append(f"{name} {exc}")
    if problems:
        raise ConfigFileRefused("\n".join(problems))
    return values


def plan(values: dict[str, str | None]) -> list[Step]:
    """Return a step for each setting that is named, in the order of their declaration."""
    return [
        Step(setting=setting, value=values[setting.declaration.name])
        for setting in effective_settings()
        if setting.declaration.name in values
    ]


@transaction.atomic
def apply(values: dict[str, str | None], *, file_name: str) -> list[Step]:
    """Change what a file says, all of it or nothing, and return the steps as they were before."""
    steps = plan(values)
    for step in steps:
        if step.outcome != "changed":
            continue
        if step.value is None:
            services.reset_setting(step.name, by=None, file_name=file_name)
        else:
            services.change_setting(step.name, step.value, by=None, file_name=file_name)
    return steps


def export() -> str:
    """Return a file that leads to what administrators have chosen; the other settings stand in it as comments."""
    return "".join(_lines(effective_settings()))


def _lines(settings: list[EffectiveSetting]) -> Iterator[str]:
    yield f"{SECTION}:\n" if any(s.provenance == "administrator" for s in settings) else f"{SECTION}: {{}}\n"
    for setting in settings:
        name, declaration = setting.declaration.name, setting.declaration
        text = yaml.safe_dump({name: setting.value}, allow_unicode=True, width=120)
        if setting.provenance == "administrator":
            yield from (f"  {line}\n" for line in text.splitlines())
        else:
            reason = f"fixed by {declaration.variable}" if setting.is_locked else "default"
            first, *others = text.splitlines()
            yield from (f"  # {line}\n" for line in (f"{first}  ({reason})", *others))


def _value(declaration: Declaration, value: Any) -> str | None:
    """Raises ValueError, saying what the value must be."""
    if value is None:
        return None
    names = [name for name, _ in declaration.choices]
    if isinstance(value, bool):
        # What YAML 1.1 makes of a bare on, off, yes and no.
        value = "on" if value else "off"
    if not isinstance(value, str):
        raise ValueError("must be a text, in quotation marks if need be")
    if names and value not in names:
        raise ValueError(f"must be one of {', '.join(names)}, not '{value[:100]}'")
    if len(value) > declaration.max_length:
        raise ValueError(f"must have at most {declaration.max_length} characters, not {len(value)}")
    if "\x00" in value:
        raise ValueError("must not hold the character NUL")
    return value


def _unknown(name: object) -> str:
    likely = difflib.get_close_matches(str(name), BY_NAME, n=1)
    return f"'{str(name)[:100]}' is no setting" + (f"; is '{likely[0]}' meant?" if likely else "")


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "a character that no text has"
    return f"{problem}, line {mark.line + 1}" if mark else str(problem)


def _mark(loader: yaml.SafeLoader) -> Any:
    return loader.peek_event().start_mark  # type: ignore[no-untyped-call]


class _Loader(yaml.SafeLoader):
    """Takes no name twice, and no references: they are how a small file becomes a large one."""

    def __init__(self, stream: str) -> None:
        super().__init__(io.StringIO(stream))

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "references are not taken", _mark(self))
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value.__class__ is str:
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"'{key.value[:100]}' stands there twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)
