"""What administrators type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from rag.api import IndexOverview
from webui.accounts.models import Role
from webui.administration.queries import EffectiveSetting


class PeopleFilter(forms.Form):
    """The query of the people page; nonsense in it means no filter."""

    q = forms.CharField(
        label=_("Search"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name or email")}),
    )
    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Every role")), *Role.choices], required=False)
    before = forms.CharField(max_length=100, required=False)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class GroupForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(label=_("Description"), max_length=500, required=False)


class MemberForm(forms.Form):
    person = forms.CharField(
        label=_("Person"), max_length=254, widget=forms.TextInput(attrs={"placeholder": _("E-mail address or name")})
    )


class EmbedderForm(forms.Form):
    """The model that the search index is made with, among those that can embed."""

    embedder = forms.ChoiceField(
        label=_("Another model"),
        help_text=_("It is tried first. Building the index takes about as long as indexing all documents did."),
    )

    def __init__(self, names: Sequence[str], overview: IndexOverview, data: Any = None) -> None:
        super().__init__(data)
        self.overview = overview
        field = cast(forms.ChoiceField, self.fields["embedder"])
        in_use = overview.current.embedder if overview.current else ""
        field.choices = [(name, name) for name in names if name.removesuffix(":latest") != in_use]


class SettingForm(forms.Form):
    """One setting; its field is made from the declaration."""

    def __init__(self, setting: EffectiveSetting, data: Any = None) -> None:
        super().__init__(data, prefix=setting.declaration.name)
        declaration = setting.declaration
        self.setting = setting
        field: forms.Field
        if declaration.choices:
            field = forms.ChoiceField(choices=declaration.choices, widget=forms.RadioSelect)
        else:
            field = forms.CharField(max_length=declaration.max_length, required=False, widget=forms.Textarea)
            field.widget.attrs["rows"] = 3
        field.label, field.help_text = declaration.label, declaration.help
        field.initial, field.disabled = setting.value, setting.is_locked
        self.fields["value"] = field
