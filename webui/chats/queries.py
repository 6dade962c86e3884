"""Reading chats: pages of the sidebar, and the shown branch of one chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from webui.accounts.models import User
from webui.chats import branches
from webui.chats.branches import Parents, Position
from webui.chats.models import Chat, Citation, Generation, Message
from webui.ui.keyset import KeysetPage, newest_first

PAGE_SIZE = 40


def visible_chats(user: User) -> QuerySet[Chat]:
    """Return a person's chats, newest first. Never touches messages."""
    return Chat.objects.filter(owner=user, deleted_at=None).order_by("-updated_at", "-id")


def chat_page(user: User, before: str | None = None) -> KeysetPage[Chat]:
    """Return one page of the sidebar; one query, whatever the number of chats.

    Raises:
        BadCursor: `before` is not the `next_cursor` of a page.
    """
    chats = visible_chats(user).only("uuid", "title", "updated_at")
    return newest_first(chats, field="updated_at", before=before, limit=PAGE_SIZE)


@dataclass(frozen=True, slots=True)
class Branch:
    """The shown branch with all that a template touches; `uuids` names siblings."""

    messages: Sequence[Message]
    positions: dict[int, Position]
    uuids: dict[int, str]


def parents_of(chat: Chat) -> Parents:
    return dict(chat.messages.values_list("id", "parent_id"))


def branch_messages(chat: Chat, leaf_id: int | None = None, *, after: int | None = None) -> Branch:
    """Return the branch that ends in `leaf_id` (default: the chat's leaf); at most five queries.

    With `after`, only what follows that message is loaded; all of it when the message is not in the branch.
    """
    parents = parents_of(chat)
    leaf_id = leaf_id or chat.current_message_id or branches.newest_leaf(parents)
    if leaf_id is None:
        return Branch([], {}, {})
    branch = branches.branch_of(parents, leaf_id)
    if after in branch:
        branch = branch[branch.index(after) + 1 :]
    return _load(chat, parents, branch)


def one_message(message: Message) -> Branch:
    """Return a single message as `branch_messages` does. Reads its chat and generation if not selected."""
    return _with_surroundings(parents_of(message.chat), [message])


def _load(chat: Chat, parents: Parents, branch: list[int]) -> Branch:
    messages = chat.messages.filter(id__in=branch).select_related("generation").order_by("id")
    return _with_surroundings(parents, list(messages))


def _with_surroundings(parents: Parents, messages: list[Message]) -> Branch:
    positions = branches.positions_of(parents, [message.pk for message in messages])
    siblings = [s for p in positions.values() for s in (p.previous, p.next) if s is not None]
    # Only what can be there is asked for: these queries are most of what a question costs.
    questions = [message for message in messages if message.role == Message.Role.USER]
    answers = [message for message in messages if message.is_answer and not message.is_unfinished]
    prefetch_related_objects(questions, "documents")
    prefetch_related_objects(answers, Prefetch("citations", Citation.objects.select_related("document")))
    return Branch(messages, positions, _uuids_of(siblings))


def _uuids_of(message_ids: Sequence[int]) -> dict[int, str]:
    if not message_ids:
        return {}
    rows = Message.objects.filter(id__in=message_ids).values_list("id", "uuid")
    return {id_: str(uuid) for id_, uuid in rows}


def active_generations(chat: Chat) -> QuerySet[Generation]:
    return Generation.objects.filter(message__chat=chat, state__in=Generation.ACTIVE_STATES)
