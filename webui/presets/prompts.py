"""Making, changing and inserting prompt presets. What they have in common with model presets is in `services`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import get_language

from webui.accounts.models import User
from webui.presets import services
from webui.presets.errors import CommandTaken, TooManyPresets
from webui.presets.models import COMMAND_MAX_LENGTH, NAME_MAX_LENGTH, PromptPreset, PromptUse, PromptVersion
from webui.presets.variables import Parsed, parse, with_person

MAX_PROMPTS: Final = 1000
COMMAND: Final = re.compile(r"[\w-]+", re.UNICODE)
FALLBACK_COMMAND: Final = "prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptContent:
    """All that a save stores."""

    name: str
    command: str
    content: str


def content_of(prompt: PromptPreset) -> PromptContent:
    return PromptContent(name=prompt.name, command=prompt.command, content=prompt.content)


@transaction.atomic
def create_prompt(owner: User, content: PromptContent) -> PromptPreset:
    """Make a prompt preset. Raises TooManyPresets, or CommandTaken."""
    if PromptPreset.objects.filter(owner=owner, deleted_at=None).count() >= MAX_PROMPTS:
        raise TooManyPresets(MAX_PROMPTS)
    prompt = PromptPreset(owner=owner)
    _store(prompt, content, owner)
    return prompt


@transaction.atomic
def change_prompt(prompt: PromptPreset, content: PromptContent, editor: User) -> bool:
    """Store what a prompt is from now on; return whether anything is different. Raises CommandTaken."""
    # Two saves at once take their turns: each is a version of its own.
    now = PromptPreset.objects.select_for_update().get(pk=prompt.pk)
    if content_of(now) == content:
        return False
    _store(prompt, content, editor)
    return True


def _store(prompt: PromptPreset, content: PromptContent, editor: User) -> None:
    prompt.name, prompt.command, prompt.content = content.name, content.command, content.content
    prompt.updated_at = timezone.now()
    try:
        with transaction.atomic():
            prompt.save()
    except IntegrityError as exc:
        raise CommandTaken(content.command) from exc
    services.keep_version(prompt, asdict(content), editor)


def restore_version(version: PromptVersion, editor: User) -> PromptPreset:
    """Make a prompt what it was: a save like others. Its command stays when another one has the old one now."""
    prompt = version.preset
    content = PromptContent(**version.content)
    try:
        change_prompt(prompt, content, editor)
    except CommandTaken:
        prompt.refresh_from_db()
        change_prompt(prompt, PromptContent(**version.content | {"command": prompt.command}), editor)
    return prompt


@transaction.atomic
def copy_prompt(prompt: PromptPreset, copier: User, name: str) -> PromptPreset:
    """Make somebody a prompt of their own of one that they may use. Raises TooManyPresets."""
    command = free_command(prompt.command, commands_of(copier))
    return create_prompt(copier, PromptContent(name=name[:NAME_MAX_LENGTH], command=command, content=prompt.content))


@transaction.atomic
def undo_delete_prompt(prompt: PromptPreset) -> None:
    """Bring a prompt back, with another command where its own is taken by now."""
    prompt.command = free_command(prompt.command, commands_of(prompt.owner))
    prompt.deleted_at = None
    prompt.save(update_fields=["command", "deleted_at"])


def commands_of(owner: User) -> set[str]:
    return set(PromptPreset.objects.filter(owner=owner, deleted_at=None).values_list("command", flat=True))


def command_for(words: str) -> str:
    """Return a command that is like some words; a general one when nothing in them can be typed after `/`."""
    return slugify(words, allow_unicode=True)[:COMMAND_MAX_LENGTH] or FALLBACK_COMMAND


def free_command(command: str, taken: Collection[str]) -> str:
    """Return the command, or with a number behind it that makes it one that is not taken."""
    wanted, number = command, 1
    while wanted in taken:
        number += 1
        wanted = f"{command[: COMMAND_MAX_LENGTH - len(str(number)) - 1]}-{number}"
    return wanted


def insert_prompt(prompt: PromptPreset, user: User) -> Parsed:
    """Note that somebody inserts a prompt, and return its parts, with what is known of that person put in."""
    PromptUse.objects.update_or_create(preset=prompt, used_by=user, defaults={"used_at": timezone.now()})
    return with_person(parse(prompt.content), name=str(user), language=user.language or get_language() or "")
