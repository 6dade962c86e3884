"""The search index: which titles and messages have the grams of a query. Lives in the caller's transaction.

It only says where to look: what it names is compared with its text before anybody sees it. SQLite keeps it in an FTS5
table, PostgreSQL in arrays under a GIN index. A key holds whose a text is, what it is, and its id, in this order: a
search reads one stretch of keys, backwards, and so begins with the newest message of one person.

The journal of running answers stays out of it: an answer is indexed once, at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from webui.chats.models import Chat, Message
from webui.chats.search.grams import grams_of, joined_grams

Kind = Literal["title", "message"]
Grams = str | list[str]
"""The grams of a text as the database in use stores them; empty of an empty text."""

_ID_BITS: Final = 41
_KINDS: Final[dict[Kind, int]] = {"title": 0, "message": 1}
_TABLES: Final[dict[Kind, type[Chat] | type[Message]]] = {"title": Chat, "message": Message}
INDEXED_ROLES = (Message.Role.USER, Message.Role.ASSISTANT)

_KEY = {"sqlite": "chats_search.rowid", "postgresql": "chats_search.key"}
_ADD = {
    "sqlite": "INSERT OR REPLACE INTO chats_search (rowid, grams) VALUES (%s, %s)",
    "postgresql": (
        "INSERT INTO chats_search (key, grams) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET grams = EXCLUDED.grams"
    ),
}
_HAS = {"sqlite": "chats_search MATCH %s", "postgresql": "chats_search.grams @> %s::text[]"}


@dataclass(frozen=True, slots=True)
class Text:
    """A title or a message to be indexed. `id` is that of the chat or of the message."""

    kind: Kind
    id: int
    text: str


def _key(owner_id: int, kind: Kind, id: int) -> int:
    return ((owner_id << 1 | _KINDS[kind]) << _ID_BITS) + id


def index_texts(owner_id: int, texts: Iterable[Text]) -> None:
    """Index titles and messages of one person, or index them anew; one statement, none when all are empty."""
    index_grams(owner_id, ((text.kind, text.id, grams_stored(text.text)) for text in texts))


def index_grams(owner_id: int, found: Iterable[tuple[Kind, int, Grams]]) -> None:
    """Index as `index_texts` does what was cut into grams already: that takes longer than to store them."""
    rows = [(_key(owner_id, kind, id), grams) for kind, id, grams in found if grams]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_ADD[connection.vendor], rows)


def grams_stored(text: str) -> Grams:
    """Return the grams of a text as `index_grams` takes them."""
    return [*grams_of(text)] if connection.vendor == "postgresql" else joined_grams(text)


def index_messages(owner_id: int, messages: Iterable[Message]) -> None:
    """Index what people and models wrote in chats of one person."""
    index_texts(
        owner_id,
        [Text("message", m.pk, m.content) for m in messages if m.role in INDEXED_ROLES],
    )


def index_title(chat: Chat) -> None:
    index_texts(chat.owner_id, [Text("title", chat.pk, chat.title)])


def index_chat(chat: Chat) -> None:
    """Index all of a chat that has come as a whole."""
    index_title(chat)
    # Not those of the chat: it would ask each of them which chat that is.
    index_messages(chat.owner_id, Message.objects.filter(chat=chat).only("role", "content"))


def forget_messages(owner_id: int, message_ids: Iterable[int]) -> None:
    """Forget messages that are deleted for good while their chat stays."""
    _forget(_key(owner_id, "message", message_id) for message_id in message_ids)


def forget_chat(chat: Chat) -> None:
    """Forget a chat with its messages, which must still be in their table."""
    ids = Message.with_removed.filter(chat=chat).values_list("pk", flat=True)
    _forget([_key(chat.owner_id, "title", chat.pk), *(_key(chat.owner_id, "message", pk) for pk in ids)])


def _forget(keys: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            f"DELETE FROM chats_search WHERE {_KEY[connection.vendor]} = %s",  # noqa: S608  (a closed set)
            [[key] for key in keys],
        )


def candidates(
    owner_id: int,
    kind: Kind,
    grams: Sequence[str],
    *,
    among: QuerySet[Chat] | QuerySet[Message],
    before: int | None,
    limit: int,
) -> list[int]:
    """Return ids of chats or messages that may have the words of these grams, the last made first; one query.

    Args:
        among: Those that may be found, by some condition. It is asked of each candidate, not carried out by itself.
        before: Only ids below this one.
    """
    vendor, table = connection.vendor, connection.ops.quote_name(_TABLES[kind]._meta.db_table)
    key, base = _KEY[vendor], _key(owner_id, kind, 0)
    try:
        allowed, allowed_params = among.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return []
    last = before - 1 if before is not None else (1 << _ID_BITS) - 1
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {key} - {base} FROM chats_search WHERE {_HAS[vendor]} AND {key} BETWEEN %s AND %s"  # noqa: S608  (our names, a number)
            f" AND EXISTS ({allowed} AND {table}.id = {key} - {base}) ORDER BY {key} DESC LIMIT %s",
            [_query(grams), base, base + last, *allowed_params, limit],
        )
        return [found for (found,) in cursor.fetchall()]


def _query(grams: Iterable[str]) -> str | list[str]:
    if connection.vendor == "postgresql":
        return list(grams)
    return " AND ".join('"{}"'.format(gram.replace('"', '""')) for gram in grams)
