"""Reading chats: folders and pages of the sidebar, the tree of one chat, what runs in it and what is thought of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q, QuerySet

from webui.accounts.models import Group, User
from webui.accounts.permissions import Permission, is_held_by
from webui.chats import conf
from webui.chats.branches import Parents
from webui.chats.models import PICTURES, Chat, Folder, Generation, Message, Rating, ShareGrant, ShareLink, Tag
from webui.presets.ids import is_preset_id
from webui.ui.keyset import KeysetPage, newest_first

PAGE_SIZE = 40
N_NEWEST = 5
"""So many chats of an open folder stand in the sidebar."""

LISTED = ("uuid", "title", "updated_at", "is_pinned")
"""What a list shows of a chat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFolder:
    """A folder of the sidebar.

    `newest`: some of its chats that are not pinned, with uuid and title alone; none while it is closed.
    """

    folder: Folder
    n_chats: int
    newest: Sequence[Chat]


def kept_chats(user: User) -> QuerySet[Chat]:
    """Return a person's chats, archived ones among them, newest first."""
    return Chat.objects.filter(owner=user, deleted_at=None, temporary_until=None).order_by("-updated_at", "-id")


def visible_chats(user: User) -> QuerySet[Chat]:
    """Return a person's chats that are not archived, newest first. Never touches messages."""
    return kept_chats(user).filter(archived_at=None)


def pinned_chats(user: User) -> QuerySet[Chat]:
    """Return a person's pinned chats, with what a list shows of them."""
    return visible_chats(user).filter(is_pinned=True).only(*LISTED)


def archived_page(user: User, before: str | None = None) -> KeysetPage[Chat]:
    """Return one page of the archived chats, the last one first, with their folders. Raises BadCursor."""
    chats = Chat.objects.filter(owner=user, deleted_at=None, temporary_until=None, archived_at__isnull=False)
    return newest_first(chats.select_related("folder"), field="archived_at", before=before, limit=PAGE_SIZE)


def deleted_page(user: User, before: str | None = None) -> KeysetPage[Chat]:
    """Return one page of the deleted chats, the last one first, with their folders. Raises BadCursor."""
    chats = Chat.objects.filter(owner=user, deleted_at__isnull=False, temporary_until=None)
    return newest_first(chats.select_related("folder"), field="deleted_at", before=before, limit=PAGE_SIZE)


def visible_tags(user: User) -> QuerySet[Tag]:
    """Return a person's tags, in the order of the alphabet."""
    return Tag.objects.filter(owner=user).order_by("key")


def chat_page(user: User, before: str | None = None, *, folder: Folder | None = None) -> KeysetPage[Chat]:
    """Return one page of the chats in a folder, or of those in none that are not pinned; one query.

    Raises:
        BadCursor: `before` is not the `next_cursor` of a page.
    """
    chats = visible_chats(user).filter(folder=folder)
    return _page(chats if folder else chats.filter(is_pinned=False), before)


def tagged_page(user: User, tag: Tag, before: str | None = None) -> KeysetPage[Chat]:
    """Return one page of the chats that have a tag, wherever else they stand; one query. Raises BadCursor."""
    return _page(visible_chats(user).filter(tags=tag), before)


def _page(chats: QuerySet[Chat], before: str | None) -> KeysetPage[Chat]:
    return newest_first(chats.only(*LISTED), field="updated_at", before=before, limit=PAGE_SIZE)


def visible_folders(user: User) -> QuerySet[Folder]:
    return Folder.objects.filter(owner=user, deleted_at=None)


def listed_folders(user: User, uuid: UUID | str | None = None) -> list[ListedFolder]:
    """Return a person's folders by name, or one of them; one query, however many chats they have."""
    chats, folders = (connection.ops.quote_name(model._meta.db_table) for model in (Chat, Folder))
    inside = (
        f"FROM {chats} inside WHERE inside.owner_id = folder.owner_id AND inside.folder_id = folder.id"  # noqa: S608
        " AND inside.deleted_at IS NULL AND inside.archived_at IS NULL AND inside.temporary_until IS NULL"
    )
    # Those that are pinned stand above the folders.
    listed = f"{inside} AND NOT inside.is_pinned"
    # Each is found by itself in the index, where a window function would number all chats of all open folders.
    newest = ", ".join(
        f"(SELECT inside.id {listed} ORDER BY inside.updated_at DESC, inside.id DESC LIMIT 1 OFFSET {n})"  # noqa: S608
        for n in range(N_NEWEST)
    )
    one = "AND folder.uuid = %s" if uuid else ""
    rows: Any = Folder.objects.raw(
        f"""
        SELECT folder.id, folder.uuid, folder.name, folder.is_open, (SELECT COUNT(*) {inside}) AS n_chats,
               chat.uuid AS chat_uuid, chat.title AS chat_title
        FROM {folders} folder LEFT JOIN {chats} chat ON folder.is_open AND chat.id IN ({newest})
        WHERE folder.owner_id = %s AND folder.deleted_at IS NULL {one}
        ORDER BY chat.updated_at DESC, chat.id DESC
        """,  # noqa: S608  (our names)
        [user.pk, *([Folder._meta.get_field("uuid").get_db_prep_value(UUID(str(uuid)), connection)] if uuid else [])],
    )
    return _folders_of(rows)


def _folders_of(rows: Any) -> list[ListedFolder]:
    """Make one of the rows of each folder, which differ in their chats."""
    found: dict[int, ListedFolder] = {}
    for row in rows:
        listed = found.setdefault(row.pk, ListedFolder(folder=row, n_chats=row.n_chats, newest=[]))
        if row.chat_uuid is not None:
            listed.newest.append(Chat(uuid=UUID(str(row.chat_uuid)), title=row.chat_title))  # type: ignore[attr-defined]
    return sorted(found.values(), key=lambda listed: (listed.folder.name.casefold(), listed.folder.pk))


