"""What administrators have changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class SiteSetting(models.Model):
    """A value that an administrator has chosen. `declarations` says which names there are."""

    name = models.CharField(max_length=50, unique=True)
    value = models.TextField(blank=True)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return self.name
