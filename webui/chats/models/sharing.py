"""Who else may read a chat."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from webui.accounts.grants import Grant
from webui.chats.models.chats import Chat


class ShareLink(models.Model):
    """The address at which others read a chat: as it stood once, or as it is."""

    # Part of the address: whoever is not among its readers learns nothing from it.
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    chat = models.OneToOneField(Chat, on_delete=models.CASCADE, related_name="share_link")
    # Whether everybody who has the address may read, also without an account.
    is_public = models.BooleanField(default=False)
    # Whether the owner's own files that go with the questions can be fetched too.
    has_files = models.BooleanField(default=False)
    # `shared_chats.SharedChat` as JSON; None when the chat is shown as it is.
    snapshot = models.JSONField(null=True, blank=True)
    snapshot_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"link to chat {self.chat_id}"

    @property
    def is_live(self) -> bool:
        return self.snapshot is None


class ShareGrant(Grant):
    """That somebody may read what a link shows: one person, a group, or with neither everybody who may sign in."""

    link = models.ForeignKey(ShareLink, on_delete=models.CASCADE, related_name="grants")

    class Meta(Grant.Meta):
        constraints = [
            *Grant.Meta.constraints,
            models.UniqueConstraint(
                fields=["link", "user"], condition=models.Q(user__isnull=False), name="chats_share_once_a_person"
            ),
            models.UniqueConstraint(
                fields=["link", "group"], condition=models.Q(group__isnull=False), name="chats_share_once_a_group"
            ),
            models.UniqueConstraint(
                fields=["link"], condition=models.Q(user=None, group=None), name="chats_share_once_to_everybody"
            ),
        ]