def counted_tags(user: User) -> QuerySet[Tag, Tag]:
    """Return a person's tags, each with `n_chats`, the number of chats in the lists that have it; one query."""
    listed = Q(chats__deleted_at=None, chats__archived_at=None, chats__temporary_until=None, chats__isnull=False)
    return visible_tags(user).annotate(n_chats=Count("chats", filter=listed))


def numbers_of_tags(chats: Collection[Chat]) -> Mapping[int, int]:
    """Return for each tag that these chats have how many of them have it."""
    tagged = Chat.tags.through.objects.filter(chat__in=[chat.pk for chat in chats])
    return dict(tagged.values_list("tag_id").annotate(n=Count("pk")))


def asked_models(user: User) -> list[str]:
    """Return the catalog ids of the models that a person's chats have asked last, without presets."""
    asked = visible_chats(user).exclude(model__in=["", PICTURES]).order_by("model")
    return [model for model in asked.values_list("model", flat=True).distinct() if not is_preset_id(model)]


def parents_of(chat: Chat) -> Parents:
    return dict(chat.messages.values_list("id", "parent_id"))


def active_generations(chat: Chat) -> QuerySet[Generation]:
    return Generation.objects.filter(message__chat=chat, state__in=Generation.ACTIVE_STATES)


def branch_before(answer: Message) -> list[Message]:
    """Return the messages from the root down to the question."""
    question = answer.parent
    if question is None or question.parent_id is None:
        return [question] if question else []
    messages = connection.ops.quote_name(Message._meta.db_table)
    # The database walks from the question up to the root, and reads nothing beside that path.
    path = f"""
        WITH RECURSIVE branch (id, parent_id) AS (
            SELECT id, parent_id FROM {messages} WHERE id = %s
            UNION ALL
            SELECT above.id, above.parent_id FROM {messages} above JOIN branch ON above.id = branch.parent_id
        )
        SELECT id, uuid, role, content, model, preset_name, answerer, ends_context
        FROM {messages} WHERE id IN (SELECT id FROM branch) ORDER BY id
    """  # noqa: S608  (our name)
    return list(Message.objects.raw(path, [question.pk]))


def drafts_of(answer: Message) -> QuerySet[Message]:
    """Return the answers that one was made of, those that are there."""
    siblings = Message.objects.filter(chat=answer.chat_id, parent=answer.parent_id, role=Message.Role.ASSISTANT)
    return siblings.filter(uuid__in=answer.merged_uuids).order_by("id")


def mergeable_answers(answer: Message) -> list[Message]:
    """Return the answers with words to a question, `answer` among them, oldest first; one query."""
    siblings = Message.objects.filter(chat=answer.chat_id, parent=answer.parent_id, role=Message.Role.ASSISTANT)
    spoken = siblings.exclude(content="").exclude(answerer=PICTURES).select_related("generation").order_by("id")
    return [sibling for sibling in spoken if not sibling.is_unfinished]


def ratings_of(user: User | None) -> QuerySet[Rating]:
    """Return the ratings that a person has given, or those of everybody for None; none of what is deleted or goes."""
    ratings = Rating.objects.filter(
        message__removal=None, message__chat__deleted_at=None, message__chat__temporary_until=None
    )
    return ratings if user is None else ratings.filter(rated_by=user)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedModel:
    """How often answers of a model were found good and bad. `model` is a catalog id."""

    model: str
    n_good: int
    n_bad: int


def rated_models(ratings: QuerySet[Rating]) -> Sequence[RatedModel]:
    """Return the models that were rated, the most often rated first; one query."""
    by_model = ratings.values("message__model").annotate(
        n_good=Count("pk", filter=Q(is_good=True)), n_bad=Count("pk", filter=Q(is_good=False)), n=Count("pk")
    )
    return [
        RatedModel(model=row["message__model"], n_good=row["n_good"], n_bad=row["n_bad"])
        for row in by_model.order_by("-n", "message__model")
    ]


# ---- shared chats --------------------------------------------------------------------------------


def readable_links(reader: User | None) -> QuerySet[ShareLink]:
    """Return the links that a person may open now; for None, and for who is not let in, those open to everybody.

    A link leads nowhere once its chat is deleted, or its owner is not let in any more.
    """
    is_of_member = {f"chat__owner__{field}": value for field, value in settings.HEARTH_MEMBERS.items()}
    links = ShareLink.objects.filter(chat__deleted_at=None, **is_of_member)
    is_open = Q(pk__in=[])
    if conf.allows_public_links():
        is_open = Q(is_public=True) & is_held_by("chat__owner", Permission.SHARE_PUBLICLY)
    if reader is None or not reader.may_chat:
        return links.filter(is_open)
    return links.filter(is_open | Q(chat__owner=reader) | Q(pk__in=_granted_links(reader)))


def _granted_links(reader: User) -> QuerySet[ShareGrant, Any]:
    groups = Group.objects.filter(members=reader).order_by().values("pk")
    grants = ShareGrant.objects.filter(Q(user=reader) | Q(group__in=groups) | Q(user=None, group=None))
    return grants.order_by().values("link")


def own_links(user: User) -> QuerySet[ShareLink]:
    """Return the links to a person's chats, the newest first, with whom they are for."""
    links = ShareLink.objects.filter(chat__owner=user, chat__deleted_at=None).select_related("chat")
    return links.defer("snapshot").prefetch_related("grants__user", "grants__group").order_by("-created_at", "-id")
