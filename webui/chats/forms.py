"""What browsers send to the pages of the chats."""

from __future__ import annotations

from django import forms

from webui.chats.models import TITLE_MAX_LENGTH


class TitleForm(forms.Form):
    title = forms.CharField(max_length=TITLE_MAX_LENGTH)
