"""Rows for tests: keyword arguments and honest defaults, written through the real ORM."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable
from typing import Any

from django.core.files.base import ContentFile
from PIL import Image as Drawing

from rag.models import Document, ExtractedText, Knowledge
from rag.services import knowledge as knowledge_service
from webui.accounts.models import Group, Role, User
from webui.chats.models import Chat, Folder, Generation, Image, Message, Tag, tag_key
from webui.chats.services import images
from webui.presets import prompts
from webui.presets import services as presets
from webui.presets.models import ModelPreset, PromptPreset

PASSWORD = "a long enough password"

_numbers = itertools.count(1)


def make_user(*, email: str | None = None, role: str = Role.USER, password: str = PASSWORD, **fields: Any) -> User:
    return User.objects.create_user(email or f"person{next(_numbers)}@example.org", password, role=role, **fields)


def make_message(
    chat: Chat,
    *,
    role: str = Message.Role.USER,
    content: str = "hello",
    parent: Message | None = None,
    **fields: Any,
) -> Message:
    """Add a message below `parent` (default: the chat's leaf) and show its branch."""
    message = Message.objects.create(
        chat=chat, role=role, content=content, parent=parent or chat.current_message, **fields
    )
    chat.current_message = message
    chat.save(update_fields=["current_message"])
    return message


def make_answer(
    chat: Chat,
    *,
    content: str = "An answer.",
    state: str = Generation.State.FINISHED,
    model: str = "tiny:latest",
    parent: Message | None = None,
    **fields: Any,
) -> Message:
    """Add an assistant message and its generation; `fields` go to the generation."""
    message = make_message(chat, role=Message.Role.ASSISTANT, content=content, model=model, parent=parent)
    Generation.objects.create(message=message, asked_by=chat.owner, state=state, **fields)
    return message


def make_chat(*, owner: User, messages: int = 0, title: str = "A chat", **fields: Any) -> Chat:
    """Create a chat with `messages` messages in one line: question 1, answer 1, question 2 ..."""
    chat = Chat.objects.create(owner=owner, title=title, **fields)
    for number in range(messages):
        if number % 2:
            make_answer(chat, content=f"answer {number // 2 + 1}")
        else:
            make_message(chat, content=f"question {number // 2 + 1}")
    return chat


def make_tag(*chats: Chat, owner: User, name: str = "A tag") -> Tag:
    """Create a tag that these chats have."""
    tag = Tag.objects.create(owner=owner, name=name, key=tag_key(name))
    tag.chats.add(*chats)
    return tag


def make_folder(*, owner: User, name: str = "A folder", **fields: Any) -> Folder:
    return Folder.objects.create(owner=owner, name=name, **fields)


def make_document(
    *,
    owner: User,
    name: str = "notes.txt",
    text: str = "The lighthouse was built in 1902.",
    state: str = Document.State.READY,
    **fields: Any,
) -> Document:
    """Create a document row with its text, neither chunked nor indexed."""
    values = {
        "media_type": "text/plain",
        "file": ContentFile(text.encode(), name=name),
        "size_bytes": len(text.encode()),
        "sha256": f"{next(_numbers):064x}",
    } | fields
    document = Document.objects.create(owner=owner, name=name, state=state, **values)
    ExtractedText.objects.create(document=document, text=text)
    return document


def make_group(*members: User, name: str | None = None) -> Group:
    group = Group.objects.create(name=name or f"Group {next(_numbers)}")
    group.members.add(*members)
    return group


def make_knowledge(
    *documents: Document,
    owner: User,
    name: str = "Handbook",
    readers: Iterable[User] = (),
    writers: Iterable[User] = (),
) -> Knowledge:
    """Create a knowledge with these documents at its top, shared with these people."""
    knowledge = knowledge_service.create_knowledge(owner, name)
    for document in documents:
        knowledge_service.add_document(knowledge, document)
    for reader in readers:
        knowledge_service.grant(knowledge, user=reader)
    for writer in writers:
        knowledge_service.grant(knowledge, user=writer, may_write=True)
    return knowledge


def make_preset(
    *,
    owner: User,
    name: str = "Harbour master",
    readers: Iterable[User] = (),
    picture: bytes = b"",
    **content: Any,
) -> ModelPreset:
    """Create a preset on `tiny:latest`, shared with these people; `content` is of `presets.services.Content`."""
    values = {"base_model": "tiny:latest", "system_prompt": f"You are {name}."} | content
    preset = presets.create_preset(owner, presets.Content(name=name, **values), picture)
    for reader in readers:
        presets.grant(preset, user=reader)
    return preset


def make_image(
    *,
    owner: User,
    message: Message | None = None,
    name: str = "photo.png",
    colour: str = "teal",
    size: tuple[int, int] = (6, 4),
) -> Image:
    """Create a picture of one colour, of a question or waiting to be sent."""
    file = io.BytesIO()
    Drawing.new("RGB", size, colour).save(file, "PNG")
    file.seek(0)
    image = images.create_image(owner, name, file)
    if message is not None:
        images.attach_images(message, [image])
    return image


def make_prompt(
    *,
    owner: User,
    command: str = "harbour",
    name: str = "About the harbour",
    content: str = "What is the news in the harbour?",
    readers: Iterable[User] = (),
) -> PromptPreset:
    """Create a prompt preset, shared with these people."""
    prompt = prompts.create_prompt(owner, prompts.PromptContent(name=name, command=command, content=content))
    for reader in readers:
        presets.grant(prompt, user=reader)
    return prompt
