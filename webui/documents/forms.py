"""What browsers send to the pages of knowledge."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from rag import api as rag
from rag.errors import PatternRefused
from webui.accounts.audiences import AudienceForm

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class KnowledgeForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=rag.KNOWLEDGE_NAME_MAX_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    description = forms.CharField(
        label=_("Description"),
        max_length=rag.DESCRIPTION_MAX_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class DeleteForm(forms.Form):
    with_documents = forms.BooleanField(required=False)


class FolderForm(forms.Form):
    """A folder by its path; the top is an empty one."""

    folder = forms.CharField(max_length=rag.FOLDER_PATH_MAX_LENGTH, required=False)


class NewFolderForm(forms.Form):
    folder = forms.CharField(max_length=rag.FOLDER_PATH_MAX_LENGTH, required=False)
    name = forms.CharField(max_length=rag.FOLDER_PATH_MAX_LENGTH)

    @property
    def path(self) -> str:
        return "/".join(filter(None, (self.cleaned_data["folder"], self.cleaned_data["name"])))


class QuestionForm(forms.Form):
    q = forms.CharField(
        label=_("Search inside"), max_length=500, required=False, widget=forms.TextInput(attrs={"type": "search"})
    )


class GrantForm(AudienceForm):
    """Whom to share with, to read or to change."""

    right = forms.ChoiceField(
        label=_("Right"), choices=[("", _("May read")), ("write", _("May read and change"))], required=False
    )


class PatternsField(forms.CharField):
    """Patterns of file names, one a line."""

    def __init__(self, *, label: _StrPromise, help_text: _StrPromise) -> None:
        super().__init__(
            label=label, help_text=help_text, required=False, max_length=12_000,
            widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        )  # fmt: skip

    def clean(self, value: object) -> list[str]:
        try:
            return rag.parse_patterns(super().clean(value))
        except PatternRefused as exc:
            raise forms.ValidationError(
                _("At most %(n)d patterns of %(length)d characters each.")
                % {"n": exc.max_patterns, "length": exc.max_length}
            ) from exc


class ConnectFolderForm(forms.Form):
    """A folder of the server; without a path, one is still to be chosen."""

    path = forms.CharField(max_length=1000, required=False, strip=False)
    include = PatternsField(label=_("Only these"), help_text=_("One pattern a line, as *.pdf or Reports. Empty: all."))
    exclude = PatternsField(label=_("Leave out"), help_text=_("One pattern a line, as drafts or *.csv."))
    look = forms.BooleanField(required=False)

    @property
    def chosen_path(self) -> str:
        """The path without steps back, also when patterns are wrong; empty when there is none, or nonsense."""
        path = self.data.get("path", "")
        return os.path.normpath(path) if path.startswith("/") and "\0" not in path and len(path) <= 1000 else ""
