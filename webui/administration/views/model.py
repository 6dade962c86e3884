"""One model of the built-in server: what it consists of, and its texts, which can be changed."""

from __future__ import annotations

from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from inference import client
from inference.errors import InferenceError, ModelNotFound
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.connection_forms import ModelForm
from webui.administration.load_settings import LoadSettingsForm
from webui.administration.model_page import ModelPage, one_model
from webui.administration.model_texts import ModelTextsForm
from webui.administration.problems import problem_of


@admin_required
@require_GET
@never_cache
def page(request: MemberRequest) -> HttpResponse:
    """Names hold slashes and colons, so the model is named in the query."""
    name = named_model(request.GET)
    try:
        found = async_to_sync(one_model)(name)
    except InferenceError as exc:
        status = 404 if isinstance(exc, ModelNotFound) else 502
        context = {"name": name, "problem": problem_of(exc)}
        return render(request, "administration/model.html", context, status=status)
    return render(request, "administration/model.html", _context(found, ModelTextsForm(found.contents)))


@admin_required
@require_POST
def save_texts(request: MemberRequest) -> HttpResponseBase:
    """Make the model anew, or another one of it. What was typed stays where it was when that is refused.

    A page that stays where it is gets its form again: making a model of a large file reads that file once.
    """
    name = named_model(request.POST)
    try:
        found = async_to_sync(one_model)(name)
    except InferenceError as exc:
        context = {"name": name, "problem": problem_of(exc)}
        return render(request, "administration/model.html", context, status=502)
    if not found.has_texts:
        raise Http404
    form = ModelTextsForm(found.contents, request.POST, names=found.names)
    if form.is_valid():
        try:
            async_to_sync(client.change_model)(form.change())
            record(Event.MODEL_CHANGED, form.cleaned_data["name"])
        except InferenceError as exc:
            form.tell(exc)
    is_in_place = request.headers.get("HX-Request") == "true"
    if form.errors and is_in_place:
        form.focus_first_error()
        context = {"model": found.contents, "page": found, "form": form}
        return render(request, "administration/_model_texts.html", context)
    if form.errors:
        return render(request, "administration/model.html", _context(found, form), status=422)
    messages.success(request, _("%(model)s is saved.") % {"model": form.cleaned_data["name"]})
    url = model_url(form.cleaned_data["name"])
    return HttpResponse(headers={"HX-Redirect": url}) if is_in_place else redirect(url)


def model_url(name: str) -> str:
    return f"{reverse('administration:model')}?{urlencode({'model': name})}"


def named_model(query: QueryDict) -> str:
    form = ModelForm(query)
    if not form.is_valid():
        raise Http404
    return str(form.cleaned_data["model"])


def _context(found: ModelPage, texts: ModelTextsForm) -> dict[str, object]:
    load = LoadSettingsForm(found.contents, has_gpu=found.has_gpu)
    context: dict[str, object] = {"name": found.contents.name, "page": found, "model": found.contents}
    return context | {"texts": texts, "load": load, "verdict": found.verdict}
