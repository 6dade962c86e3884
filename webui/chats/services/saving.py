"""A chat as a model preset, as `/save` in a terminal makes a model of one: what is set, and what was said."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from webui.accounts.models import User
from webui.chats import access
from webui.chats.answerers import QUOTES, Answerer
from webui.chats.briefings import joined_system
from webui.chats.errors import WordRefused
from webui.chats.models import Message
from webui.chats.queries import branch_before
from webui.presets.errors import TooManyPresets
from webui.presets.modelfiles import rest_of_json
from webui.presets.models import NAME_MAX_LENGTH, SYSTEM_PROMPT_MAX_LENGTH, ModelPreset
from webui.presets.services import Content, content_of, create_preset

_SAID = (Message.Role.USER, Message.Role.ASSISTANT)


@transaction.atomic
def save_chat(user: User, chat_uuid: UUID | str | None, answerer: Answerer, name: str) -> ModelPreset:
    """Make a preset of who answers in a chat, with what the chat says of that, and the shown branch before every chat.

    Args:
        chat_uuid: None for a chat that has not begun.

    Raises:
        WordRefused: Nobody can be saved, or there is too much of it.
    """
    if answerer.model in ("", QUOTES):
        raise WordRefused("repl_save_nobody")
    if len(name) > NAME_MAX_LENGTH:
        raise WordRefused("repl_save_name", limit=NAME_MAX_LENGTH)
    base = content_of(answerer.preset, user) if answerer.preset else Content(name=name, base_model=answerer.model)
    chat = access.chat_read(user, chat_uuid) if chat_uuid else None
    said = _branch(chat.current_message) if chat and chat.current_message else []
    own = "\n\n".join(message.content for message in said if message.role == Message.Role.SYSTEM)
    told = [base.system_prompt, chat.system_prompt if chat else "", own]
    system_prompt = joined_system((), "\n\n".join(filter(None, told)))
    examples = [["MESSAGE", str(message.role), message.content] for message in said if message.role in _SAID]
    rest = [*map(list, base.modelfile_rest), *examples]
    if len(system_prompt) > SYSTEM_PROMPT_MAX_LENGTH:
        raise WordRefused("repl_system", limit=SYSTEM_PROMPT_MAX_LENGTH)
    try:
        rest_of_json(rest)
        return create_preset(
            user,
            Content(
                name=name,
                base_model=answerer.model,
                description=base.description,
                symbol=base.symbol,
                system_prompt=system_prompt,
                options={**base.options, **(chat.options if chat else {})},
                suggestions=base.suggestions,
                modelfile_rest=rest,
                documents=base.documents,
                knowledge=base.knowledge,
            ),
        )
    except ValueError as exc:
        raise WordRefused("repl_save_long") from exc
    except TooManyPresets as exc:
        raise WordRefused("repl_save_many", limit=exc.limit) from exc


def _branch(leaf: Message) -> list[Message]:
    """Return what of the shown branch was said and is still sent with questions."""
    below = Message(chat_id=leaf.chat_id, parent=leaf)
    branch = branch_before(below)
    cleared = max((at for at, message in enumerate(branch) if message.ends_context), default=-1)
    return [message for message in branch[cleared + 1 :] if message.content.strip()]
