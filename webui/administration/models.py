"""What administrators have changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class SiteSetting(models.Model):
    """A value that an administrator has chosen. `declarations` says which names there are.

    Attributes:
        file_name: Of the file that it was applied from; empty when somebody chose it in the pages.
    """

    name = models.CharField(max_length=50, unique=True)
    value = models.TextField(blank=True)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    file_name = models.CharField(max_length=255, blank=True)

    def __str__(self) -> str:
        return self.name


class SettingChange(models.Model):
    """One change of a site setting. No row is ever altered: what was chosen before can be read, and chosen again.

    Attributes:
        former: What was chosen before; None when nothing was, so that the default was in force.
        value: What has been chosen; None for a return to the default.
        person: The name of who did it, also when they are gone; empty for a file.
        file_name: Of the file that `config apply` read; empty for a person.
    """

    name = models.CharField(max_length=50)
    former = models.TextField(null=True)  # noqa: DJ001  (empty is a value)
    value = models.TextField(null=True)  # noqa: DJ001  (empty is a value)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    person = models.CharField(max_length=254, blank=True)
    file_name = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["name", "-id"], name="setting_changes")]

    def __str__(self) -> str:
        return f"{self.name} at {self.changed_at}"
