"""What people ask to be read, and how they like it read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webui.accounts.models import User
from webui.speech import conf, queries
from webui.speech.models import Endpoint


class SayForm(forms.Form):
    text = forms.CharField(max_length=conf.MAX_TEXT_CHARS)
    voice = forms.CharField(max_length=100, required=False)
    speed = forms.FloatField(min_value=conf.MIN_SPEED, max_value=conf.MAX_SPEED, required=False)


SPEEDS = (
    (0.75, _("Slower")),
    (1.0, _("As the voice speaks")),
    (1.25, _("A little faster")),
    (1.5, _("Faster")),
    (2.0, _("Twice as fast")),
)

# Only the stubs know model forms as generic.
if TYPE_CHECKING:
    UserModelForm = forms.ModelForm[User]
else:
    UserModelForm = forms.ModelForm


class VoiceForm(UserModelForm):
    """How answers are read to somebody, and what becomes of what they say.

    The voices are the server's, or else the browser's: those only the page knows, and a name among them is taken as
    it comes.
    """

    class Meta:
        model = User
        fields = ("voice", "voice_speed", "reads_aloud", "sends_dictation")
        labels = {
            "reads_aloud": _("Read answers aloud as they are written"),
            "sends_dictation": _("Send what I have dictated after three seconds of silence"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        endpoint = queries.offered(Endpoint.Task.SPEAK)
        usual = [("", _("The usual voice"))]
        if endpoint is not None:
            voices = [(voice, voice) for voice in endpoint.voices]
            self.fields["voice"] = forms.ChoiceField(label=_("Voice"), required=False, choices=[*usual, *voices])
            if self.initial.get("voice") not in endpoint.voices:
                self.initial["voice"] = ""
        else:
            kept = self.initial.get("voice")
            shown = [*usual, (kept, kept)] if kept else usual
            self.fields["voice"] = forms.CharField(
                label=_("Voice"), required=False, max_length=100, widget=forms.Select(choices=shown)
            )
        self.fields["voice_speed"] = forms.TypedChoiceField(label=_("Speed"), coerce=float, choices=SPEEDS)
        self.order_fields(self.Meta.fields)
