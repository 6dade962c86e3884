"""The rows of the model picker, and the connections it has to do without."""

from __future__ import annotations

from collections.abc import Collection

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from inference.types import ModelInfo, ModelList
from webui.accounts.models import User
from webui.chats.answerers import QUOTES, model_label
from webui.chats.failures import failure_of
from webui.chats.views.contexts import ConnectionTrouble, ModelChoice, PictureChoice, PresetChoice
from webui.chats.wording import explain
from webui.imagery.queries import usable_connections
from webui.imagery.types import Size
from webui.presets.contexts import picture_url
from webui.presets.ids import preset_id, preset_uuid
from webui.presets.models import ModelPreset
from webui.presets.queries import offered_presets


def model_choices(models: ModelList) -> list[ModelChoice]:
    """Return who can answer: the models that chat, then Quotes. Where each comes from, if not all from one."""
    quotes = ModelChoice(
        id=QUOTES, name=model_label(QUOTES), detail=_("Quotes your documents, needs no model"), is_quotes=True
    )
    chatting = [model for model in models.models if model.can_chat]
    has_several = len({model.connection for model in chatting}) > 1
    return [*(_choice(model, names_connection=has_several) for model in chatting), quotes]


def preset_choices(user: User, models: ModelList, wanted: str) -> list[PresetChoice]:
    """Return the presets that this person can ask now, the wanted one among them if it is one; one query."""
    offered = [model.id for model in models.models if model.can_chat]
    seeing = {model.id for model in models.models if model.may_see}
    return [_preset_choice(preset, seeing) for preset in offered_presets(user, offered, preset_uuid(wanted))]


def _preset_choice(preset: ModelPreset, seeing: Collection[str]) -> PresetChoice:
    return PresetChoice(
        id=preset_id(preset.uuid),
        name=preset.name,
        base_model=preset.base_model,
        sign=preset.sign,
        picture_url=picture_url(preset),
        description=preset.description,
        suggestions=preset.suggestions,
        may_see=preset.base_model in seeing,
    )


def _choice(model: ModelInfo, *, names_connection: bool) -> ModelChoice:
    size = filesizeformat(model.size_bytes) if model.size_bytes else ""
    facts = (model.parameter_size, size, model.connection if names_connection else "")
    return ModelChoice(
        id=model.id,
        name=model.id,
        detail=", ".join(filter(None, facts)),
        is_quotes=False,
        may_see=model.may_see,
    )


def picture_choices(user: User) -> list[PictureChoice]:
    """Return who can make pictures for this person, the default first; one query."""
    return [
        PictureChoice(
            uuid=str(connection.uuid),
            name=connection.name,
            sizes=[(str(size), _size_in_words(size)) for size in connection.offered_sizes],
            takes_negative_prompt=connection.takes_negative_prompt,
            takes_seed=connection.takes_seed,
        )
        for connection in usable_connections(user)
    ]


def _size_in_words(size: Size) -> str:
    if size.width == size.height:
        words = _("Square, %(width)s × %(height)s")
    elif size.width > size.height:
        words = _("Wide, %(width)s × %(height)s")
    else:
        words = _("Tall, %(width)s × %(height)s")
    return words % {"width": size.width, "height": size.height}


def troubles(models: ModelList) -> list[ConnectionTrouble]:
    return [
        ConnectionTrouble(connection=problem.connection, text=_trouble_text(problem.error))
        for problem in models.problems
    ]


def _trouble_text(error: Exception) -> str:
    failure = failure_of(error)
    return explain(failure.code, failure.facts).title
