"""Telling open pages what a form has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction

from webui.accounts.models import User
from webui.chats.answering.registry import Registry, tell_from_thread
from webui.chats.intake import sidebar_changed
from webui.chats.models import Chat
from webui.chats.relay.protocol import BranchOutdated, ChatMoved, ChatRenamed, ChatsChanged
from webui.chats.views.heads import render_folder_link


def announce_sidebar(user: User) -> None:
    """Show the person's chats anew on all their pages, once the change is certain."""

    def tell() -> None:
        event = sidebar_changed(user)
        tell_from_thread(lambda registry: registry.tell_user(user.pk, event))

    transaction.on_commit(tell)


def announce_title(user: User, chat: Chat) -> None:
    event = ChatRenamed(type="chat.renamed", chat=str(chat.uuid), title=chat.title)
    transaction.on_commit(lambda: tell_from_thread(lambda registry: registry.tell_user(user.pk, event)))


def announce_branch(uuid: UUID) -> None:
    """Let the pages that show a chat look at its branch again."""
    event = BranchOutdated(type="branch.outdated", chat=str(uuid))
    transaction.on_commit(lambda: tell_from_thread(lambda registry: registry.tell_chat(str(uuid), event)))


def announce_move(user: User, chat: Chat) -> None:
    event = ChatMoved(
        type="chat.moved",
        chat=str(chat.uuid),
        folder=str(chat.folder.uuid) if chat.folder else None,
        html=render_folder_link(chat.folder),
    )
    transaction.on_commit(lambda: tell_from_thread(lambda registry: registry.tell_user(user.pk, event)))


def announce_chats(user: User, chats: Iterable[Chat] | None) -> None:
    """Let pages that show one of these chats, or any chat at all, ask how it is kept now."""
    event = ChatsChanged(type="chats.changed", chats=None if chats is None else [str(chat.uuid) for chat in chats])
    transaction.on_commit(lambda: tell_from_thread(lambda registry: registry.tell_user(user.pk, event)))


def stop_generations(uuids: Sequence[str]) -> None:
    def stop_all(registry: Registry) -> None:
        for uuid in uuids:
            registry.stop(uuid)

    transaction.on_commit(lambda: tell_from_thread(stop_all))
