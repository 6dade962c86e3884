"""Who can answer: the catalog's models, presets that stand on one of them, and Quotes, which needs none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from inference.errors import InferenceError, ModelNotFound
from inference.types import ModelList
from webui.accounts.model_access import require_model
from webui.accounts.models import User
from webui.chats.errors import (
    ModelCannotChat,
    ModelCannotSee,
    ModelUnknown,
    ModelUnreachable,
    PresetGone,
    PresetWithoutModel,
)
from webui.chats.failures import failure_of
from webui.chats.models import PICTURES
from webui.chats.wishes import Drawing
from webui.presets.ids import is_preset_id, preset_uuid
from webui.presets.models import ModelPreset
from webui.presets.queries import usable_presets

QUOTES: Final = "quotes"
"""Id of the answerer that quotes the documents word for word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """Who was chosen, and who answers.

    Attributes:
        id: As it was chosen and as the chat remembers it.
        model: What is asked in the end: a catalog id, or Quotes.
        preset: What it is asked as; None for the model itself.
        drawing: The pictures that it is to make instead of an answer in words.
    """

    id: str
    model: str
    preset: ModelPreset | None = None
    drawing: Drawing | None = None

    @property
    def preset_name(self) -> str:
        return self.preset.name if self.preset else ""


def model_label(model: str) -> str:
    return _("Quotes") if model == QUOTES else model


def answerer_of(user: User, chosen: str) -> Answerer:
    """Return who answers for a choice of this person; one query for a preset.

    Whether the model can be asked is not looked at: `check_answerer` does that.

    Raises:
        PresetGone: The person may not use the preset, or it is none.
    """
    if not is_preset_id(chosen):
        return Answerer(id=chosen, model=chosen)
    uuid = preset_uuid(chosen)
    preset = usable_presets(user).filter(uuid=uuid).first() if uuid else None
    if preset is None:
        raise PresetGone
    return Answerer(id=chosen, model=preset.base_model, preset=preset)


def painter_of(drawing: Drawing) -> Answerer:
    return Answerer(id=PICTURES, model=drawing.spec.model_label, drawing=drawing)


async def check_answerer(user: User, answerer: Answerer, *, has_images: bool = False) -> None:
    """Make sure that a person can ask a model, before anything is stored.

    Args:
        has_images: It is to look at pictures.

    Raises:
        ModelUnknown: No connection offers it now, or the person may not use it.
        ModelUnreachable: The connection that should have it does not answer.
        ModelCannotChat: It is an embedder.
        ModelCannotSee: It is to look at pictures, and cannot.
        PresetWithoutModel: As the first or the last, of a preset's model.
    """
    try:
        await _check_model(user, answerer.model, has_images=has_images)
    except ModelUnknown as exc:
        if answerer.preset is None:
            raise
        raise PresetWithoutModel(answerer.preset_name, answerer.model) from exc


async def _check_model(user: User, model: str, *, has_images: bool) -> None:
    if model == QUOTES:
        if has_images:
            raise ModelCannotSee(model_label(model))
        return
    try:
        info = await require_model(user, model)
    except ModelNotFound as exc:
        raise ModelUnknown(model) from exc
    except InferenceError as exc:
        raise ModelUnreachable(failure_of(exc)) from exc
    if not info.can_chat:
        raise ModelCannotChat(model)
    if has_images and not info.may_see:
        raise ModelCannotSee(model)


def choose_model(models: ModelList, *wanted: str) -> str:
    """Return the first of the wanted models that can be asked, else any, else Quotes."""
    offered = [model.id for model in models.models if model.can_chat]
    for model in wanted:
        if model == QUOTES or model in offered:
            return model
    return offered[0] if offered else QUOTES
