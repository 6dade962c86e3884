"""What is said in one chat about how its questions are answered."""

from __future__ import annotations

from webui.chats.models import Chat
from webui.presets.levels import Level, levels_of
from webui.presets.models import ModelPreset


def levels_in(chat: Chat, model: str, preset: ModelPreset | None = None) -> list[Level]:
    """Return all that is said about the questions of a chat, the chat's own word last. Reads its owner."""
    own = Level(source="chat", system_prompt=chat.system_prompt, options=chat.options)
    return [*levels_of(chat.owner, model, preset), own]
