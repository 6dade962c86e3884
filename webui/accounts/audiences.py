"""With whom a person shares something of theirs: one other person, a group, or everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webui.accounts.groups import find_person, groups_known_to
from webui.accounts.models import Group, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """One person, a group, or with neither everybody."""

    user: User | None = None
    group: Group | None = None

    @property
    def name(self) -> str:
        return str(self.user or self.group or gettext("Everybody"))

    @property
    def uuid(self) -> UUID | None:
        member = self.user or self.group
        return member.uuid if member else None

    @property
    def detail(self) -> str:
        """Return what tells two of one name apart: an address, unless that is the name, or that it is a group."""
        if self.user:
            return "" if self.user.email == self.name else self.user.email
        return gettext("Group") if self.group else gettext("Everybody who may sign in")


class AudienceForm(forms.Form):
    """Whom to share with; `cleaned_data["to"]` is an Audience."""

    to = forms.CharField(label=_("Person, group or “Everybody”"), max_length=254)

    def __init__(self, sharer: User, data: Any = None) -> None:
        super().__init__(data)
        self.sharer = sharer

    @property
    def suggestions(self) -> list[str]:
        return [gettext("Everybody"), *groups_known_to(self.sharer).values_list("name", flat=True)]

    def clean_to(self) -> Audience:
        words = self.cleaned_data["to"]
        if words.casefold() == gettext("Everybody").casefold():
            return Audience()
        if group := groups_known_to(self.sharer).filter(name__iexact=words).first():
            return Audience(group=group)
        person = find_person(words)
        if person is None:
            raise forms.ValidationError(
                _("Nobody has this e-mail address, and not exactly one person or group of yours this name.")
            )
        if person == self.sharer:
            raise forms.ValidationError(_("It is yours already."))
        return Audience(user=person)
