"""Loading one model in a certain way: what that would take, doing it, and keeping it for every later load."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from inference import client
from inference.errors import InferenceError
from inference.types import LoadSettings
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.load_settings import LoadSettingsForm
from webui.administration.model_page import ModelPage, one_model
from webui.administration.problems import Problem, problem_of
from webui.administration.verdicts import Verdict, verdict_on
from webui.administration.views.model import named_model


@admin_required
@require_GET
@never_cache
def forecast(request: MemberRequest) -> HttpResponse:
    """What the settings of the form would take, asked for while somebody types."""
    name = named_model(request.GET)
    context: dict[str, object] = {}
    try:
        found = async_to_sync(one_model)(name)
        form = LoadSettingsForm(found.contents, request.GET, has_gpu=found.has_gpu)
        context = {"verdict": _verdict(found, form.settings())} if form.is_valid() else {"problem": form.problem()}
    except InferenceError as exc:
        context = {"problem": problem_of(exc)}
    return render(request, "administration/_forecast.html", context)


@admin_required
@require_POST
def load_with(request: MemberRequest) -> HttpResponse:
    """Answers once the model is in memory."""
    return _settle(request, client.load_with)


@admin_required
@require_POST
def keep_settings(request: MemberRequest) -> HttpResponse:
    told = _("Every load begins with these settings now.")
    return _settle(request, client.keep_settings, told=told, event=Event.MODEL_LOADING_CHANGED)


@admin_required
@require_POST
def forget_settings(request: MemberRequest) -> HttpResponse:
    return _order(request, partial(client.keep_settings, settings=LoadSettings()), Event.MODEL_LOADING_CHANGED)


@admin_required
@require_POST
def unload(request: MemberRequest) -> HttpResponse:
    return _order(request, client.unload)


def _settle(
    request: MemberRequest,
    order: Callable[[str, LoadSettings], Awaitable[None]],
    *,
    told: str = "",
    event: Event | None = None,
) -> HttpResponse:
    """Give an order with the settings of the form, and show it again as it was filled in."""
    name, problem = named_model(request.POST), None
    try:
        found = async_to_sync(one_model)(name)
        form = LoadSettingsForm(found.contents, request.POST, has_gpu=found.has_gpu)
        if not form.is_valid():
            return _form(request, found, form)
        try:
            async_to_sync(order)(name, form.settings())
            if event:
                record(event, name)
            found = async_to_sync(one_model)(name)
        except InferenceError as exc:
            problem = problem_of(exc)
        verdict = _verdict(found, form.settings())
    except InferenceError as exc:
        return _unreachable(request, exc)
    return _form(request, found, form, verdict=verdict, problem=problem, told="" if problem else told)


def _order(request: MemberRequest, order: Callable[[str], Awaitable[None]], event: Event | None = None) -> HttpResponse:
    """Give an order and show the form as it is for a fresh page."""
    name = named_model(request.POST)
    try:
        async_to_sync(order)(name)
        if event:
            record(event, name)
        found = async_to_sync(one_model)(name)
    except InferenceError as exc:
        return _unreachable(request, exc)
    return _form(request, found, LoadSettingsForm(found.contents, has_gpu=found.has_gpu), verdict=found.verdict)


def _verdict(found: ModelPage, settings: LoadSettings) -> Verdict:
    fit = async_to_sync(client.forecast)(found.contents.name, settings)
    return verdict_on(fit, is_embedding=not found.contents.can_chat)


def _form(
    request: MemberRequest,
    found: ModelPage,
    form: LoadSettingsForm,
    *,
    verdict: Verdict | None = None,
    problem: Problem | None = None,
    told: str = "",
) -> HttpResponse:
    context = {"page": found, "model": found.contents, "form": form, "verdict": verdict, "is_answer": True}
    return render(request, "administration/_load_form.html", context | {"problem": problem, "told": told})


def _unreachable(request: MemberRequest, error: InferenceError) -> HttpResponse:
    return render(request, "administration/_load_form.html", {"problem": problem_of(error)})
