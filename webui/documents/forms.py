"""What browsers send to the pages of knowledge."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from rag import api as rag


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


class GrantForm(forms.Form):
    """Whom to share with: everybody, a group, or a person by address or name."""

    to = forms.CharField(label=_("Person, group or “Everybody”"), max_length=254)
    right = forms.ChoiceField(
        label=_("Right"), choices=[("", _("May read")), ("write", _("May read and change"))], required=False
    )
