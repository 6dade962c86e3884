"""Which part of the audit log is wanted."""

from __future__ import annotations

from datetime import date, datetime, time

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webui.accounts import audit
from webui.accounts.audit_events import Event
from webui.accounts.models import AuditRecord


class AuditFilter(forms.Form):
    """The query of the audit log; nonsense in a field means that it does not filter."""

    person = forms.CharField(
        label=_("Who or what"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name or address")}),
    )
    event = forms.ChoiceField(label=_("What happened"), choices=[("", _("Everything")), *Event.choices], required=False)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    before = forms.CharField(max_length=100, required=False, widget=forms.HiddenInput)

    def found(self) -> QuerySet[AuditRecord]:
        """Return what the log has of it; the last day counts whole."""
        self.is_valid()
        wanted = self.cleaned_data
        since, until = wanted.get("since"), wanted.get("until")
        return audit.records(
            person=wanted.get("person", ""),
            event=wanted.get("event", ""),
            since=_moment(since) if since else None,
            # Not by adding a day to the moment: the last day of the calendar has none after it.
            until=_moment(until, time.max) if until else None,
        )


def _moment(day: date, moment: time = time.min) -> datetime:
    return timezone.make_aware(datetime.combine(day, moment))
