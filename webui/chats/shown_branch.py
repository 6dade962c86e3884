"""Reading the shown branch of a chat, or a part of it, with all that a template touches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, prefetch_related_objects

import rag.api as rag
from webui.chats import branches, conf
from webui.chats.branches import Parents, Position
from webui.chats.models import Chat, Citation, Generation, Image, Message, Rating


@dataclass(frozen=True, slots=True)
class Attached:
    """What goes with a question; of an answer, the pictures that it is."""

    documents: Sequence[rag.Document] = ()
    knowledge: Sequence[rag.Knowledge] = ()
    images: Sequence[Image] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Messages from the root towards the leaf, with what the chat's owner may read of documents at this moment.

    Attributes:
        is_cut: Messages above the first one are left out.
        columns: The answers that are shown side by side at the end, the last message among them; empty when it is shown
            alone.
        positions: Where each message stands among its siblings.
        uuids: Of the siblings that a position names.
        attached: What goes with a question, or is the answer; a message without any may be missing.
        citations: What a finished answer cites, by number; a message without any may be missing. One whose document may
            not be read any more has neither document nor name nor text.
        ratings: Whether the owner finds an answer good; those not rated are missing. None when nobody is asked.
    """

    messages: Sequence[Message] = ()
    is_cut: bool = False
    columns: Sequence[Message] = ()
    positions: Mapping[int, Position] = field(default_factory=dict)
    uuids: Mapping[int, UUID] = field(default_factory=dict)
    attached: Mapping[int, Attached] = field(default_factory=dict)
    citations: Mapping[int, Sequence[Citation]] = field(default_factory=dict)
    ratings: Mapping[int, bool] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """What the tree knows of a message."""

    id: int
    parent_id: int | None
    uuid: UUID


WINDOW = 30
"""So many messages are shown at once: rendering a thousand would take seconds."""


def branch_messages(chat: Chat) -> Branch:
    """Return the branch that ends in the chat's leaf; at most eight queries, however long it is."""
    return _branch_to_leaf(chat, n_most=None)


def newest_messages(chat: Chat) -> Branch:
    """Return the end of what `branch_messages` returns."""
    return _branch_to_leaf(chat, n_most=WINDOW)


def earlier_messages(message: Message) -> Branch:
    """Return what goes before a message on every branch through it, the newest of that. Reads its chat."""
    tree, parents = _tree_of(message.chat)
    above = branches.branch_of(parents, message.pk)[:-1]
    return _part_of(message.chat, tree, above, n_most=WINDOW)


def _branch_to_leaf(chat: Chat, *, n_most: int | None) -> Branch:
    tree, parents = _tree_of(chat)
    leaf = chat.current_message_id or branches.newest_leaf(parents)
    if leaf is None:
        return Branch()
    return _part_of(chat, tree, branches.branch_of(parents, leaf), n_most=n_most, has_leaf=True)


def _tree_of(chat: Chat) -> tuple[list[Node], Parents]:
    tree = [Node(*row) for row in chat.messages.values_list("id", "parent_id", "uuid")]
    return tree, {node.id: node.parent_id for node in tree}


def _part_of(
    chat: Chat, tree: Sequence[Node], path: Sequence[int], *, n_most: int | None, has_leaf: bool = False
) -> Branch:
    part = path if n_most is None else path[-n_most:]
    shown = chat.messages.filter(id__in=part)
    messages = list(shown.select_related("generation").order_by("id"))
    columns = columns_beside(messages[-1]) if has_leaf and chat.is_side_by_side else []
    branch = _branch(messages, tree, chat.owner_id, columns)
    return replace(branch, is_cut=len(part) < len(path))


def is_on_shown_branch(message: Message) -> bool:
    """Whether a message is among those that `branch_messages` returns. Reads its chat."""
    _tree, parents = _tree_of(message.chat)
    leaf = message.chat.current_message_id or branches.newest_leaf(parents)
    return leaf is not None and message.pk in branches.branch_of(parents, leaf)


def side_by_side(answer: Message) -> Branch:
    """Return an answer with those that stand beside it, as `branch_messages` does. Reads its chat if not selected."""
    return _branch([answer], _family_of([answer]), answer.chat.owner_id, columns_beside(answer))


def columns_beside(answer: Message) -> list[Message]:
    """Return the answers to a question, `answer` among them, or none when it is the only one; one query.

    One that has failed without a word gives way to a newer one of the same model.
    """
    answers = Message.objects.filter(chat_id=answer.chat_id, parent_id=answer.parent_id, role=Message.Role.ASSISTANT)
    if not answer.is_answer or answer.parent_id is None:
        return []
    siblings = list(answers.select_related("generation").order_by("id"))
    newest = {(sibling.model, sibling.preset_name): sibling.pk for sibling in siblings}
    columns = [
        answer if sibling.pk == answer.pk else sibling
        for sibling in siblings
        if sibling.pk in (answer.pk, newest[sibling.model, sibling.preset_name]) or not _has_nothing(sibling)
    ]
    return columns if len(columns) > 1 else []


def _has_nothing(answer: Message) -> bool:
    if answer.is_picture and answer.its_generation is not None:
        return answer.its_generation.state == Generation.State.FAILED
    return not answer.content and not answer.is_unfinished


def last_message(chat: Chat) -> UUID | None:
    """Return the end of what `branch_messages` returns, without reading the rest."""
    if chat.current_message is not None:
        return chat.current_message.uuid
    return chat.messages.order_by("id").values_list("uuid", flat=True).last()


