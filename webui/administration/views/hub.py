"""Hugging Face's Hub: looking for a model, and what of it would fit into this machine."""

from __future__ import annotations

from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from inference import client
from inference.errors import InferenceError
from inference.types import HubModel
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.connection_forms import HubRepositoryForm, HubSearchForm
from webui.administration.problems import problem_of
from webui.administration.verdicts import Verdict, verdict_on


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRow:
    """One model of a repository; `is_best` marks the largest that fits."""

    model: HubModel
    is_best: bool

    @property
    def verdict(self) -> Verdict | None:
        return verdict_on(self.model.fit) if self.model.fit else None


@admin_required
@require_GET
@never_cache
def search(request: MemberRequest) -> HttpResponse:
    """Repositories that hold GGUF files. The Hub is asked only when somebody searches."""
    form = HubSearchForm(request.GET)
    context: dict[str, object] = {"words": form["q"].value() or ""}
    if form.is_valid():
        try:
            context["repositories"] = async_to_sync(client.search_hub)(form.cleaned_data["q"])
        except InferenceError as exc:
            context["problem"] = problem_of(exc)
    return render(request, "administration/_hub_results.html", context)


@admin_required
@require_GET
@never_cache
def models(request: MemberRequest) -> HttpResponse:
    form = HubRepositoryForm(request.GET)
    context: dict[str, object] = {}
    if form.is_valid():
        try:
            found = async_to_sync(client.hub_models)(form.cleaned_data["repository"])
        except InferenceError as exc:
            context["problem"] = problem_of(exc)
        else:
            rows = [HubRow(model=model, is_best=model.name == found.best) for model in found.models]
            context |= {"found": found, "rows": rows}
    return render(request, "administration/_hub_models.html", context)
