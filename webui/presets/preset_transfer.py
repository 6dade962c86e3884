"""Model presets as a file: Open WebUI's export of models, which is ours as well.

A list of objects with `base_model_id`, `name`, `params` (the system prompt and options) and `meta` (description,
picture, suggestions, knowledge by name). What only this site knows stands under `hearth`. Documents do not go with it,
nor with whom a preset was shared: those are other people.
"""

from __future__ import annotations

import binascii
import io
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from django.db import transaction
from django.utils.text import slugify

import rag.api as rag
from webui.accounts.models import User
from webui.presets import pictures, services
from webui.presets.errors import PictureRefused, TooManyPresets
from webui.presets.file_items import read_items, text_of
from webui.presets.forms import MAX_KNOWLEDGE, MAX_SUGGESTIONS, SUGGESTION_MAX_LENGTH
from webui.presets.modelfiles import rest_as_json, rest_of_json
from webui.presets.models import (
    DESCRIPTION_MAX_LENGTH,
    MODEL_MAX_LENGTH,
    NAME_MAX_LENGTH,
    SYMBOL_MAX_LENGTH,
    SYSTEM_PROMPT_MAX_LENGTH,
    ModelPreset,
)
from webui.presets.options import BY_NAME, named_elsewhere, stored_options
from webui.presets.queries import own, readable_knowledge
from webui.presets.services import Content

MAX_FILE_BYTES: Final = 25 * 1024 * 1024
_MARKS: Final = ("base_model_id", "params", "meta")
_PNG: Final = "data:image/png;base64,"

