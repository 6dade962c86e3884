"""How a model is to be loaded, as a form and in words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inference.types import LoadSettings, ModelContents
from webui.administration.problems import Problem
from webui.administration.verdicts import answers_in_words, context_in_words

KV_TYPES = (
    ("", gettext_lazy("automatic")),
    ("f16", gettext_lazy("f16: exact")),
    ("q8_0", gettext_lazy("q8_0: half the memory")),
    ("q4_0", gettext_lazy("q4_0: a quarter of it")),
)
CHAT_FIELDS = ("num_ctx", "num_parallel", "kv_cache_type")


def _number(label: Any, least: int, most: int, hint: Any = "") -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"placeholder": gettext_lazy("automatic"), "autocomplete": "off"})
    return forms.IntegerField(
        label=label, min_value=least, max_value=most, required=False, widget=widget, help_text=hint
    )


class LoadSettingsForm(forms.Form):
    """An empty field leaves the choice to the server. A model that embeds has a choice of threads alone."""

    num_ctx = _number(gettext_lazy("Context, in tokens"), 1, 2**20, gettext_lazy("Of each answer, with its question."))
    num_parallel = _number(gettext_lazy("Answers at once"), 1, 256, gettext_lazy("Each has a context of its own."))
    kv_cache_type = forms.ChoiceField(
        label=gettext_lazy("Context stored as"),
        choices=KV_TYPES,
        required=False,
        help_text=gettext_lazy("Smaller takes less memory and reads prompts more slowly."),
    )
    num_thread = _number(gettext_lazy("Threads"), 1, 512, gettext_lazy("Automatic is one per core."))
    num_gpu = _number(
        gettext_lazy("Layers on the graphics card"), 0, 10_000, gettext_lazy("The others stay with the processor.")
    )

    def __init__(self, model: ModelContents, data: Any = None, *, has_gpu: bool) -> None:
        super().__init__(data, initial=asdict(model.kept), auto_id="load-%s")
        for name in CHAT_FIELDS:
            if not model.can_chat:
                del self.fields[name]
        if not has_gpu:
            del self.fields["num_gpu"]
        if model.source == "embedded":
            self.fields.clear()

    def settings(self) -> LoadSettings:
        return LoadSettings(**{name: None if value == "" else value for name, value in self.cleaned_data.items()})

    def problem(self) -> Problem:
        """Return what is wrong with the fields, in one sentence."""
        name, errors = next(iter(self.errors.items()))
        label = self.fields[name].label if name in self.fields else name
        return Problem(title=f"{label}: {errors[0]}")


def settings_in_words(settings: LoadSettings) -> str:
    """Say what is kept for a model; empty when nothing is."""
    said = []
    if settings.num_ctx is not None:
        said.append(_("context %(n)s") % {"n": context_in_words(settings.num_ctx)})
    if settings.num_parallel is not None:
        said.append(answers_in_words(settings.num_parallel))
    if settings.kv_cache_type is not None:
        said.append(settings.kv_cache_type)
    if settings.num_thread is not None:
        said.append(ngettext("%(n)s thread", "%(n)s threads", settings.num_thread) % {"n": settings.num_thread})
    if settings.num_gpu is not None:
        words = ngettext("%(n)s layer on the graphics card", "%(n)s layers on the graphics card", settings.num_gpu)
        said.append(words % {"n": settings.num_gpu})
    return ", ".join(said)
