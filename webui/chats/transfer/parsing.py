"""From the bytes of one chat to what a reader makes of them, whichever program wrote it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

import orjson

from webui.accounts.models import User
from webui.chats.conf import MAX_FOLDERS
from webui.chats.transfer import chatgpt, open_webui, own, values
from webui.chats.transfer.shapes import Note, NotTaken, TakenChat, TakenFolder
from webui.chats.transfer.sources import Source


def parsed(raw: bytes) -> Any:
    """Return what JSON says, also JSON with NaN, halves of characters or broken bytes in it.

    Raises:
        NotTaken
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as exc:
        raise NotTaken(Note.NOT_JSON) from exc


def read(raw: bytes, owner: User, source: Source) -> TakenChat:
    """Return what a file says of one chat. Nothing is stored.

    Raises:
        NotTaken
    """
    found = parsed(raw)
    if not isinstance(found, dict):
        raise NotTaken(Note.NOT_A_CHAT)
    if own.is_own(found):
        taken = own.read(found, owner)
    elif chatgpt.is_chatgpts(found):
        taken = chatgpt.read(found, source)
    elif open_webui.is_open_webuis(found):
        taken = open_webui.read(found)
    else:
        raise NotTaken(Note.NOT_A_CHAT)
    if not taken.id:
        # The same chat of the same file is known again by what it says.
        taken.id = f"content:{hashlib.sha256(raw).hexdigest()}"
    return taken


def read_folders(raw: bytes) -> list[TakenFolder]:
    """Return the folders of a bundle."""
    if not raw:
        return []
    try:
        rows = parsed(raw)
    except NotTaken:
        return []
    # What is wrong with one is told nowhere: a report is of chats.
    folders = (own.read_folder(row, Counter()) for row in values.mappings(rows))
    return [folder for folder in folders if folder][:MAX_FOLDERS]
