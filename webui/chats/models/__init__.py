"""Chats: a tree of messages, the generations that fill answers, what people think of those, and who else may read."""

from __future__ import annotations

from webui.chats.models.chats import (
    FOLDER_NAME_MAX_LENGTH,
    TAG_NAME_MAX_LENGTH,
    TITLE_MAX_LENGTH,
    Chat,
    Folder,
    Tag,
    tag_key,
)
from webui.chats.models.generations import REF_MAX_LENGTH, Generation
from webui.chats.models.imports import (
    CHAT_IMPORTS_FOLDER,
    IMPORTED_NAME_MAX_LENGTH,
    ChatImport,
    ImportedChat,
    stored_import_name,
)
from webui.chats.models.messages import PICTURES, Citation, Image, Message, MessageRemoval, Upload
from webui.chats.models.ratings import COMMENT_MAX_LENGTH, BadReason, GoodReason, Rating
from webui.chats.models.sharing import ShareGrant, ShareLink

__all__ = [
    "BadReason",
    "CHAT_IMPORTS_FOLDER",
    "COMMENT_MAX_LENGTH",
    "Chat",
    "ChatImport",
    "Citation",
    "FOLDER_NAME_MAX_LENGTH",
    "Folder",
    "Generation",
    "GoodReason",
    "IMPORTED_NAME_MAX_LENGTH",
    "Image",
    "ImportedChat",
    "Message",
    "MessageRemoval",
    "PICTURES",
    "REF_MAX_LENGTH",
    "Rating",
    "ShareGrant",
    "ShareLink",
    "TAG_NAME_MAX_LENGTH",
    "TITLE_MAX_LENGTH",
    "Tag",
    "Upload",
    "stored_import_name",
    "tag_key",
]
