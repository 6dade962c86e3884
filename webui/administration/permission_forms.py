"""What everybody may do, and what the members of a group may do besides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundWidget
from django.utils.translation import gettext_lazy as _

from webui.accounts.models import Group, WithheldPermission
from webui.accounts.permissions import Permission


class PermissionsForm(forms.Form):
    """Ticks for all permissions; `chosen` are those that are ticked."""

    permissions = forms.MultipleChoiceField(
        label=_("Permissions"),
        choices=Permission.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, given: Iterable[str], data: Any = None) -> None:
        super().__init__(data, initial={"permissions": list(given)})

    @property
    def chosen(self) -> set[Permission]:
        return {Permission(name) for name in self.cleaned_data["permissions"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionRow:
    """One permission on the page of all of them.

    Attributes:
        tick: The box that says whether everybody has it.
        groups: Names of those that have it besides.
        withheld: Who gave it to groups alone, and when; None while everybody has it.
    """

    tick: BoundWidget
    groups: tuple[str, ...]
    withheld: WithheldPermission | None


def permission_rows(form: PermissionsForm) -> Iterator[PermissionRow]:
    """Two queries."""
    withheld = {row.name: row for row in WithheldPermission.objects.select_related("changed_by")}
    groups = list(Group.objects.all())
    for permission, tick in zip(Permission, form["permissions"], strict=True):
        names = tuple(group.name for group in groups if permission in group.permissions)
        yield PermissionRow(tick=tick, groups=names, withheld=withheld.get(permission))
