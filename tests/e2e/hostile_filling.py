"""`python -m tests.e2e.hostile_filling EMAIL`: fill a site with what attacks its pages, in every text; print the ids.

A person's own things, chats imported from every program that is known, and a chat that another person shares.
Runs beside the processes of the site, with their environment.
"""

from __future__ import annotations

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "webui.config.settings"
django.setup()

import json  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402

from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.db.models import Model  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests.chats.test_ledgers import a_ledger  # noqa: E402
from tests.chats.transfer import test_chatgpt, test_open_webui  # noqa: E402
from tests.chats.transfer.files import as_zip, exported, taken  # noqa: E402
from tests.e2e.hostile_texts import BLOCKS, EVERYTHING, EVIL, MARKUP  # noqa: E402
from tests.factories import make_answer, make_chat, make_group, make_message, make_user  # noqa: E402
from tests.permissions.routes import NOBODYS, Route, all_routes, tables_looked_into  # noqa: E402
from tests.permissions.world import World, make_world, parents_of  # noqa: E402
from webui.accounts.audiences import Audience  # noqa: E402
from webui.accounts.models import User  # noqa: E402
from webui.chats.models import Chat, ChatImport, ImportedChat, Message, ShareLink  # noqa: E402
from webui.chats.services import sharing  # noqa: E402
from webui.chats.services.chats import delete_chat  # noqa: E402
from webui.config.static_files import collect_if_changed  # noqa: E402

# Asking for it ends the session.
NOT_ASKED = {"account_logout"}
# They differ each time.
TOKENS = re.compile(rb"[A-Za-z0-9]{64}")


def hostile_world(owner: User) -> tuple[World, Chat]:
    """Give somebody one of everything; return it with a chat whose answer failed."""
    world = make_world(owner, words=(MARKUP, f"{MARKUP} too"))
    question = make_message(world.chat, content=EVERYTHING)
    answer = make_answer(
        world.chat, content=f"{EVERYTHING}\n\n{BLOCKS}", model=MARKUP, ledger=a_ledger(
            server=MARKUP, options={"stop": [MARKUP]},
            sent=[{"message": str(question.uuid), "role": "user", "tokens": 9}],
            briefings=[{"source": "preset", "name": MARKUP, "tokens": 9}],
        ),
    )  # fmt: skip
    Message.objects.filter(pk=question.pk).update(preset_name=MARKUP)
    Message.objects.filter(pk=answer.pk).update(
        thinking=EVERYTHING, preset_name=MARKUP, follow_ups=[MARKUP, "[x](javascript:alert(1))"]
    )
    failed = make_chat(owner=owner, title=MARKUP)
    make_message(failed, content="?")
    make_answer(
        failed, content="", state="failed", error_code="upstream_refused",
        error_facts={"detail": MARKUP, "model": MARKUP, "connection": MARKUP, "status": 500},
    )  # fmt: skip
    world.message = answer
    return world, failed


def import_for(owner: User, elsewhere: User) -> tuple[list[Chat], list[ChatImport]]:
    """Take in a chat of each kind of export; return the chats and the reports."""
    said = {"title": MARKUP, "name": MARKUP, "models": [MARKUP], "model": MARKUP, "modelName": MARKUP}
    open_webui = test_open_webui.chat(
        test_open_webui.message("q", None, "user", EVERYTHING, files=[{"type": "file", "name": MARKUP, "url": MARKUP}]),
        test_open_webui.message(
            "a", "q", "assistant", f"{EVERYTHING}\n\n{BLOCKS}", **said,
            sources=[{"source": {"name": MARKUP, "url": "javascript:alert(1)"}, "document": [MARKUP],
                      "metadata": [{"source": MARKUP, "name": MARKUP}]}],
            annotation={"rating": 1, "reason": MARKUP, "comment": MARKUP}, error={"content": MARKUP},
        ),
        title=MARKUP, meta={"tags": [MARKUP]}, folder_id=MARKUP,
    )  # fmt: skip
    chatgpt = test_chatgpt.chat(
        test_chatgpt.node("q", "root", "user", EVERYTHING),
        test_chatgpt.node("a", "q", "assistant", f"{EVERYTHING}\n\n{BLOCKS}", metadata={"model_slug": MARKUP}),
        title=MARKUP,
        default_model_slug=MARKUP,
    )
    files = [
        SimpleUploadedFile(f"{MARKUP.replace('/', '')}.json", json.dumps([open_webui, {"title": MARKUP}]).encode()),
        as_zip({"conversations.json": json.dumps([chatgpt])}),
        exported(elsewhere),
    ]
    reports = [taken(owner, file) for file in files]
    taken_in = ImportedChat.objects.filter(source__in=reports).exclude(chat=None).select_related("chat")
    return [row.chat for row in taken_in if row.chat], reports