Outcome = Literal["imported", "present", "no_object", "no_model", "too_long", "no_room"]
Part = Literal["tools", "tags", "picture", "options", "knowledge", "suggestions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPreset:
    """What became of one item of a file; `left_out` are parts that it had and that have no place here."""

    outcome: Outcome
    name: str = ""
    left_out: tuple[Part, ...] = ()

    @property
    def is_imported(self) -> bool:
        return self.outcome == "imported"


def exported(owner: User) -> Iterator[dict[str, Any]]:
    """Yield the presets of somebody's own, in the order of their names."""
    for preset in own(ModelPreset, owner).order_by("name", "pk"):
        picture = services.picture_of(preset)
        yield {
            "id": slugify(preset.name) or str(preset.uuid),
            "base_model_id": preset.base_model,
            "name": preset.name,
            "params": {"system": preset.system_prompt, **_sent(preset.options)},
            "meta": {
                "profile_image_url": _PNG + b64encode(picture).decode() if picture else "",
                "description": preset.description,
                "suggestion_prompts": [{"content": text} for text in preset.suggestions],
                "knowledge": [{"name": knowledge.name} for knowledge in readable_knowledge(preset, owner)],
            },
            "created_at": int(preset.created_at.timestamp()),
            "updated_at": int(preset.updated_at.timestamp()),
            "hearth": {
                "symbol": preset.symbol,
                "not_sent": [name for name, value in preset.options.items() if value is None],
                "modelfile_rest": preset.modelfile_rest,
            },
        }


@transaction.atomic
def import_presets(owner: User, data: bytes) -> list[ImportedPreset]:
    """Make a person private presets of a file; what they have already is not made again.

    The base model of a preset need not be here: its preset waits for it.

    Raises:
        ImportRefused: The file is no such export at all; nothing was imported.
    """
    items = read_items(data, key="models", marks=_MARKS, max_bytes=MAX_FILE_BYTES)
    known = [services.content_of(preset, owner).as_json() for preset in own(ModelPreset, owner)]
    report = []
    for item in items:
        wanted = _Wanted.read(owner, item) if isinstance(item, dict) else ImportedPreset(outcome="no_object")
        report.append(wanted if isinstance(wanted, ImportedPreset) else _import_one(owner, wanted, known))
    return report


def _import_one(owner: User, wanted: _Wanted, known: list[dict[str, Any]]) -> ImportedPreset:
    content = wanted.content.as_json()
    if any({**other, "documents": []} == content for other in known):
        return ImportedPreset(outcome="present", name=wanted.content.name)
    try:
        services.create_preset(owner, wanted.content, wanted.picture)
    except TooManyPresets:
        return ImportedPreset(outcome="no_room", name=wanted.content.name)
    known.append(content)
    return ImportedPreset(outcome="imported", name=wanted.content.name, left_out=wanted.left_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What an item asks for: `picture` as it is kept."""

    content: Content
    picture: bytes
    left_out: tuple[Part, ...]

    @classmethod
    def read(cls, owner: User, item: Mapping[str, Any]) -> _Wanted | ImportedPreset:
        """Return what is asked for, or why it cannot be had."""
        params, meta, own_part = (_mapping(item.get(key)) for key in ("params", "meta", "hearth"))
        # Settings of a model itself have no other model below them.
        base_model = (text_of(item.get("base_model_id")) or text_of(item.get("id"))).strip()
        name = (text_of(item.get("name")).strip() or base_model)[:NAME_MAX_LENGTH]
        system_prompt = text_of(params.get("system"))
        if not base_model or len(base_model) > MODEL_MAX_LENGTH:
            return ImportedPreset(outcome="no_model", name=name)
        if len(system_prompt) > SYSTEM_PROMPT_MAX_LENGTH:
            return ImportedPreset(outcome="too_long", name=name)
        told = named_elsewhere(params)
        options = stored_options(told)
        suggestions, all_suggestions = _suggestions(meta)
        names = [*_knowledge_names(meta)]
        knowledge = _knowledge(owner, names)
        picture = _picture(meta)
        content = Content(
            name=name,
            base_model=base_model,
            description=" ".join(text_of(meta.get("description")).split())[:DESCRIPTION_MAX_LENGTH],
            symbol=text_of(own_part.get("symbol")).strip()[:SYMBOL_MAX_LENGTH],
            system_prompt=system_prompt,
            options=options | _not_sent(own_part),
            suggestions=suggestions,
            modelfile_rest=_rest(own_part),
            knowledge=knowledge,
        )
        left: dict[Part, bool] = {
            "tools": any(meta.get(key) for key in ("toolIds", "filterIds", "actionIds")),
            "tags": bool(meta.get("tags")),
            "picture": not picture and bool(_image_url(meta)),
            "options": options.keys() != told.keys(),
            "knowledge": len(knowledge) < len(names),
            "suggestions": len(suggestions) < len(all_suggestions),
        }
        left_out = tuple(part for part, is_left in left.items() if is_left)
        # As it is kept: a picture belongs to what two presets are compared by.
        with_picture = replace(content, picture=pictures.digest_of(picture)) if picture else content
        return cls(content=with_picture, picture=picture, left_out=left_out)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _suggestions(meta: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return those that have a place, and all of them, one a line each."""
    found = meta.get("suggestion_prompts")
    texts = [text_of(_mapping(item).get("content")) for item in found] if isinstance(found, list) else []
    lines = list(dict.fromkeys(filter(None, (" ".join(text.split()) for text in texts))))
    return [line for line in lines if len(line) <= SUGGESTION_MAX_LENGTH][:MAX_SUGGESTIONS], lines


def _knowledge_names(meta: Mapping[str, Any]) -> Iterator[str]:
    found = meta.get("knowledge")
    for item in found if isinstance(found, list) else ():
        yield text_of(_mapping(item).get("name") or _mapping(item).get("title"))


def _knowledge(owner: User, names: Iterable[str]) -> list[rag.Knowledge]:
    """Return what its owner may read under these names, one for each name."""
    wanted = list(dict.fromkeys(filter(None, names)))[:MAX_KNOWLEDGE]
    by_name = {row.name: row for row in rag.readable_knowledge(owner).filter(name__in=wanted).order_by("-pk")}
    return [by_name[name] for name in wanted if name in by_name]


def _image_url(meta: Mapping[str, Any]) -> str:
    """Return a picture that comes with the file; what stands at an address is not fetched, nor missed."""
    url = text_of(meta.get("profile_image_url"))
    return url if url.startswith("data:") else ""


def _picture(meta: Mapping[str, Any]) -> bytes:
    """Return the picture as it is kept; empty without one, or when it cannot be read."""
    _head, _separator, coded = _image_url(meta).partition(";base64,")
    if not coded or len(coded) > pictures.MAX_FILE_BYTES * 4 // 3 + 4:
        return b""
    try:
        return pictures.redrawn(io.BytesIO(b64decode(coded, validate=True)))
    except (binascii.Error, ValueError, PictureRefused):
        return b""


def _sent(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _not_sent(own_part: Mapping[str, Any]) -> dict[str, None]:
    """Return options that are taken back; as nothing among the others, they would be those that are not set."""
    found = own_part.get("not_sent")
    return {name: None for name in BY_NAME if isinstance(found, list) and name in found}


def _rest(own_part: Mapping[str, Any]) -> list[list[str]]:
    """Return what a Modelfile said beside the fields, if it is as this site writes it."""
    try:
        return rest_as_json(rest_of_json(own_part.get("modelfile_rest") or []))
    except ValueError:
        return []
