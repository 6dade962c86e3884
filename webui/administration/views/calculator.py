"""What fits: memory by parameters, number format, context and users, before any file is there."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from inference.quantizations import BITS_PER_WEIGHT, weight_bytes
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration import calculator
from webui.administration.calculator import OVERHEAD, RAM_RULES, TRAINING, Shape, Size

DEFAULTS = {
    "billions": 7,
    "quantization": "Q4_K_M",
    "context": 8192,
    "users": 1,
    "layers": 32,
    "heads": 8,
    "head_size": 128,
}


class CalculatorForm(forms.Form):
    billions = forms.FloatField(
        label=_("Parameters, in billions"),
        min_value=0.01,
        max_value=5000,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=_("The 7 of a 7B model."),
    )
    quantization = forms.ChoiceField(label=_("Quantization"), choices=[(name, name) for name in BITS_PER_WEIGHT])
    context = forms.IntegerField(label=_("Context, in tokens"), min_value=1, max_value=2**24)
    users = forms.IntegerField(label=_("Answers at once"), min_value=1, max_value=1000)
    layers = forms.IntegerField(label=_("Layers"), min_value=1, max_value=10_000)
    heads = forms.IntegerField(label=_("Heads of keys and values"), min_value=1, max_value=10_000)
    head_size = forms.IntegerField(label=_("Size of a head"), min_value=1, max_value=100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Sizes in bytes."""

    weights: int
    cache: int
    by_precision: list[Size]
    by_quantization: list[Size]

    @property
    def total(self) -> int:
        return self.weights + self.cache


@admin_required
@require_GET
def page(request: MemberRequest) -> HttpResponse:
    form = CalculatorForm(request.GET if request.GET else DEFAULTS)
    answer = _answer(form.cleaned_data) if form.is_valid() else None
    context = {"form": form, "answer": answer, "ram_rules": RAM_RULES, "overhead": OVERHEAD, "training": TRAINING}
    return render(request, "administration/calculator.html", context, status=200 if answer else 422)


def _answer(asked: dict[str, float]) -> Answer:
    n_parameters = round(asked["billions"] * 10**9)
    shape = Shape(n_layers=int(asked["layers"]), n_heads_kv=int(asked["heads"]), head_size=int(asked["head_size"]))
    return Answer(
        weights=weight_bytes(n_parameters, BITS_PER_WEIGHT[str(asked["quantization"])]),
        cache=calculator.cache_bytes(shape, context_length=int(asked["context"]), n_users=int(asked["users"])),
        by_precision=calculator.sizes_by_precision(n_parameters),
        by_quantization=calculator.sizes_by_quantization(n_parameters),
    )
