"""Reading the shown branch of a chat, or a part of it, with all that a template touches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Prefetch, Q, prefetch_related_objects

from rag.api import Document
from webui.chats import branches
from webui.chats.branches import Position
from webui.chats.models import Chat, Citation, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Messages from the root towards the leaf.

    Attributes:
        positions: Where each message stands among its siblings.
        uuids: Of the siblings that a position names.
        documents: What is attached to a question; a message without any may be missing.
        citations: What a finished answer cites, by number; a message without any may be missing.
    """

    messages: Sequence[Message] = ()
    positions: Mapping[int, Position] = field(default_factory=dict)
    uuids: Mapping[int, UUID] = field(default_factory=dict)
    documents: Mapping[int, Sequence[Document]] = field(default_factory=dict)
    citations: Mapping[int, Sequence[Citation]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """What the tree knows of a message."""

    id: int
    parent_id: int | None
    uuid: UUID


def branch_messages(chat: Chat) -> Branch:
    """Return the branch that ends in the chat's leaf; at most four queries, however long it is."""
    tree = [Node(*row) for row in chat.messages.values_list("id", "parent_id", "uuid")]
    parents = {node.id: node.parent_id for node in tree}
    leaf = chat.current_message_id or branches.newest_leaf(parents)
    if leaf is None:
        return Branch()
    shown = chat.messages.filter(id__in=branches.branch_of(parents, leaf))
    return _branch(list(shown.select_related("generation").order_by("id")), tree)


def one_message(message: Message) -> Branch:
    """Return a single message as `branch_messages` does. Reads its chat and generation if not selected."""
    return _branch([message], _family_of([message]))


def new_messages(messages: Sequence[Message], documents: Sequence[Document], *, have_siblings: bool) -> Branch:
    """Return what was just stored: an empty answer, below its question unless that is an old one.

    One query when they have siblings, else none.

    Args:
        documents: Attached to the question, if that is among the messages.
    """
    tree = _family_of(messages) if have_siblings else [Node(m.pk, m.parent_id, m.uuid) for m in messages]
    return _placed(messages, tree, documents={messages[0].pk: documents}, citations={})


def _family_of(messages: Sequence[Message]) -> list[Node]:
    """Return messages of one chat with all their siblings; one query, which reads nothing else of the tree."""
    parents = {message.parent_id for message in messages}
    same_parent = Q(parent_id__in=parents - {None})
    if None in parents:
        same_parent |= Q(parent_id=None)
    family = Message.objects.filter(same_parent, chat_id=messages[0].chat_id)
    return [Node(*row) for row in family.values_list("id", "parent_id", "uuid")]


def _branch(messages: Sequence[Message], tree: Iterable[Node]) -> Branch:
    return _placed(messages, tree, documents=_documents_of(messages), citations=_citations_of(messages))


def _placed(
    messages: Sequence[Message],
    tree: Iterable[Node],
    *,
    documents: Mapping[int, Sequence[Document]],
    citations: Mapping[int, Sequence[Citation]],
) -> Branch:
    nodes = [*tree]
    return Branch(
        messages=messages,
        positions=branches.positions_of({node.id: node.parent_id for node in nodes}, [m.pk for m in messages]),
        uuids={node.id: node.uuid for node in nodes},
        documents=documents,
        citations=citations,
    )


def _documents_of(messages: Iterable[Message]) -> dict[int, Sequence[Document]]:
    questions = [message for message in messages if message.role == Message.Role.USER]
    prefetch_related_objects(questions, "documents")
    return {question.pk: list(question.documents.all()) for question in questions}


def _citations_of(messages: Iterable[Message]) -> dict[int, Sequence[Citation]]:
    # A citation stands in the text as [1]: most answers have none, and are not asked for any.
    answers = [m for m in messages if m.is_answer and "[" in m.content and not m.is_unfinished]
    prefetch_related_objects(answers, Prefetch("citations", Citation.objects.select_related("document")))
    return {answer.pk: list(answer.citations.all()) for answer in answers}
