"""What one generation has to do: its branch with what is attached to that, and what goes with every question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Value
from django.utils.translation import get_language, gettext

import rag.api as rag
from webui.accounts.models import User
from webui.chats.briefings import Briefed, Briefing, briefed_links, joined_system, mark_of
from webui.chats.models import Generation, Image, Message
from webui.chats.prompting import attribution
from webui.chats.prompting.turns import Draft, Turn
from webui.chats.queries import branch_before, drafts_of
from webui.chats.shown_branch import Branch
from webui.chats.wishes import Drawing
from webui.presets.options import Sampling

PICTURE_MADE: Final = "[A picture was made of these words, and shown.]"
"""What a model is told in the place of an answer that is a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """All that one generation has to know.

    Attributes:
        turns: The branch from its root to the question, or from where its context was cleared on, with the system
            message at the root; answers without text are left out.
        n_cleared: So many messages come before that point.
        document_ids: Documents attached anywhere on the branch, or briefed, that the person may still read.
        language: What the person has chosen, else what their browser asks for.
        question_document_ids: Those attached to the question itself.
        knowledge_ids: Knowledge attached anywhere on the branch, or briefed, that the person may still read.
        briefed: What of all that goes with every question of the chat.
        sampling: What was set of the model's options; nothing else is sent.
        drawing: The pictures that are the answer; None of an answer in words.
        drafts: The answers to the question that this one is to be made of.
        shown: The empty answer as it was stored, and its question if that was new, with their places in the tree.
    """

    generation_id: int
    generation_uuid: str
    message_id: int
    message_uuid: str
    chat_uuid: str
    user_id: int
    language: str
    model: str
    turns: Sequence[Turn]
    document_ids: Sequence[int]
    question_document_ids: Sequence[int]
    knowledge_ids: Sequence[int] = ()
    briefed: Sequence[Briefed] = ()
    n_cleared: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    drawing: Drawing | None = None
    drafts: Sequence[Draft] = ()
    shown: Branch = field(default_factory=Branch)

    @property
    def question(self) -> str:
        return self.turns[-1].content


def task_of(
    generation: Generation,
    shown: Branch,
    briefings: Sequence[Briefing] = (),
    sampling: Sampling = Sampling(),  # noqa: B008  (frozen)
) -> Task:
    """Return what a generation has to do.

    Reads its message, chat, owner and question, a query each if they are not there yet, the branch above, and the
    documents and knowledge attached to it or briefed; at most two queries, none for the first question of a chat
    without briefings, and one more for the answers that it is made of.

    Args:
        shown: What was just stored, with what is attached to it.
        briefings: What goes with every question of the chat.
        sampling: The options to ask the model with.
    """
    answer = generation.message
    whole = branch_before(answer)
    branch = _in_context(whole)
    documents, knowledge, images = _attached_on(branch, shown, briefings, answer.chat.owner_id)
    turns = _turns(branch, answer, images)
    is_shared = any(_is_of_another(m, answer) for m in branch)
    return Task(
        generation_id=generation.pk,
        generation_uuid=str(generation.uuid),
        message_id=answer.pk,
        message_uuid=str(answer.uuid),
        chat_uuid=str(answer.chat.uuid),
        user_id=answer.chat.owner_id,
        language=_language_of(answer.chat.owner),
        model=answer.model,
        turns=_with_system(turns, briefings, attribution.RULES if is_shared else ""),
        document_ids=sorted({document for _, document in documents}),
        question_document_ids=sorted(document for message, document in documents if message == answer.parent_id),
        knowledge_ids=sorted({knowledge_id for _, knowledge_id in knowledge}),
        briefed=[_briefed(number, briefing, documents, knowledge) for number, briefing in enumerate(briefings)],
        n_cleared=len(whole) - len(branch),
        sampling=sampling,
        drafts=_drafts_of(answer) if answer.merged_from else (),
        shown=shown,
    )


def _language_of(owner: User) -> str:
    """Return what somebody has chosen, else what their browser asks for at this moment."""
    return owner.language or get_language() or ""


def picture_task(generation: Generation, shown: Branch, drawing: Drawing) -> Task:
    """Return what a generation has to do whose answer is pictures: it knows its question and nothing else."""
    answer = generation.message
    question: Message = answer.parent  # type: ignore[assignment]  # it was asked for
    return Task(
        generation_id=generation.pk,
        generation_uuid=str(generation.uuid),
        message_id=answer.pk,
        message_uuid=str(answer.uuid),
        chat_uuid=str(answer.chat.uuid),
        user_id=answer.chat.owner_id,
        language=_language_of(answer.chat.owner),
        model=answer.model,
        turns=[Turn(uuid=str(question.uuid), role="user", content=question.content)],
        document_ids=(),
        question_document_ids=(),
        drawing=drawing,
        shown=shown,
    )


def _drafts_of(answer: Message) -> list[Draft]:
    return [Draft(uuid=str(one.uuid), name=one.said_by, content=one.content) for one in drafts_of(answer)]


def _in_context(branch: list[Message]) -> list[Message]:
    """Return what of a branch that ends in a question is sent: what follows the last point where it was cleared."""
    cleared = next((at for at in range(len(branch) - 2, -1, -1) if branch[at].ends_context), None)
    if cleared is None:
        return branch
    system = [message for message in branch[:1] if message.role == Message.Role.SYSTEM]
    return [*system, *branch[cleared + 1 :]]


