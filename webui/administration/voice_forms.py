"""What administrators type about the servers that read aloud and write down."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from webui.administration.connection_forms import UpstreamForm
from webui.speech.models import Endpoint
from webui.speech.services import EndpointValues

MAX_VOICES = 100
MAX_VOICE_CHARS = 100


class EndpointForm(UpstreamForm):
    """The server for one task."""

    model = forms.CharField(
        label=_("Model"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )
    voices = forms.CharField(
        label=_("Voices"),
        max_length=5_000,
        help_text=_("Their names, separated by commas. People choose among them; the first is the usual one."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "alloy, nova"}),
    )
    form = forms.ChoiceField(
        label=_("Format"),
        choices=Endpoint.Form.choices,
        initial=Endpoint.Form.MP3,
        help_text=_("MP3 is small and plays everywhere; WAV begins soonest with a server nearby."),
    )
    is_enabled = forms.BooleanField(label=_("People can use it"), required=False, initial=True)

    def __init__(self, task: Endpoint.Task, data: Any = None, *, endpoint: Endpoint | None = None) -> None:
        initial = _initial(endpoint) if endpoint else {}
        has_key = endpoint is not None and endpoint.has_key
        super().__init__(data, is_new=endpoint is None, has_key=has_key, initial=initial, auto_id=f"id_{task.value}_%s")
        self.task, self.endpoint = task, endpoint
        self.fields["base_url"].help_text = _("It usually ends in /v1: http://machine:8000/v1")
        self.fields["base_url"].widget.attrs["placeholder"] = "http://localhost:8000/v1"
        is_speaking = task is Endpoint.Task.SPEAK
        self.fields["model"].widget.attrs["placeholder"] = "tts-1" if is_speaking else "whisper-1"
        if not is_speaking:
            del self.fields["voices"], self.fields["form"]

    def clean_voices(self) -> list[str]:
        voices = [voice.strip() for voice in self.cleaned_data["voices"].split(",")]
        voices = list(dict.fromkeys(filter(None, voices)))
        if not voices:
            raise ValidationError(_("Name at least one voice."))
        if len(voices) > MAX_VOICES or max(map(len, voices)) > MAX_VOICE_CHARS:
            raise ValidationError(_("These are too many voices, or one has too long a name."))
        return voices

    def values(self) -> EndpointValues:
        data = self.cleaned_data
        return EndpointValues(
            base_url=data["base_url"],
            model=data["model"],
            key=self.new_key,
            voices=data.get("voices", ()),
            form=data.get("form", Endpoint.Form.MP3),
            is_enabled=data["is_enabled"],
        )


def _initial(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "base_url": endpoint.base_url,
        "model": endpoint.model,
        "voices": ", ".join(endpoint.voices),
        "form": endpoint.form,
        "is_enabled": endpoint.is_enabled,
    }
