"""Which pictures of a branch a model is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from inference.types import ChatMessage, ModelInfo
from webui.chats.prompting.turns import Turn
from webui.chats.relay.database import in_database
from webui.chats.services.images import contents_of
from webui.chats.services.tasks import Task

MAX_SENT: Final = 20
"""Most services refuse a request with many more; the newest are what is talked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictured:
    """The turns of a task with the pictures that its model may be sent."""

    turns: Sequence[Turn]
    can_see: bool

    def ledger(self, sent: Sequence[ChatMessage]) -> dict[str, Any]:
        """Return what the ledger says of pictures; nothing without any."""
        n_there = sum(len(turn.image_ids) for turn in self.turns)
        if not n_there:
            return {}
        n_sent = sum(len(message.images) for message in sent)
        return {"pictures": {"sent": n_sent, "left_out": n_there - n_sent, "can_see": self.can_see}}


async def pictured(task: Task, info: ModelInfo) -> Pictured:
    """Read the newest pictures of a branch, unless the model cannot see them."""
    wanted = [image for turn in task.turns for image in turn.image_ids][-MAX_SENT:] if info.may_see else []
    if not wanted:
        return Pictured(turns=task.turns, can_see=info.may_see)
    contents = await in_database(contents_of, wanted, task.user_id)
    turns = [
        replace(turn, images=[contents[image] for image in turn.image_ids if image in contents]) for turn in task.turns
    ]
    return Pictured(turns=turns, can_see=True)
