"""The life of a generation in the database: queued, running with its journal, and one of four ends.

Only the process that runs a generation ends it; what has ended stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

import rag.api as rag
from inference.types import Usage
from rag.types import Passage
from webui.chats import conf
from webui.chats.errors import Failure
from webui.chats.models import Citation, Generation, Message
from webui.chats.search import index
from webui.chats.services.images import Redrawn, store_pictures
from webui.chats.services.tasks import Task
from webui.chats.shown_branch import Attached, Branch, seen

EndState = Literal["finished", "stopped", "failed", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """The text of one running answer so far."""

    message_id: int
    generation_id: int
    content: str
    thinking: str


def write_journal(entries: Sequence[JournalEntry], running: Sequence[int]) -> None:
    """Store the text of running answers and renew the heartbeat of all `running` generations, queued until the first.

    An answer that has ended meanwhile keeps the text of its end.

    One transaction and two statements, whatever the number of answers: 200 streams must not make 200
    commits a second.
    """
    messages, runs = (connection.ops.quote_name(model._meta.db_table) for model in (Message, Generation))
    with transaction.atomic(), connection.cursor() as cursor:
        # First, because it locks the generations: none of them ends between this and the next statement.
        Generation.objects.filter(pk__in=running, state__in=Generation.ACTIVE_STATES).update(
            state=Generation.State.RUNNING, heartbeat_at=timezone.now()
        )
        if entries:
            cursor.executemany(
                f"UPDATE {messages} SET content = %s, thinking = %s WHERE id = %s AND EXISTS"  # noqa: S608  (our names)
                f" (SELECT 1 FROM {runs} WHERE id = %s AND state IN (%s, %s))",
                [
                    (entry.content, entry.thinking, entry.message_id, entry.generation_id, *Generation.ACTIVE_STATES)
                    for entry in entries
                ],
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a generation ended and what it leaves."""

    state: EndState
    content: str = ""
    thinking: str = ""
    failure: Failure | None = None
    usage: Usage = field(default_factory=Usage)
    thinking_s: float | None = None
    first_delta_at: datetime | None = None
    ledger: Mapping[str, Any] = field(default_factory=dict)
    citations: Mapping[int, Passage] = field(default_factory=dict)
    pictures: Sequence[Redrawn] = ()


@transaction.atomic
def end_generation(task: Task, ending: Ending) -> Branch | None:
    """Store all that a generation leaves, and return its answer as it stands now.

    None when it had ended before or its chat is gone.
    """
    values: dict[str, Any] = {
        "state": ending.state,
        "error_code": ending.failure.code if ending.failure else "",
        "error_facts": ending.failure.facts if ending.failure else {},
        "first_delta_at": ending.first_delta_at,
        "finished_at": timezone.now(),
        "prompt_tokens": ending.usage.prompt_tokens,
        "answer_tokens": ending.usage.answer_tokens,
        "cached_tokens": ending.usage.cached_tokens,
        "timings": _timings(ending),
        "ledger": dict(ending.ledger),
    }
    open_states = (*Generation.ACTIVE_STATES, Generation.State.INTERRUPTED)
    if not Generation.objects.filter(pk=task.generation_id, state__in=open_states).update(**values):
        return None
    text = {"content": ending.content, "thinking": ending.thinking}
    Message.objects.filter(pk=task.message_id).update(**text)
    index.index_texts(task.user_id, [index.Text("message", task.message_id, ending.content)])
    citations = _store_citations(task, ending.citations)
    pictures = store_pictures(task.user_id, task.message_id, task.question, ending.pictures)

    # The rows of the answer are in memory since it was begun; what was just stored is not read again.
    answer = task.shown.messages[-1]
    for row, changes in ((answer, text), (answer.generation, values)):
        for name, value in changes.items():
            setattr(row, name, value)
    ratings: dict[int, bool] | None = {} if conf.asks_for_ratings() else None
    return replace(
        task.shown,
        messages=[answer],
        attached={answer.pk: Attached(images=pictures)},
        citations={answer.pk: citations},
        ratings=ratings,
    )


def _timings(ending: Ending) -> dict[str, float]:
    durations = asdict(ending.usage) | {"thinking_s": ending.thinking_s}
    return {name: value for name, value in durations.items() if value is not None and name.endswith("_s")}


def _store_citations(task: Task, passages: Mapping[int, Passage]) -> list[Citation]:
    if not passages:
        return []
    # A document may have been deleted, or taken back, while the answer was written; the citation outlives it.
    cited = {passage.document_id for passage in passages.values()}
    documents = rag.Document.objects.in_bulk(cited)
    own = {pk for pk, document in documents.items() if document.owner_id == task.user_id}
    shared = rag.documents_readable_by(task.user_id).filter(pk__in=documents.keys() - own)
    readable = own | set(shared.order_by().values_list("pk", flat=True) if documents.keys() - own else ())
    citations = Citation.objects.bulk_create(
        Citation(
            message_id=task.message_id,
            number=number,
            document=documents.get(passage.document_id),
            document_name=passage.document_name,
            is_of_own_document=passage.document_id in own,
            page=passage.page,
            page_kind=passage.page_kind,
            page_name=passage.page_name,
            start=passage.start,
            end=passage.end,
            text=passage.text,
            score=passage.score,
        )
        for number, passage in sorted(passages.items())
    )
    return [seen(citation, is_readable=citation.document_id in readable) for citation in citations]


@transaction.atomic
def interrupt_abandoned(silent_since: datetime, among: QuerySet[Generation] | None = None) -> int:
    """Mark as interrupted, text kept, what no process has renewed since then; return how many.

    A process that is alive after all and ends such a generation later has the last word.
    """
    generations = Generation.objects.all() if among is None else among
    abandoned = generations.filter(state__in=Generation.ACTIVE_STATES, heartbeat_at__lt=silent_since)
    # First, because it can be told from the others only now.
    ids = list(abandoned.values_list("pk", flat=True))
    if not ids:
        return 0
    n_interrupted = abandoned.filter(pk__in=ids).update(
        state=Generation.State.INTERRUPTED, error_code="interrupted", finished_at=timezone.now()
    )
    kept = Message.objects.filter(generation__in=ids, generation__state=Generation.State.INTERRUPTED)
    for message in kept.select_related("chat"):
        index.index_messages(message.chat.owner_id, [message])
    return n_interrupted
