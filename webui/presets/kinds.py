"""The two kinds of presets, for the pages that they have in common: sharing, versions, deleting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webui.accounts.models import User
from webui.presets import prompts, services
from webui.presets.models import ModelPreset, PromptPreset
from webui.presets.queries import P


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[P]):
    """One kind.

    Attributes:
        namespace: Of its addresses; both have the same names in theirs.
        restore: Make a preset what it was in a version.
        parts: What can differ between two versions, in words, by its name in them.
        about_sharing: What comes with sharing one.
    """

    namespace: str
    model: type[P]
    restore: Callable[[Any, User], P]
    undo_delete: Callable[[P], None]
    parts: Mapping[str, Promise]
    about_sharing: Promise


MODELS: Final = Kind(
    namespace="presets",
    model=ModelPreset,
    restore=services.restore_version,
    undo_delete=services.undo_delete_preset,
    parts={
        "name": _("name"), "symbol": _("symbol"), "picture": _("picture"), "description": _("description"),
        "base_model": _("model"), "system_prompt": _("system prompt"), "options": _("options"),
        "suggestions": _("suggestions"), "documents": _("documents"), "knowledge": _("knowledge"),
        "modelfile_rest": _("Modelfile"),
    },
    about_sharing=_(
        "Who it is shared with sees its instructions, can ask it and copy it. Its documents are not shared with it:"
        " answers draw on what whoever asks may read."
    ),
)  # fmt: skip
PROMPTS: Final = Kind(
    namespace="prompts",
    model=PromptPreset,
    restore=prompts.restore_version,
    undo_delete=prompts.undo_delete_prompt,
    parts={"name": _("name"), "command": _("command"), "content": _("text")},
    about_sharing=_("Who it is shared with finds it under / in their chats, sees its text and can copy it."),
)
