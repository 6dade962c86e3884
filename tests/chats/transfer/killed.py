"""The real loop that takes chats from a file, in processes that are killed; for `test_killed`.

Begins an import, and for each line of its standard input a process that goes on with it: forked, so that what Python
imports serves all. Prints the id of the process, and what there is when it has ended.
"""

from __future__ import annotations

import base64
import json
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.core.files.storage import default_storage  # noqa: E402
from django.db.models import Count  # noqa: E402

import rag.api as rag  # noqa: E402
from rag.models import Document  # noqa: E402
from tests.chats.transfer.files import as_zip  # noqa: E402
from tests.database import put_own_database  # noqa: E402
from tests.doubles.pictures import png  # noqa: E402
from tests.factories import make_user  # noqa: E402
from tests.lives import live_again_and_again  # noqa: E402
from webui.chats.models import Chat, ChatImport, Image, ImportedChat, Message  # noqa: E402
from webui.chats.transfer.loop import chat_import_loop  # noqa: E402
from webui.chats.transfer.taking import begin_import  # noqa: E402

N_CHATS = 200
N_MESSAGES = 12


def begin() -> None:
    put_own_database()
    lists = {
        f"conversations-{part}.json": json.dumps([_chat(number) for number in range(part, N_CHATS, 4)])
        for part in range(4)
    }
    begin_import(make_user(email="alice@example.org"), as_zip(lists))


def _chat(number: int) -> dict[str, object]:
    rows: dict[str, dict[str, object]] = {
        f"m{n}": {"role": "user", "parentId": f"m{n - 1}" if n else None, "content": "word " * 400}
        for n in range(N_MESSAGES)
    }
    picture = base64.b64encode(png(8, 8, f"#{number:06x}")).decode() if not number % 10 else ""
    rows["m0"]["files"] = [
        {"name": f"{number}", "file": {"data": {"content": f"text {number}"}}},
        *([{"type": "image", "url": f"data:image/png;base64,{picture}"}] if picture else []),
    ]
    return {"id": f"chat {number}", "chat": {"history": {"messages": rows, "currentId": f"m{N_MESSAGES - 1}"}}}


def facts() -> dict[str, object]:
    asked = Message.documents.through.objects.values("document")
    being_taken = ChatImport.documents.through.objects.values("document")
    whole = Chat.objects.annotate(n=Count("messages")).filter(n=N_MESSAGES, current_message__isnull=False)
    return {
        "state": ChatImport.objects.get().state,
        "n_chats": Chat.objects.count(),
        "n_whole": whole.count(),
        "n_below_another": Message.objects.exclude(parent=None).count(),
        "n_noted": ImportedChat.objects.filter(outcome="taken").count(),
        "n_counted": ChatImport.objects.get().n_taken,
        "n_asked": Document.objects.filter(pk__in=asked).count(),
        "n_left": Document.objects.exclude(pk__in=asked).exclude(pk__in=being_taken).count(),
        "n_unsent": Image.objects.filter(message=None).count(),
        "n_pictures": Image.objects.count(),
        "n_temporary": len(list(rag.temporary_folder().iterdir())),
        "n_files": len(default_storage.listdir("chat-imports")[1]),
    }


if __name__ == "__main__":
    begin()
    live_again_and_again(chat_import_loop, facts)
