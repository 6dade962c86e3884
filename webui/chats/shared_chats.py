"""What others read of a chat: the shown branch as it is, or as it was when its owner last said so.

Both are the same values. Those of another moment are kept as JSON in the link, so that nothing that happens to the chat
afterwards changes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, cast

from webui.chats.answerers import model_label
from webui.chats.models import Chat, Citation, Message, ShareLink
from webui.chats.shown_branch import Attached, Branch, branch_messages

Role = Literal["user", "assistant"]
SHOWN_ROLES: Collection[str] = frozenset({Message.Role.USER, Message.Role.ASSISTANT})


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCitation:
    """A passage that an answer rests on.

    Attributes:
        document: Its uuid; empty when it was deleted by then.
        is_of_own_document: Whether it was the chat owner's. What somebody shared with the owner is not theirs to show.
    """

    number: int
    document: str
    document_name: str
    is_of_own_document: bool
    page: int | None
    page_kind: str
    page_name: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFile:
    """A document of the chat owner's own that goes with a question."""

    uuid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedImage:
    """A picture that goes with a question, or is an answer; its pixels are those of the chat, and gone with them."""

    uuid: str
    name: str
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedMessage:
    """One message. `model` and `preset_name` as in `Message`; `merged_from`: who gave the answers it is made of."""

    role: Role
    text: str
    model: str
    preset_name: str
    is_unfinished: bool
    citations: Sequence[SharedCitation]
    files: Sequence[SharedFile]
    images: Sequence[SharedImage]
    merged_from: Sequence[str] = ()

    @property
    def model_name(self) -> str:
        """Who answered, in words; empty on the owner's questions."""
        return self.preset_name or (model_label(self.model) if self.model else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedChat:
    """All that a link shows. Reasoning, options, traces and ratings stay with the owner.

    Attributes:
        columns: The answers side by side at its end, below the last of the messages; empty where there is none or one.
    """

    title: str
    messages: Sequence[SharedMessage]
    columns: Sequence[SharedMessage] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            title=stored["title"],
            messages=[_message_of_json(message) for message in stored["messages"]],
            columns=[_message_of_json(column) for column in stored["columns"]],
        )

    @property
    def digest(self) -> str:
        """What tells one state from another."""
        return hashlib.sha256(json.dumps(self.as_json()).encode()).hexdigest()[:32]

    @property
    def all_messages(self) -> Sequence[SharedMessage]:
        return [*self.messages, *self.columns]

    @property
    def cited_documents(self) -> frozenset[str]:
        return frozenset(c.document for message in self.all_messages for c in message.citations if c.document)

    @property
    def file_uuids(self) -> frozenset[str]:
        return frozenset(file.uuid for message in self.all_messages for file in message.files)

    @property
    def image_uuids(self) -> frozenset[str]:
        return frozenset(image.uuid for message in self.all_messages for image in message.images)


def _message_of_json(stored: Mapping[str, Any]) -> SharedMessage:
    return SharedMessage(
        **{
            **stored,
            "citations": [SharedCitation(**citation) for citation in stored["citations"]],
            "files": [SharedFile(**file) for file in stored["files"]],
            "images": [SharedImage(**image) for image in stored["images"]],
        }
    )


def shared_chat(link: ShareLink) -> SharedChat:
    """Return what a link shows now. Reads its chat; one query if not selected."""
    if link.snapshot is not None:
        return SharedChat.of_json(link.snapshot)
    return chat_as_shared(link.chat)


def chat_as_shared(chat: Chat) -> SharedChat:
    """Return the shown branch of a chat as others may read it, without what has no words, as failed answers."""
    branch = branch_messages(chat)
    columns = _shown(branch, chat, branch.columns)
    messages = _shown(branch, chat, branch.messages[:-1] if branch.columns else branch.messages)
    if len(columns) == 1:
        messages, columns = [*messages, *columns], []
    return SharedChat(title=chat.title, messages=messages, columns=columns)


def _shown(branch: Branch, chat: Chat, messages: Sequence[Message]) -> list[SharedMessage]:
    return [
        _message(
            message,
            chat.owner_id,
            branch.attached.get(message.pk, Attached()),
            branch.citations.get(message.pk, ()),
        )
        for message in messages
        if message.role in SHOWN_ROLES and _is_shown(message, branch)
    ]


def _message(message: Message, owner_id: int, attached: Attached, citations: Sequence[Citation]) -> SharedMessage:
    return SharedMessage(
        role=cast(Role, message.role),
        text=message.content,
        model=message.model,
        preset_name=message.preset_name,
        is_unfinished=message.is_unfinished,
        merged_from=[one["name"] for one in message.merged_from],
        citations=[_citation(citation) for citation in citations],
        files=[
            SharedFile(uuid=str(document.uuid), name=document.name)
            for document in attached.documents
            if document.owner_id == owner_id
        ],
        images=[
            SharedImage(
                uuid=str(image.uuid),
                name=image.name,
                media_type=image.media_type,
                width=image.width,
                height=image.height,
            )
            for image in attached.images
        ],
    )


def _is_shown(message: Message, branch: Branch) -> bool:
    """Whether it has words, or will have some, or is pictures."""
    if message.content.strip() or message.is_unfinished:
        return True
    return message.is_picture and bool(branch.attached.get(message.pk, Attached()).images)


def _citation(citation: Citation) -> SharedCitation:
    return SharedCitation(
        number=citation.number,
        document=str(citation.document.uuid) if citation.document else "",
        document_name=citation.document_name,
        is_of_own_document=citation.is_of_own_document,
        page=citation.page,
        page_kind=citation.page_kind,
        page_name=citation.page_name,
        start=citation.start,
        end=citation.end,
        text=citation.text,
    )