def one_message(message: Message) -> Branch:
    """Return a single message as `branch_messages` does. Reads its chat and generation if not selected."""
    return _branch([message], _family_of([message]), message.chat.owner_id)


def joined(above: Branch, below: Branch) -> Branch:
    """Return two parts of a branch as one."""
    return Branch(
        messages=[*above.messages, *below.messages],
        is_cut=above.is_cut,
        columns=below.columns,
        positions={**above.positions, **below.positions},
        uuids={**above.uuids, **below.uuids},
        attached={**above.attached, **below.attached},
        citations={**above.citations, **below.citations},
        ratings=above.ratings if below.ratings is None else {**(above.ratings or {}), **below.ratings},
    )


def new_messages(
    messages: Sequence[Message], attached: Attached, *, have_siblings: bool, columns: Sequence[Message] = ()
) -> Branch:
    """Return what was just stored: an empty answer, below its question unless that is an old one.

    One query when they have siblings, else none.

    Args:
        attached: To the question, if that is among the messages.
        columns: The answers that were begun together, the one among the messages first; none when it is the only one.
    """
    stored = [*messages, *columns[1:]]
    tree = _family_of(messages) if have_siblings else [Node(m.pk, m.parent_id, m.uuid) for m in stored]
    return _placed(messages, tree, columns, attached={messages[0].pk: attached}, citations={})


def _family_of(messages: Sequence[Message]) -> list[Node]:
    """Return messages of one chat with all their siblings; one query, which reads nothing else of the tree."""
    parents = {message.parent_id for message in messages}
    same_parent = Q(parent_id__in=parents - {None})
    if None in parents:
        same_parent |= Q(parent_id=None)
    family = Message.objects.filter(same_parent, chat_id=messages[0].chat_id)
    return [Node(*row) for row in family.values_list("id", "parent_id", "uuid")]


def _branch(
    messages: Sequence[Message], tree: Iterable[Node], reader_id: int, columns: Sequence[Message] = ()
) -> Branch:
    shown = _with_columns(messages, columns)
    attached, citations = _attached_to(shown, reader_id), _citations_of(shown, reader_id)
    ratings = _ratings_of(shown, reader_id)
    return _placed(messages, tree, columns, attached=attached, citations=citations, ratings=ratings)


def _with_columns(messages: Sequence[Message], columns: Sequence[Message]) -> list[Message]:
    return [*messages, *(column for column in columns if column.pk != messages[-1].pk)]


def _placed(
    messages: Sequence[Message],
    tree: Iterable[Node],
    columns: Sequence[Message] = (),
    *,
    attached: Mapping[int, Attached],
    citations: Mapping[int, Sequence[Citation]],
    ratings: Mapping[int, bool] | None = None,
) -> Branch:
    nodes = [*tree]
    parents, shown = {node.id: node.parent_id for node in nodes}, _with_columns(messages, columns)
    return Branch(
        messages=messages,
        columns=columns,
        positions=branches.positions_of(parents, [message.pk for message in shown]),
        uuids={node.id: node.uuid for node in nodes},
        attached=attached,
        citations=citations,
        ratings=ratings,
    )


def _attached_to(messages: Sequence[Message], reader_id: int) -> dict[int, Attached]:
    questions = [message for message in messages if message.role == Message.Role.USER]
    pictures = [message for message in messages if message.is_picture and not message.is_unfinished]
    # Into lists: a queryset for each message and relation would take longer than the three queries.
    rows: Any = [*questions, *pictures]
    prefetch_related_objects(
        rows[: len(questions)],
        Prefetch("documents", rag.documents_readable_by(reader_id), to_attr="own_documents"),
        Prefetch("knowledge", rag.knowledge_readable_by(reader_id), to_attr="own_knowledge"),
    )
    prefetch_related_objects(rows, Prefetch("images", Image.objects.filter(owner=reader_id), to_attr="own_images"))
    return {
        row.pk: Attached(getattr(row, "own_documents", ()), getattr(row, "own_knowledge", ()), row.own_images)
        for row in rows
    }


def _citations_of(messages: Iterable[Message], reader_id: int) -> dict[int, Sequence[Citation]]:
    # A citation stands in the text as [1]: most answers have none, and are not asked for any.
    answers = [m for m in messages if m.is_answer and not m.is_unfinished and rag.may_cite(m.content)]
    readable = Exists(rag.documents_readable_by(reader_id).filter(pk=OuterRef("document")).order_by())
    citations = Citation.objects.select_related("document").annotate(is_readable=readable)
    prefetch_related_objects(answers, Prefetch("citations", citations))
    return {answer.pk: [seen(c, is_readable=c.is_readable) for c in answer.citations.all()] for answer in answers}  # type: ignore[attr-defined]


def _ratings_of(messages: Iterable[Message], reader_id: int) -> dict[int, bool] | None:
    answers = [message.pk for message in messages if message.is_answer and not message.is_unfinished]
    if not answers or not conf.asks_for_ratings():
        return None
    ratings = Rating.objects.filter(message__in=answers, rated_by=reader_id)
    return dict(ratings.values_list("message_id", "is_good"))


def seen(citation: Citation, *, is_readable: bool) -> Citation:
    """Return a citation as its reader may see it; without document, name, place and text if they may not read it."""
    if is_readable or (citation.document_id is None and citation.is_of_own_document):
        return citation
    return Citation(message_id=citation.message_id, number=citation.number, start=0, end=0)