def share_with(reader: User, chat: Chat) -> ShareLink:
    link = sharing.share_chat(chat, is_live=True)
    sharing.change_link(link, is_live=True, has_files=True, is_public=False)
    sharing.grant(link, Audience(user=reader))
    return link


def main() -> None:
    collect_if_changed()
    owner = User.objects.get(email=sys.argv[1])
    mallory = make_user(email="mallory@example.org", name=MARKUP)
    make_group(owner, mallory, name=MARKUP)
    own, failed = hostile_world(owner)
    others, _ = hostile_world(mallory)
    imported, reports = import_for(owner, mallory)
    make_chat(owner=owner, title=MARKUP, archived_at=timezone.now())
    delete_chat(owner, make_chat(owner=owner, title=MARKUP).uuid)
    links = [Chat.objects.get(pk=own.chat.pk).share_link, share_with(owner, others.chat)]
    answers = [chat.messages.exclude(role="user").last() for chat in imported]
    rows = [own.message, own.chat, *(answer for answer in answers if answer), *imported, *reports, *links, *own.rows]
    pages, parts = addresses_of_html(owner, rows)
    told = {
        "chat": str(own.chat.uuid),
        "papers": [f"/chats/{chat.uuid}/export.html" for chat in (own.chat, *imported)],
        # Of chats from other programs each tells in its own way.
        "pages": pages | {f"/chats/{chat.uuid}/": "chats:chat" for chat in imported},
        "parts": parts,
    }
    print(json.dumps(told))  # noqa: T201


def addresses_of_html(owner: User, rows: list[Model]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the addresses of whole pages and of parts of pages that show what attacks them, with their routes."""
    client = Client(headers={"host": "localhost"})
    client.force_login(owner)
    pages: dict[str, str] = {}
    parts: dict[str, str] = {}
    for route in [*all_routes("member"), *all_routes("administrator")]:
        if route.name in NOT_ASKED:
            continue
        for address, response in tried(client, route, [row for row in rows if hasattr(row, "uuid")]):
            if (
                response.status_code != 200
                or response.streaming
                or not response["Content-Type"].startswith("text/html")
            ):
                continue
            html = response.content.decode()
            if EVIL in html:
                is_page = html.lstrip().lower().startswith("<!doctype html") and "Content-Disposition" not in response
                (pages if is_page else parts)[address] = route.name
    return pages, parts


def tried(client: Client, route: Route, rows: list[Model]) -> Iterator[tuple[str, HttpResponse]]:
    """Yield addresses of a route and what they answer: with searches that it answers, or with the ids that it takes."""
    if not route.ids:
        chat = next(row for row in rows if isinstance(row, Chat))
        answered = set()
        for query in ("", f"?q={EVIL}", f"?q=has:file {EVIL}", f"?chats={chat.uuid}"):
            response = client.get(address := route.url([]) + query)
            said = b"" if response.streaming else TOKENS.sub(b"", response.content)
            if said not in answered:
                yield address, response
            answered.add(said)
        return
    with tables_looked_into() as tables:
        if client.get(route.url([NOBODYS] * len(route.ids))).status_code == 405:
            return
    ways = (
        [[row] for row in rows]
        if len(route.ids) == 1
        else [[parent, row] for row in rows for parent in parents_of(row)]
    )
    for way in ways:
        if way[0]._meta.db_table in tables:
            address = route.url(str(row.uuid) for row in way)
            response = client.get(address)
            if response.status_code == 200:
                yield address, response
                return


if __name__ == "__main__":
    main()
