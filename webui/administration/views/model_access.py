"""Who may use one model: everybody, or people and groups that are named."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from inference import client
from inference.errors import InferenceError, ModelNotFound
from inference.types import ModelInfo
from webui.accounts import model_access
from webui.accounts.audiences import AudienceForm
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.connection_forms import OpennessForm, TakenForm
from webui.administration.problems import problem_of
from webui.administration.views.model import named_model


@admin_required
@require_GET
@never_cache
def page(request: MemberRequest) -> HttpResponse:
    name = named_model(request.GET)
    try:
        model = async_to_sync(client.find_model)(name)
    except InferenceError as exc:
        status = 404 if isinstance(exc, ModelNotFound) else 502
        context = {"name": name, "problem": problem_of(exc)}
        return render(request, "administration/model_access.html", context, status=status)
    return _page(request, model, AudienceForm(request.user))


@admin_required
@require_POST
def give(request: MemberRequest) -> HttpResponseBase:
    model = _model(request)
    form = AudienceForm(request.user, request.POST)
    if not form.is_valid():
        return _page(request, model, form, status=422)
    model_access.give_model(model.key, form.cleaned_data["to"], by=request.user)
    return _done(request, model)


@admin_required
@require_POST
def take(request: MemberRequest) -> HttpResponseBase:
    model, form = _model(request), TakenForm(request.POST)
    if not form.is_valid():
        raise Http404
    model_access.take_model(model.key, form.cleaned_data["member"], by=request.user)
    return _done(request, model)


@admin_required
@require_POST
def change(request: MemberRequest) -> HttpResponseBase:
    """Open a model to everybody, close it to all but administrators, or leave it to the setting for new models."""
    model, form = _model(request), OpennessForm(request.POST)
    if not form.is_valid():
        raise Http404
    if form.cleaned_data["openness"] == "default":
        model_access.drop_rule(model.key, by=request.user)
    else:
        is_open = form.cleaned_data["openness"] == "open"
        model_access.set_rule(model.key, is_open=is_open, people=[], groups=[], by=request.user)
    return _done(request, model)


def _model(request: MemberRequest) -> ModelInfo:
    """Return the model that a form names, or raise Http404: nothing can be said of one that cannot be found now."""
    try:
        return async_to_sync(client.find_model)(named_model(request.POST))
    except InferenceError as exc:
        raise Http404 from exc


def _done(request: MemberRequest, model: ModelInfo) -> HttpResponseBase:
    messages.success(request, _("Saved. It holds at once."))
    return redirect(f"{reverse('administration:model_access')}?{urlencode({'model': model.id})}")


def _page(request: MemberRequest, model: ModelInfo, form: AudienceForm, *, status: int = 200) -> HttpResponse:
    context = {
        "name": model.id,
        "model": model,
        "rule": model_access.rule_of(model.key),
        "audiences": model_access.audiences_of(model.key),
        "form": form,
    }
    return render(request, "administration/model_access.html", context, status=status)
