"""Who can answer: the catalog's models, and Quotes, which needs none."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

from inference import client
from inference.errors import InferenceError, ModelNotFound
from inference.types import ModelList
from webui.chats.errors import ModelCannotChat, ModelUnknown, ModelUnreachable, failure_of

QUOTES: Final = "quotes"
"""Id of the answerer that quotes the documents word for word."""


def model_label(model: str) -> str:
    return _("Quotes") if model == QUOTES else model


async def check_answerer(model: str) -> None:
    """Make sure that a model can be asked, before anything is stored.

    Raises:
        ModelUnknown: No connection offers it now.
        ModelUnreachable: The connection that should have it does not answer.
        ModelCannotChat: It is an embedder.
    """
    if model == QUOTES:
        return
    try:
        info = await client.find_model(model)
    except ModelNotFound as exc:
        raise ModelUnknown(model) from exc
    except InferenceError as exc:
        raise ModelUnreachable(failure_of(exc)) from exc
    if not info.can_chat:
        raise ModelCannotChat(model)


def choose_model(models: ModelList, *wanted: str) -> str:
    """Return the first of the wanted models that can be asked, else any, else Quotes."""
    offered = [model.id for model in models.models if model.can_chat]
    for model in wanted:
        if model == QUOTES or model in offered:
            return model
    return offered[0] if offered else QUOTES
