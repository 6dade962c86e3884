"""From an understood query to chats and messages of one person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from webui.accounts.models import User
from webui.chats.models import Chat, Message, tag_key
from webui.chats.queries import visible_folders
from webui.chats.search import index
from webui.chats.search.snippets import has_all
from webui.chats.search.typed import SearchQuery
from webui.ui.keyset import KeysetPage, decode_cursor, encode_cursor, newest_first

CHATS_PER_PAGE = 20
MESSAGES_PER_PAGE = 20
_BATCH = 40
_MAX_LOOKED_AT = 1500
"""So many candidates are compared with their text for one page. The next page goes on from there."""

Row = TypeVar("Row", Chat, Message)


def find_chats(
    user: User, query: SearchQuery, before: str | None = None, *, limit: int | None = None
) -> KeysetPage[Chat]:
    """Return one page of the chats with all terms in the title, newest first, or of those that filters alone leave.

    Two queries for the usual page, one without terms. Raises BadCursor for a made-up `before`.
    """
    limit = limit or CHATS_PER_PAGE
    chats = Chat.objects.filter(_allowed(user, query), _in_time(query, "updated_at"))
    shown = chats.only("uuid", "title", "created_at", "updated_at")
    if not query.terms:
        return newest_first(shown, field="updated_at", before=before, limit=limit)
    return _look(
        query,
        before,
        limit,
        candidates=lambda last, n: index.candidates(user.pk, "title", query.grams, among=chats, before=last, limit=n),
        rows=Chat.objects.only("uuid", "title", "created_at", "updated_at"),
        text_of=lambda chat: chat.title,
    )


def find_messages(user: User, query: SearchQuery, before: str | None = None) -> KeysetPage[Message]:
    """Return one page of the messages with all terms, newest first, with their chats; none for a query without terms.

    Two queries for the usual page. One may have few messages, or none, and another page after it: most of what had the
    pieces of the terms did not have them in one. Raises BadCursor for a made-up `before`.
    """
    if not query.terms:
        return KeysetPage(rows=[], next_cursor=None)
    messages = Message.objects.filter(_allowed(user, query, "chat__"), _in_time(query, "created_at"))
    return _look(
        query,
        before,
        MESSAGES_PER_PAGE,
        candidates=lambda last, n: index.candidates(
            user.pk, "message", query.grams, among=messages, before=last, limit=n
        ),
        rows=Message.objects.select_related("chat").only(
            "uuid", "role", "content", "model", "preset_name", "created_at", "chat__uuid", "chat__title"
        ),
        text_of=lambda message: message.content,
    )


def _allowed(user: User, query: SearchQuery, prefix: str = "") -> Q:
    """Return what a person's chats have to fulfil, asked of chats or, with the prefix, of what belongs to them."""
    chat = "pk" if not prefix else "chat_id"
    allowed = Q(**{f"{prefix}owner": user, f"{prefix}deleted_at": None, f"{prefix}temporary_until": None})
    allowed &= Q(**{f"{prefix}archived_at__isnull": not query.in_archive})
    # Of what few chats have, a list is made first; others are asked of each candidate.
    for tag in query.tags:
        tagged = Chat.tags.through.objects.filter(tag__owner=user, tag__key=tag_key(tag))
        allowed &= Q(**{f"{chat}__in": tagged.values("chat")})
    if query.folders:
        allowed &= Q(**{f"{prefix}folder__in": _folders_called(user, query.folders)})
    for model in query.models:
        answers = Message.objects.filter(Q(model__icontains=model) | Q(preset_name__icontains=model))
        allowed &= Q(Exists(answers.filter(chat=OuterRef(chat))))
    if query.has_file:
        attached = Message.documents.through.objects.filter(message__chat__owner=user)
        allowed &= Q(**{f"{chat}__in": attached.values("message__chat")})
    return allowed


def _folders_called(user: User, names: Iterable[str]) -> list[int]:
    # Here, as the database knows no small letters but those of English.
    wanted = {name.casefold() for name in names}
    return [pk for pk, name in visible_folders(user).values_list("pk", "name") if name.casefold() in wanted]


def _in_time(query: SearchQuery, field: str) -> Q:
    conditions = Q()
    if query.before:
        conditions &= Q(**{f"{field}__lt": query.before})
    if query.after:
        conditions &= Q(**{f"{field}__gte": query.after})
    return conditions


def _look(
    query: SearchQuery,
    before: str | None,
    limit: int,
    *,
    candidates: Callable[[int | None, int], list[int]],
    rows: QuerySet[Row],
    text_of: Callable[[Row], str],
) -> KeysetPage[Row]:
    """Compare candidates with their text until a page is full, more of them each time."""
    patterns = query.patterns
    last = decode_cursor(before)[1] if before else None
    found: list[Row] = []
    n_looked_at, size = 0, max(_BATCH, limit + 1)
    while True:
        ids = candidates(last, size)
        by_id = rows.in_bulk(ids)
        for pk in ids:
            row = by_id.get(pk)
            if row is None or not has_all(text_of(row), patterns):
                last = pk
                continue
            if len(found) == limit:
                return KeysetPage(rows=found, next_cursor=_cursor(last))
            found.append(row)
            last = pk
        n_looked_at += len(ids)
        if len(ids) < size:
            return KeysetPage(rows=found, next_cursor=None)
        if n_looked_at >= _MAX_LOOKED_AT:
            return KeysetPage(rows=found, next_cursor=_cursor(last))
        size *= 2


def _cursor(last: int | None) -> str:
    return encode_cursor(timezone.now(), last or 0)
