"""Prompt presets as a file: Open WebUI's export of prompts, which is ours as well.

A list of objects with `command`, `name` and `content`. Older ones have `title` for `name` and a `/` before the command.
With whom a prompt was shared there is not taken over: those are other people.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NotRequired, TypedDict

from django.db import transaction

from webui.accounts.models import User
from webui.presets.errors import TooManyPresets
from webui.presets.file_items import read_items, text_of
from webui.presets.models import COMMAND_MAX_LENGTH, NAME_MAX_LENGTH, PROMPT_MAX_LENGTH, PromptPreset
from webui.presets.prompts import COMMAND, PromptContent, command_for, commands_of, create_prompt, free_command

MAX_FILE_BYTES: Final = 10 * 1024 * 1024

Outcome = Literal["imported", "renamed", "present", "no_object", "no_text", "too_long", "no_room"]


class PromptDict(TypedDict):
    """One prompt of an export; times are Unix seconds."""

    command: str
    name: str
    content: str
    created_at: NotRequired[int]
    updated_at: NotRequired[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedItem:
    """What became of one item of a file.

    Attributes:
        name: As far as it has one.
        command: The one that it is inserted with, when it was imported.
        left_out: Parts that it had and that have no place here.
    """

    outcome: Outcome
    name: str = ""
    command: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def is_imported(self) -> bool:
        return self.outcome in ("imported", "renamed")


def exported(prompts: Iterable[PromptPreset]) -> list[PromptDict]:
    return [
        PromptDict(
            command=prompt.command,
            name=prompt.name,
            content=prompt.content,
            created_at=int(prompt.created_at.timestamp()),
            updated_at=int(prompt.updated_at.timestamp()),
        )
        for prompt in prompts
    ]


@transaction.atomic
def import_prompts(owner: User, data: bytes) -> list[ImportedItem]:
    """Make a person private prompts of a file; what they have already is not made again.

    A command that another prompt of theirs has gets a number.

    Raises:
        ImportRefused: The file is no such export at all; nothing was imported.
    """
    items = read_items(data, key="prompts", marks=("content",), max_bytes=MAX_FILE_BYTES)
    before: dict[tuple[str, str], list[str]] = defaultdict(list)
    for prompt in PromptPreset.objects.filter(owner=owner, deleted_at=None):
        before[prompt.name, prompt.content].append(prompt.command)
    taken, seen = commands_of(owner), set[PromptContent]()
    report = []
    for item in items:
        wanted = _read(item)
        if isinstance(wanted, ImportedItem):
            report.append(wanted)
            continue
        report.append(_import_one(owner, item, wanted, before[wanted.name, wanted.content], taken, seen))
        seen.add(wanted)
    return report


def _import_one(
    owner: User,
    item: Mapping[str, Any],
    wanted: PromptContent,
    alike: Iterable[str],
    taken: set[str],
    seen: set[PromptContent],
) -> ImportedItem:
    # An import before may have given it a number.
    numbered = re.compile(rf"{re.escape(wanted.command)}(-\d+)?")
    if wanted in seen or any(numbered.fullmatch(command) for command in alike):
        return ImportedItem(outcome="present", name=wanted.name)
    command = free_command(wanted.command, taken)
    try:
        create_prompt(owner, PromptContent(name=wanted.name, command=command, content=wanted.content))
    except TooManyPresets:
        return ImportedItem(outcome="no_room", name=wanted.name)
    taken.add(command)
    left_out = tuple(part for part in ("tags", "data", "meta") if item.get(part))
    outcome: Outcome = "imported" if command == wanted.command else "renamed"
    return ImportedItem(outcome=outcome, name=wanted.name, command=command, left_out=left_out)


def _read(item: Any) -> PromptContent | ImportedItem:
    """Return what an item asks for, or why it cannot be had."""
    if not isinstance(item, dict):
        return ImportedItem(outcome="no_object")
    command = text_of(item.get("command")).strip().removeprefix("/")
    name = (text_of(item.get("name")) or text_of(item.get("title"))).strip() or command
    name = name[:NAME_MAX_LENGTH]
    content = text_of(item.get("content"))
    if not content.strip():
        return ImportedItem(outcome="no_text", name=name)
    if len(content) > PROMPT_MAX_LENGTH:
        return ImportedItem(outcome="too_long", name=name)
    if not COMMAND.fullmatch(command) or len(command) > COMMAND_MAX_LENGTH:
        command = command_for(command or name)
    return PromptContent(name=name or command, command=command, content=content)
