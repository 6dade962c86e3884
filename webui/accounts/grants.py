"""That somebody else may read or use something: the part that all such rows have in common."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from webui.accounts.audiences import Audience


class Grant(models.Model):
    """A row for one audience: a person, a group, or with neither everybody. Its class names what is granted."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    group = models.ForeignKey(
        settings.HEARTH_GROUP_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None) | models.Q(group=None), name="%(app_label)s_%(class)s_to_one_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"grant {self.uuid}"

    @property
    def audience(self) -> Audience:
        """Reads `user` and `group`; a query each if not selected."""
        return Audience(user=self.user, group=self.group)
