"""What browsers send to the pages of golden questions."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from rag import api as rag


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A document, or with `end` a passage of it."""

    document: UUID
    start: int = 0
    end: int = 0


class GoldenForm(forms.Form):
    """A question and what answers it: a document's id, or `id:start:end` for a passage. `find` asks for a search."""

    question = forms.CharField(
        label=_("Question"), max_length=rag.QUESTION_MAX_LENGTH, widget=forms.Textarea(attrs={"rows": 2})
    )
    q = forms.CharField(
        label=_("Where does the answer stand?"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
        help_text=_("Search with the words of the question, with others, or with a document's name."),
    )
    expected = forms.CharField(max_length=80, required=False)

    @property
    def is_search(self) -> bool:
        return "find" in self.data

    @property
    def chosen(self) -> str:
        return str(self.data.get("expected", ""))

    def search_words(self) -> str:
        return str(self.data.get("q", "").strip() or self.data.get("question", "").strip())[:500]

    def clean_expected(self) -> Place | None:
        if self.is_search:
            return None
        uuid, *span = self.cleaned_data["expected"].split(":")
        try:
            start, end = map(int, span or (0, 0))
            place = Place(document=UUID(uuid), start=start, end=end)
        except ValueError:
            raise forms.ValidationError(_("Choose the passage or the document that answers it.")) from None
        if span and not 0 <= start < end <= start + rag.QUOTE_MAX_LENGTH:
            raise forms.ValidationError(_("Choose the passage or the document that answers it."))
        return place
