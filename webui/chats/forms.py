"""What browsers send to the pages of the chats. Limits of a folder are kept, and told, by its services."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from webui.chats.conf import MAX_CHATS_AT_ONCE
from webui.chats.models import COMMENT_MAX_LENGTH, TITLE_MAX_LENGTH, BadReason, GoodReason, Rating
from webui.chats.services.keeping import Deed


class TitleForm(forms.Form):
    title = forms.CharField(max_length=TITLE_MAX_LENGTH)


class PlaceForm(forms.Form):
    """Where a page is: which chat it shows, or in which folder one is begun, and who is to answer."""

    chat = forms.UUIDField(required=False)
    folder = forms.UUIDField(required=False)
    model = forms.CharField(max_length=255, required=False)


class RatingForm(forms.Form):
    value = forms.ChoiceField(choices=[("good", "good"), ("bad", "bad")])


class ReasonsForm(forms.Form):
    """Why an answer is good or bad; which reasons there are depends on that."""

    reasons = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    comment = forms.CharField(
        label=_("Anything else?"),
        max_length=COMMENT_MAX_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, rating: Rating, data: Any = None) -> None:
        super().__init__(
            data,
            initial={"reasons": rating.reasons, "comment": rating.comment},
            auto_id=f"rating-{rating.message.uuid}-%s",
        )
        field = cast(forms.MultipleChoiceField, self.fields["reasons"])
        field.choices = GoodReason.choices if rating.is_good else BadReason.choices


class DeleteMessageForm(forms.Form):
    with_branch = forms.BooleanField(required=False)


class FolderNameForm(forms.Form):
    name = forms.CharField(required=False)


class SystemPromptForm(forms.Form):
    system_prompt = forms.CharField(required=False)


class FilterForm(forms.Form):
    """Which chats a list shows."""

    tag = forms.UUIDField(required=False)


class TagNameForm(forms.Form):
    name = forms.CharField(required=False)


class IdsField(forms.Field):
    """Ids of some things, each a value of its own."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> list[UUID]:
        ids = super().clean(value) or []
        if len(ids) > MAX_CHATS_AT_ONCE:
            raise forms.ValidationError("too many")
        try:
            return [UUID(one) for one in ids]
        except ValueError as exc:
            raise forms.ValidationError("no id") from exc


class ChatsForm(forms.Form):
    chats = IdsField()


class StepForm(ChatsForm):
    """What is to be done to some chats, and where a plain form goes then."""

    deed = forms.ChoiceField(choices=[(deed, deed) for deed in Deed])
    folder = forms.UUIDField(required=False)
    tag = forms.UUIDField(required=False)
    name = forms.CharField(required=False)
    back = forms.ChoiceField(required=False, choices=[(name, name) for name in ("archived", "deleted")])


class OpenForm(forms.Form):
    is_open = forms.BooleanField(required=False)


class DeleteFolderForm(forms.Form):
    with_chats = forms.BooleanField(required=False)


class SourceForm(forms.Form):
    """A document or a knowledge."""

    document = forms.UUIDField(required=False)
    knowledge = forms.UUIDField(required=False)


class MoveForm(forms.Form):
    """The folder that a chat is moved into, by its id or as the name of a new one; neither means out of its folder."""

    folder = forms.UUIDField(required=False)
    new = forms.CharField(required=False)


class LinkForm(forms.Form):
    """What a link shows, and to whom without being told one by one."""

    shows = forms.ChoiceField(choices=[("snapshot", "snapshot"), ("live", "live")])
    has_files = forms.BooleanField(required=False)
    is_public = forms.BooleanField(required=False)
