"""What administrators type about connections and models."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from inference.models import Connection


class UpstreamForm(forms.Form):
    """The address of a server and its key, which is written here and never shown again."""

    base_url = forms.CharField(
        label=_("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "http://localhost:11434", "autocomplete": "off"}),
        help_text=_("Ollama: http://machine:11434. Others usually end in /v1: https://api.example.com/v1"),
    )
    key = forms.CharField(
        label=_("API key"),
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    removes_key = forms.BooleanField(label=_("Remove the stored key"), required=False)

    def __init__(self, data: Any = None, *, is_new: bool, has_key: bool, **options: Any) -> None:
        super().__init__(data, **options)
        self._is_new = is_new
        if has_key:
            self.fields["key"].help_text = _("A key is stored. Leave this empty to keep it.")
        else:
            del self.fields["removes_key"]
            self.fields["key"].help_text = _("Only if the server wants one. It is stored encrypted.")

    def clean_base_url(self) -> str:
        url: str = self.cleaned_data["base_url"].strip().rstrip("/")
        url = url if "://" in url else f"http://{url}"
        try:
            parts = urlsplit(url)
            is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_usable = False
        if not is_usable or any(character.isspace() for character in url):
            raise ValidationError(_("This is no address of a server. Example: http://localhost:11434"))
        if "@" in parts.netloc:
            raise ValidationError(_("Put the key into its own field, not into the address."))
        if parts.query or parts.fragment:
            raise ValidationError(_("An address ends before “?” and “#”."))
        return url

    @property
    def new_key(self) -> str | None:
        """The key to store, "" to remove the stored one, None to keep it."""
        key: str = self.cleaned_data["key"].strip()
        if key:
            return key
        return "" if self._is_new or self.cleaned_data.get("removes_key") else None


class ConnectionForm(UpstreamForm):
    """A new connection, or a changed one."""

    kind = forms.ChoiceField(label=_("Kind"), choices=Connection.Kind.choices, widget=forms.RadioSelect)
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("As people see it beside the models."))

    def __init__(self, data: Any = None, *, connection: Connection | None = None) -> None:
        initial: dict[str, Any] = {"kind": Connection.Kind.OLLAMA}
        if connection:
            initial = {"kind": connection.kind, "name": connection.name, "base_url": connection.base_url}
        has_key = connection is not None and connection.has_key
        super().__init__(data, is_new=connection is None, has_key=has_key, initial=initial)
        self.connection = connection

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Connection.objects.filter(name=name)
        if self.connection:
            others = others.exclude(pk=self.connection.pk)
        if others.exists():
            raise ValidationError(_("Another connection has this name."))
        return name


class AttachForm(forms.Form):
    path = forms.CharField(
        label=_("Path on the server"),
        max_length=4000,
        widget=forms.TextInput(attrs={"placeholder": "/home/me/models/llama.gguf", "autocomplete": "off"}),
        help_text=_("A GGUF file, or a folder that holds some. Nothing is copied."),
    )


class PullForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the model"),
        max_length=500,
        widget=forms.TextInput(attrs={"placeholder": "qwen3:4b", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("As in Ollama's library, or hf.co/user/repository for a GGUF from Hugging Face."),
    )


class ModelForm(forms.Form):
    """Names one model; ids hold slashes, so they travel in the body."""

    model = forms.CharField(max_length=500)


class TakenForm(forms.Form):
    """The person or the group that a model is taken from."""

    member = forms.UUIDField()


class OpennessForm(forms.Form):
    openness = forms.ChoiceField(choices=[(name, name) for name in ("open", "closed", "default")])


class LoadForm(ModelForm):
    """`context` is the window to load it with, `slots` how many of them; without them the server chooses."""

    context = forms.IntegerField(required=False, min_value=1, max_value=2**24)
    slots = forms.IntegerField(required=False, min_value=1, max_value=256)


class UploadForm(forms.Form):
    """What a browser knows of a file: `modified` is in milliseconds since 1970."""

    name = forms.CharField(max_length=500)
    size = forms.IntegerField(min_value=1, max_value=2**50)
    modified = forms.IntegerField(min_value=0, max_value=2**53)


class UploadFinishForm(forms.Form):
    digest = forms.RegexField(r"^[0-9a-f]{64}$")


class HubSearchForm(forms.Form):
    q = forms.CharField(max_length=200)


class HubRepositoryForm(forms.Form):
    repository = forms.CharField(max_length=300)
