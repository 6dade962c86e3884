"""The search index: with which model it is made, how far another one is, and the ways back."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

import rag.api
from inference import client
from inference.errors import InferenceError
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.forms import EmbedderForm
from webui.administration.index_words import building_problem, refusal
from webui.administration.problems import Problem, problem_of
from webui.ui.moments import duration_in_words


@admin_required
@require_GET
@never_cache
def page(request: MemberRequest) -> HttpResponse:
    return render(request, "administration/documents.html", _context(_form()))


@admin_required
@require_GET
@never_cache
def index(request: MemberRequest) -> HttpResponse:
    """The card alone, while a new index is being built."""
    return render(request, "administration/_search_index.html", _context(_form()))


@admin_required
@require_POST
def choose_embedder(request: MemberRequest) -> HttpResponseBase:
    """Measure a model, and begin to build the index with it; what is wrong with it is said in the card."""
    form = _form(request.POST)
    if not form.is_valid():
        return render(request, "administration/documents.html", _context(form), status=422)
    problem: Problem | None = None
    try:
        version = async_to_sync(rag.api.choose_embedder)(form.cleaned_data["embedder"], by=request.user)
    except InferenceError as exc:
        problem = problem_of(exc)
    except rag.api.RagError as exc:
        problem = refusal(exc)
    else:
        record(Event.EMBEDDER_CHOSEN, form.cleaned_data["embedder"])
    if problem:
        return render(request, "administration/documents.html", _context(form, problem), status=422)
    if version.state == version.State.CURRENT:
        messages.success(request, _("Answers draw on the index of this model."))
    else:
        messages.success(request, _("The new index is being built. Answers draw on the old one until it is whole."))
    return redirect("administration:documents")


@admin_required
@require_POST
def abort_build(request: MemberRequest) -> HttpResponseBase:
    rag.api.abort_build()
    record(Event.INDEX_ABORTED)
    messages.success(request, _("Given up. Answers go on as before."))
    return redirect("administration:documents")


@admin_required
@require_POST
def roll_back(request: MemberRequest) -> HttpResponseBase:
    try:
        rag.api.roll_back()
        record(Event.INDEX_ROLLED_BACK)
    except rag.api.RagError as exc:
        messages.error(request, refusal(exc).title)
    return redirect("administration:documents")


@admin_required
@require_POST
def drop_previous(request: MemberRequest) -> HttpResponseBase:
    rag.api.drop_previous()
    record(Event.INDEX_DROPPED)
    messages.success(request, _("The kept index is being removed."))
    return redirect("administration:documents")


@admin_required
@require_POST
def leave_behind(request: MemberRequest) -> HttpResponseBase:
    rag.api.leave_behind()
    record(Event.INDEX_LEFT_BEHIND)
    messages.success(request, _("The vectors of before are left where they are."))
    return redirect("administration:documents")


def _form(data: object = None) -> EmbedderForm:
    names = [model.id for model in async_to_sync(client.models_at_hand)().models if "embedding" in model.capabilities]
    return EmbedderForm(names, rag.api.index_overview(), data)


def _context(form: EmbedderForm, problem: Problem | None = None) -> dict[str, object]:
    overview = form.overview
    progress = overview.progress
    remaining = duration_in_words(progress.remaining_s) if progress and progress.remaining_s is not None else ""
    error = building_problem(overview.building.error) if overview.building and overview.building.error else ""
    return {"form": form, "overview": overview, "problem": problem, "remaining": remaining, "error": error}
