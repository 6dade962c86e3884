"""Chats, and what keeps them in order: folders and tags."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

TITLE_MAX_LENGTH = 200
FOLDER_NAME_MAX_LENGTH = 100
TAG_NAME_MAX_LENGTH = 50


class Folder(models.Model):
    """Chats of one owner that belong together: each of their questions gets what the folder adds."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_folders")
    name = models.CharField(max_length=FOLDER_NAME_MAX_LENGTH)
    system_prompt = models.TextField(blank=True)
    documents = models.ManyToManyField("rag.Document", blank=True, related_name="+")
    knowledge = models.ManyToManyField("rag.Knowledge", blank=True, related_name="+")
    # Whether the sidebar shows its chats.
    is_open = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Set by delete, cleared by undo; purged for good after the undo window.
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # visible_folders(): all folders of one person.
            models.Index(fields=["owner"], condition=models.Q(deleted_at=None), name="chats_folder_sidebar"),
        ]

    def __str__(self) -> str:
        return self.name


def tag_key(name: str) -> str:
    """Return what two names of one tag have in common."""
    return name.casefold()


class Tag(models.Model):
    """A word that one person puts on chats, to find those that have it."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=TAG_NAME_MAX_LENGTH)
    # `tag_key` of the name: two tags of a person differ in more than case, whatever the database knows of letters.
    # Some letters are three in it.
    key = models.CharField(max_length=3 * TAG_NAME_MAX_LENGTH, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="chats_tag_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class Chat(models.Model):
    """A titled conversation of one owner; holds a tree of messages.

    One that is deleted is seen by nobody, one that is archived or temporary stands in no list of chats. See `queries`.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chats")
    # Never a deleted one while the chat can be seen.
    folder = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, blank=True, related_name="chats")
    # The folder that was deleted and left the chat behind: undo brings it back into it.
    left_folder = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    tags = models.ManyToManyField(Tag, blank=True, related_name="chats")
    title = models.CharField(max_length=TITLE_MAX_LENGTH, blank=True)
    # False once a person has named the chat: automatic titles leave it alone.
    has_automatic_title = models.BooleanField(default=True)
    # The model last asked, or the id of a preset (`presets.ids`); preselected when the chat is opened.
    model = models.CharField(max_length=255, blank=True)
    # What is said for this chat alone; options by the names of `presets.options`. What is not in here is not sent.
    system_prompt = models.TextField(blank=True)
    options = models.JSONField(default=dict, blank=True)
    # Ids of those that were asked beside it, in their order.
    beside = models.JSONField(default=list, blank=True)
    # The leaf of the branch being shown.
    current_message = models.ForeignKey("Message", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # Whether the leaf is shown beside the other answers to its question: nobody has chosen yet which one continues.
    is_side_by_side = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    # When the newest message came; orders the sidebar.
    updated_at = models.DateTimeField(default=timezone.now)
    # Stands first in the sidebar, whichever folder it is in.
    is_pinned = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    # Set by delete, cleared by undo; purged for good after the undo window.
    deleted_at = models.DateTimeField(null=True, blank=True)
    # Of a temporary chat: when it goes for good, unless the page that shows it puts that off; None of all others.
    temporary_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # visible_chats(): the newest of one person's chats.
            models.Index(
                fields=["owner", "-updated_at", "-id"],
                condition=models.Q(deleted_at=None, archived_at=None, temporary_until=None),
                name="chats_chat_newest",
            ),
            # chat_page(): keyset pages of a folder's chats, or of those in none, newest first.
            models.Index(
                fields=["owner", "folder", "-updated_at", "-id"],
                condition=models.Q(deleted_at=None, archived_at=None, temporary_until=None),
                name="chats_chat_sidebar",
            ),
            # pinned_chats(): all of one person's, newest first: without the order, the index of all chats is taken.
            models.Index(
                fields=["owner", "-updated_at", "-id"],
                condition=models.Q(is_pinned=True, deleted_at=None, archived_at=None, temporary_until=None),
                name="chats_chat_pinned",
            ),
            # archived_chats() and deleted_chats(): keyset pages, the last one first.
            models.Index(
                fields=["owner", "-archived_at", "-id"],
                condition=models.Q(deleted_at=None, archived_at__isnull=False),
                name="chats_chat_archived",
            ),
            models.Index(
                fields=["owner", "-deleted_at", "-id"],
                condition=models.Q(deleted_at__isnull=False),
                name="chats_chat_deleted",
            ),
            # Upkeep looks for those that are over.
            models.Index(
                fields=["temporary_until"],
                condition=models.Q(temporary_until__isnull=False),
                name="chats_chat_temporary",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_temporary(self) -> bool:
        return self.temporary_until is not None
