"""What people type about themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webui.accounts.models import ApiKey, User


class NameForm(forms.Form):
    """The part of the sign-up form that is ours; allauth adds e-mail address and password."""

    name = forms.CharField(
        label=_("Name"), max_length=100, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ["name", "email", "password1"]

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth after the account is saved; the adapter has stored the name with it."""


# Only the stubs know model forms as generic.
if TYPE_CHECKING:
    UserModelForm = forms.ModelForm[User]
else:
    UserModelForm = forms.ModelForm


class ThemeForm(UserModelForm):
    class Meta:
        model = User
        fields = ("theme",)


class LanguageForm(forms.Form):
    language = forms.ChoiceField(choices=settings.LANGUAGES)


class ProfileForm(UserModelForm):
    class Meta:
        model = User
        fields = ("name", "language", "archives_left_chats", "uses_single_keys")
        labels = {
            "archives_left_chats": _("Archive a chat when I leave it with /bye"),
            "uses_single_keys": _("Let single keys such as ? do something while I do not write"),
        }
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"] = forms.ChoiceField(
            label=_("Language"), required=False, choices=[("", _("Like the browser")), *settings.LANGUAGES]
        )


class AfterthoughtsForm(UserModelForm):
    """What a model is asked for once it has answered."""

    class Meta:
        model = User
        fields = ("wants_titles", "wants_follow_ups", "wants_tags")
        labels = {
            "wants_titles": _("Name my chats after what they are about"),
            "wants_follow_ups": _("Suggest what I could ask next"),
            "wants_tags": _("Put tags on my chats"),
        }


class KeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Of the program or the machine that will use it.")
    )
    days = forms.TypedChoiceField(
        label=_("Ends"),
        coerce=int,
        empty_value=None,
        required=False,
        choices=[("", _("Never")), ("7", _("In a week")), ("30", _("In 30 days")), ("365", _("In a year"))],
    )

    def __init__(self, *args: Any, is_admin: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [scope for scope in ApiKey.Scope if is_admin or scope != ApiKey.Scope.MANAGEMENT]
        self.fields["scopes"] = forms.MultipleChoiceField(
            label=_("It may"),
            widget=forms.CheckboxSelectMultiple,
            choices=[(scope.value, scope.label) for scope in offered],
            initial=[ApiKey.Scope.ANSWERS, ApiKey.Scope.EMBEDDINGS],
        )
