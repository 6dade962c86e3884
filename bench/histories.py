"""`python -m bench.histories N_CHATS`: time lists, searches and a long chat among so many; print milliseconds as JSON.

What was built once in a data folder is used again.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.config.settings")
django.setup()

import json  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from datetime import timedelta  # noqa: E402

from django.db import transaction  # noqa: E402
from django.db.models import Max  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.language import Language  # noqa: E402
from webui.accounts.models import Role, User  # noqa: E402
from webui.chats.models import Chat, Message  # noqa: E402
from webui.chats.search import index  # noqa: E402
from webui.config.static_files import collect_if_changed  # noqa: E402

N_MESSAGES = 6
N_LONG = 1000
N_TIMES = 40
_PAGE = 500
_LONG_TITLE = "The long one"


def main() -> None:
    logging.disable(logging.WARNING)
    collect_if_changed()
    n_chats, language = int(sys.argv[1]), Language()
    owner, is_new = User.objects.get_or_create(email="chats@bench.example", role=Role.USER)
    if is_new:
        fill(owner, n_chats, language)
    client = Client(HTTP_HOST="localhost")
    client.force_login(owner)
    long = Chat.objects.get(owner=owner, title=_LONG_TITLE)
    words, han = language.words, language.han
    # Of the searches each is another one, as caches would help with the same.
    searches = {
        "rare": words[-N_TIMES:],
        "common": words[:N_TIMES],
        "two words": [f"{one} {other}" for one, other in zip(words[10:], words[60 : 60 + N_TIMES], strict=False)],
        "no hit": [f"{word}qzx" for word in words[:N_TIMES]],
        "one Chinese character": han[100 : 100 + N_TIMES],
        "two Chinese characters": [f"{one}{han[20]}" for one in han[:N_TIMES]],
    }
    times = {
        "list": timed(client, ["/chats/"] * N_TIMES),
        **{
            # As the page asks while somebody types.
            kind: timed(client, [f"/search/?q={typed}" for typed in all_typed], **{"HX-Target": "search-results"})
            for kind, all_typed in searches.items()
        },
        "page": timed(client, [f"/search/?q={typed}" for typed in searches["common"]]),
        "long": timed(client, [f"/chats/{long.uuid}/"] * (N_TIMES // 2)),
    }
    print(json.dumps(times))


def timed(client: Client, urls: Sequence[str], **headers: str) -> list[float]:
    """Return the milliseconds of the server for each address, sorted, but for the first one, which fills caches."""
    times = []
    for url in [urls[-1], *urls]:
        began = time.perf_counter()
        response = client.get(url, headers=headers)
        times.append(1000 * (time.perf_counter() - began))
        if response.status_code != 200:
            raise SystemExit(f"{response.status_code} from {url}")
    return sorted(times[1:])


def fill(owner: User, n_chats: int, language: Language) -> None:
    newest = timezone.now()
    for first in range(0, n_chats, _PAGE):
        chats = [
            Chat(
                owner=owner,
                title=" ".join(language.some(language.words, 5)),
                updated_at=newest - timedelta(minutes=number),
            )
            for number in range(first, min(first + _PAGE, n_chats))
        ]
        _store(owner, chats, [[language.message() for _ in range(N_MESSAGES)] for _ in chats])
    long = [language.answer() if n % 2 else language.message() for n in range(N_LONG)]
    _store(owner, [Chat(owner=owner, title=_LONG_TITLE)], [long])


def _store(owner: User, chats: Sequence[Chat], contents: Sequence[Sequence[str]]) -> None:
    """Store chats with their messages below each other, in one transaction."""
    # Numbers of our own, so that a message can name the one above before either is stored.
    free = 1 + (Message.with_removed.aggregate(last=Max("pk"))["last"] or 0)
    branches: list[list[Message]] = []
    for chat, texts in zip(chats, contents, strict=True):
        branches.append([_message(chat, free + number, number, text) for number, text in enumerate(texts)])
        free += len(texts)
    messages = [message for branch in branches for message in branch]
    with transaction.atomic():
        Chat.objects.bulk_create(chats)
        Message.objects.bulk_create(messages, batch_size=_PAGE)
        for chat, branch in zip(chats, branches, strict=True):
            chat.current_message = branch[-1]
        Chat.objects.bulk_update(chats, ["current_message"], batch_size=_PAGE)
        index.index_texts(owner.pk, [index.Text("title", chat.pk, chat.title) for chat in chats])
        index.index_messages(owner.pk, messages)


def _message(chat: Chat, pk: int, place: int, content: str) -> Message:
    role, above = "assistant" if place % 2 else "user", pk - 1 if place else None
    return Message(pk=pk, chat=chat, parent_id=above, role=role, content=content, model="bench")


if __name__ == "__main__":
    main()