def _turns(branch: Sequence[Message], answer: Message, images: Sequence[Link]) -> list[Turn]:
    """Return the turns of a branch. Pictures that are an answer go with the next question.

    No service takes pictures from a model. In the place of the answer stands that there was one.
    """
    turns: list[Turn] = []
    made: list[int] = []
    for message in branch:
        own = sorted(image for message_id, image in images if message_id == message.pk)
        if message.is_picture and own:
            turns.append(Turn(uuid=str(message.uuid), role="assistant", content=PICTURE_MADE))
            made += own
        elif message.content or message.pk == answer.parent_id:
            is_question = message.role == Message.Role.USER
            turns.append(_turn(message, answer, [*made, *own] if is_question else own))
            made = [] if is_question else made
    return turns


def _turn(message: Message, answer: Message, image_ids: Sequence[int]) -> Turn:
    content = message.content
    if _is_of_another(message, answer):
        content = attribution.quoted_answer(content, message.said_by)
    return Turn(
        uuid=str(message.uuid),
        role=message.role,  # type: ignore[arg-type]  # checked by the database
        content=content,
        image_ids=image_ids,
    )


def _is_of_another(message: Message, answer: Message) -> bool:
    """Whether another model has said it, or the same one as another preset."""
    is_said = message.is_answer and bool(message.model) and bool(message.content)
    return is_said and (message.model, message.preset_name) != (answer.model, answer.preset_name)


def _with_system(turns: list[Turn], briefings: Sequence[Briefing], rules: str = "") -> list[Turn]:
    """Put the words of briefings before the branch, joined with the system message that it may begin with, and then
    their examples.

    Args:
        rules: For what is in the branch; they come last.
    """
    own = turns.pop(0) if turns and turns[0].role == "system" else None
    content = "\n\n".join(filter(None, [joined_system(briefings, own.content if own else ""), rules]))
    examples = [
        Turn(uuid=None, role="assistant" if role == "assistant" else "user", content=text)
        for briefing in briefings
        for role, text in briefing.examples
    ]
    system = [Turn(uuid=own.uuid if own else None, role="system", content=content)] if content else []
    return [*system, *examples, *turns]


def _briefed(number: int, briefing: Briefing, documents: Sequence[Link], knowledge: Sequence[Link]) -> Briefed:
    return Briefed(
        source=briefing.source,
        name=briefing.name,
        system=briefing.system.strip(),
        document_ids=sorted(document for mark, document in documents if mark == mark_of(number)),
        knowledge_ids=sorted(knowledge_id for mark, knowledge_id in knowledge if mark == mark_of(number)),
    )


Link = tuple[int, int]
"""Ids of a message and of what is attached to it."""


def _attached_on(
    branch: Sequence[Message], shown: Branch, briefings: Sequence[Briefing], reader_id: int
) -> tuple[list[Link], list[Link], list[Link]]:
    """Return documents, knowledge and pictures of a branch and its briefings that the person may read now."""
    documents = [(message, row.pk) for message, attached in shown.attached.items() for row in attached.documents]
    knowledge = [(message, row.pk) for message, attached in shown.attached.items() for row in attached.knowledge]
    images = [(message, row.pk) for message, attached in shown.attached.items() for row in attached.images]
    links = {"document": documents, "knowledge": knowledge, "image": images}
    others = [message.pk for message in branch if message.pk not in shown.attached]
    queries = [*(_stored_links(others, reader_id) if others else ()), *briefed_links(briefings, reader_id)]
    if queries:
        first, *rest = queries
        for kind, message, row in first.union(*rest, all=True) if rest else first:
            links[kind].append((message, row))
    return documents, knowledge, images


def _stored_links(messages: Sequence[int], reader_id: int) -> list[Any]:
    """Return queries of (kind, message id, id of what is attached), for each kind."""
    documents: Any = Message.documents.through.objects.filter(
        message_id__in=messages, document__in=rag.documents_readable_by(reader_id).order_by().values("pk")
    ).annotate(kind=Value("document"))
    knowledge: Any = Message.knowledge.through.objects.filter(
        message_id__in=messages, knowledge__in=rag.knowledge_readable_by(reader_id).values("pk")
    ).annotate(kind=Value("knowledge"))
    images: Any = Image.objects.filter(message_id__in=messages, owner=reader_id).annotate(kind=Value("image"))
    return [
        documents.values_list("kind", "message_id", "document_id"),
        knowledge.values_list("kind", "message_id", "knowledge_id"),
        images.order_by().values_list("kind", "message_id", "pk"),
    ]


def attached_documents(document_ids: Sequence[int], reader_id: int) -> list[tuple[str, str, str]]:
    """Return documents by what may be said of them later: a name, the state, and what is wrong with each."""
    documents = rag.documents_readable_by(reader_id).filter(pk__in=document_ids)
    return [(lasting_name(document, reader_id), document.state, document.error) for document in documents]


def lasting_name(document: rag.Document, reader_id: int) -> str:
    """Return how a document is called in what is stored with an answer, where rights are not asked again."""
    return document.name if document.owner_id == reader_id else gettext("A shared document")


def all_documents(user_id: int) -> list[int]:
    """Return all documents that a person may read and that can be searched."""
    documents = rag.documents_readable_by(user_id).filter(state=rag.Document.State.READY)
    return list(documents.order_by().values_list("pk", flat=True))
