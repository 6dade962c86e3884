"""The panel in which answers to one question are chosen, and who makes one answer of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.text import Truncator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.model_access import models_for
from webui.accounts.models import User
from webui.chats import access
from webui.chats.answerers import model_label
from webui.chats.models import Message
from webui.chats.queries import mergeable_answers
from webui.chats.services.merging import MIN_MERGED
from webui.chats.views.contexts import ModelChoice, PresetChoice
from webui.chats.views.model_choices import model_choices, preset_choices
from webui.rendering import plain_text

OPENING_CHARS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRow:
    """One answer that can be merged. `is_chosen`: to begin with; what was merged itself is not."""

    uuid: str
    name: str
    opening: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePanel:
    """What `chats/_merge.html` shows. `selected` is the id of the model or preset that is proposed."""

    rows: Sequence[MergeRow]
    presets: Sequence[PresetChoice]
    models: Sequence[ModelChoice]
    selected: str
    least: int = MIN_MERGED

    @property
    def is_possible(self) -> bool:
        return len(self.rows) >= self.least

    @property
    def has_models(self) -> bool:
        return bool(self.models or self.presets)


@require_GET
@never_cache
@member_required
def merge(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    answer = access.message_read(access.chat_read(request.user, uuid), message_uuid)
    if not answer.is_answer or answer.parent_id is None:
        raise Http404
    return render(request, "chats/_merge.html", {"panel": _panel(request.user, answer)})


def _panel(user: User, answer: Message) -> MergePanel:
    models = models_for(user)
    wanted = answer.chat.model
    choices = [choice for choice in model_choices(models) if not choice.is_quotes]
    presets = preset_choices(user, models, wanted)
    offered = [*(choice.id for choice in choices), *(preset.id for preset in presets)]
    return MergePanel(
        rows=[_row(sibling) for sibling in mergeable_answers(answer)],
        presets=presets,
        models=choices,
        selected=wanted if wanted in offered else next(iter(offered), ""),
    )


def _row(answer: Message) -> MergeRow:
    return MergeRow(
        uuid=str(answer.uuid),
        name=answer.preset_name or model_label(answer.model),
        opening=Truncator(" ".join(plain_text(answer.content[: 8 * OPENING_CHARS]).split())).chars(OPENING_CHARS),
        is_chosen=not answer.merged_from,
    )
