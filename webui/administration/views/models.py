"""Models: what every connection offers, what is in memory, and the ways to get one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from inference import client
from inference.errors import InferenceError
from inference.types import FoundStore
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.connection_forms import AttachForm, LoadForm, ModelForm, PullForm
from webui.administration.model_rows import model_page, runner_rows
from webui.administration.problems import Problem, problem_of
from webui.administration.views.downloads import download_context


@admin_required
@require_GET
def models(request: MemberRequest) -> HttpResponse:
    """The page asks nobody itself; its parts come when their servers have answered."""
    context = {"attach_form": AttachForm(), "pull_form": PullForm(), **download_context()}
    return render(request, "administration/models.html", context)


@admin_required
@require_GET
@never_cache
def model_list(request: MemberRequest) -> HttpResponse:
    return _list(request)


@admin_required
@require_GET
@never_cache
def memory(request: MemberRequest) -> HttpResponse:
    """The models in memory, asked for again and again; tells the page when its list is out of date."""
    rows = async_to_sync(runner_rows)()
    seen = ",".join(f"{row.runner.name}={row.runner.state}" for row in rows)
    response = render(request, "administration/_memory.html", {"rows": rows, "seen": seen})
    if request.GET.get("seen", seen) != seen:
        response.headers["HX-Trigger"] = "models-changed"
    return response


@admin_required
@require_POST
def load_model(request: MemberRequest) -> HttpResponse:
    """Answers once the model is in memory, with the list as it is then."""
    form = LoadForm(request.POST)
    if not form.is_valid():
        return _list(request, problem=Problem(title=_("No model was named.")))
    context, slots = form.cleaned_data["context"], form.cleaned_data["slots"]
    return _order(request, partial(client.load_model, num_ctx=context, num_parallel=slots))


@admin_required
@require_POST
def unload_model(request: MemberRequest) -> HttpResponse:
    return _order(request, client.unload_model)


@admin_required
@require_POST
def unload_runner(request: MemberRequest) -> HttpResponse:
    """Take a model out of the built-in server's memory, by its own name there: another connection may have it too."""
    return _order(request, client.unload)


@admin_required
@require_POST
def delete_model(request: MemberRequest) -> HttpResponse:
    return _order(request, client.delete_model, Event.MODEL_DELETED)


@admin_required
@require_GET
@never_cache
def found_stores(request: MemberRequest) -> HttpResponse:
    """Places where other programs keep models; nothing at all when the server cannot be asked."""
    try:
        stores: tuple[FoundStore, ...] = async_to_sync(client.found_stores)()
    except InferenceError:
        stores = ()
    context = {"stores": stores, "is_in_chat": request.GET.get("then") == "chat"}
    return render(request, "administration/_found_stores.html", context)


@admin_required
@require_POST
def attach(request: MemberRequest) -> HttpResponseBase:
    form = AttachForm(request.POST)
    if not form.is_valid():
        return _attach_form(request, form)
    try:
        names = async_to_sync(client.attach_model)(form.cleaned_data["path"])
    except InferenceError as exc:
        form.add_error("path", problem_of(exc).title)
        return _attach_form(request, form)
    if not names:
        form.add_error("path", _("There is no usable model in it."))
        return _attach_form(request, form)
    record(Event.MODEL_ATTACHED, ", ".join(names), detail=form.cleaned_data["path"])
    told = ngettext("%(n)s model is attached: %(names)s", "%(n)s models are attached: %(names)s", len(names))
    messages.success(request, told % {"n": len(names), "names": ", ".join(names[:5])})
    # Who attached from the empty chat goes on there: the model is ready to be asked.
    return redirect("chats:new" if request.POST.get("then") == "chat" else "administration:models")


def _attach_form(request: MemberRequest, form: AttachForm) -> HttpResponse:
    context = {"attach_form": form, "pull_form": PullForm(), **download_context()}
    return render(request, "administration/models.html", context, status=422)


def _order(request: MemberRequest, order: Callable[[str], Awaitable[None]], event: Event | None = None) -> HttpResponse:
    form = ModelForm(request.POST)
    if not form.is_valid():
        return _list(request, problem=Problem(title=_("No model was named.")))
    try:
        async_to_sync(order)(form.cleaned_data["model"])
    except InferenceError as exc:
        return _list(request, problem=problem_of(exc))
    if event:
        record(event, form.cleaned_data["model"])
    return _list(request)


def _list(request: MemberRequest, *, problem: Problem | None = None) -> HttpResponse:
    page = async_to_sync(model_page)()
    return render(request, "administration/_model_list.html", {"page": page, "problem": problem})
