"""Models: what every connection offers, what is in memory, and the three ways to get one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath

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
from inference.types import FoundStore, LoadedModel, ModelInfo, ModelList
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.access import download_write
from webui.administration.connection_forms import AttachForm, ModelForm, PullForm
from webui.administration.downloads import DOWNLOADS, TooManyDownloads
from webui.administration.problems import Problem, problem_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    model: ModelInfo
    loaded: LoadedModel | None

    @property
    def can_be_managed(self) -> bool:
        return self.model.connection_kind != "openai"

    @property
    def can_be_deleted(self) -> bool:
        return self.model.connection_kind == "builtin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionModels:
    """One connection with its models, or with the problem that keeps them away."""

    name: str
    rows: list[ModelRow]
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableRow:
    """A file that was put among the models and is refused."""

    name: str
    path: str
    problem: str


@admin_required
@require_GET
def models(request: MemberRequest) -> HttpResponse:
    """The page asks nobody itself; its parts come when their servers have answered."""
    return _page(request)


@admin_required
@require_GET
@never_cache
def model_list(request: MemberRequest) -> HttpResponse:
    return _list(request)


@admin_required
@require_POST
def load_model(request: MemberRequest) -> HttpResponse:
    """Answers once the model is in memory, with the list as it is then."""
    return _order(request, client.load_model)


@admin_required
@require_POST
def unload_model(request: MemberRequest) -> HttpResponse:
    return _order(request, client.unload_model)


@admin_required
@require_POST
def delete_model(request: MemberRequest) -> HttpResponse:
    return _order(request, client.delete_model)


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
        return _page(request, attach_form=form)
    try:
        names = async_to_sync(client.attach_model)(form.cleaned_data["path"])
    except InferenceError as exc:
        form.add_error("path", problem_of(exc).title)
        return _page(request, attach_form=form)
    if not names:
        form.add_error("path", _("There is no usable model in it."))
        return _page(request, attach_form=form)
    told = ngettext("%(n)s model is attached: %(names)s", "%(n)s models are attached: %(names)s", len(names))
    messages.success(request, told % {"n": len(names), "names": ", ".join(names[:5])})
    # Who attached from the empty chat goes on there: the model is ready to be asked.
    return redirect("chats:new" if request.POST.get("then") == "chat" else "administration:models")


@admin_required
@require_POST
def pull(request: MemberRequest) -> HttpResponseBase:
    form = PullForm(request.POST)
    if not form.is_valid():
        return _page(request, pull_form=form)
    try:
        DOWNLOADS.start(form.cleaned_data["name"].strip())
    except TooManyDownloads:
        form.add_error("name", _("Wait until one of the running downloads has ended."))
        return _page(request, pull_form=form)
    return redirect("administration:models")


@admin_required
@require_GET
@never_cache
def downloads(request: MemberRequest) -> HttpResponse:
    return _downloads(request)


@admin_required
@require_POST
def cancel_download(request: MemberRequest, download_uuid: uuid.UUID) -> HttpResponse:
    download_write(request, download_uuid).cancel()
    return _downloads(request)


@admin_required
@require_POST
def remove_download(request: MemberRequest, download_uuid: uuid.UUID) -> HttpResponse:
    DOWNLOADS.remove(download_write(request, download_uuid))
    return _downloads(request)


def _page(
    request: MemberRequest, *, attach_form: AttachForm | None = None, pull_form: PullForm | None = None
) -> HttpResponse:
    context = {
        "attach_form": attach_form or AttachForm(),
        "pull_form": pull_form or PullForm(),
        **_download_context(),
    }
    status = 422 if attach_form or pull_form else 200
    return render(request, "administration/models.html", context, status=status)


def _downloads(request: MemberRequest) -> HttpResponse:
    context = _download_context()
    response = render(request, "administration/_downloads.html", context)
    # The page says how many it has seen finish; another one has lengthened its list of models.
    if request.GET.get("finished", str(context["n_finished"])) != str(context["n_finished"]):
        response.headers["HX-Trigger"] = "models-changed"
    return response


def _download_context() -> dict[str, object]:
    rows = [
        {"download": download, "problem": problem_of(download.error) if download.error else None}
        for download in DOWNLOADS
    ]
    n_finished = sum(download.state == "finished" for download in DOWNLOADS)
    return {"downloads": rows, "n_finished": n_finished, "is_any_running": any(d.is_running for d in DOWNLOADS)}


def _order(request: MemberRequest, order: Callable[[str], Awaitable[None]]) -> HttpResponse:
    form = ModelForm(request.POST)
    if not form.is_valid():
        return _list(request, problem=Problem(title=_("No model was named.")))
    try:
        async_to_sync(order)(form.cleaned_data["model"])
    except InferenceError as exc:
        return _list(request, problem=problem_of(exc))
    return _list(request)


def _list(request: MemberRequest, *, problem: Problem | None = None) -> HttpResponse:
    connections, unusable = async_to_sync(_listing)()
    context = {"connections": connections, "unusable": unusable, "problem": problem}
    return render(request, "administration/_model_list.html", context)


async def _listing() -> tuple[list[ConnectionModels], list[UnusableRow]]:
    found, loaded, unusable = await asyncio.gather(
        client.list_models(), client.loaded_models(), client.unusable_files()
    )
    rows = [UnusableRow(name=PurePath(file.path).name, path=file.path, problem=file.problem) for file in unusable]
    return _connections(found, loaded), rows


def _connections(found: ModelList, loaded: Sequence[LoadedModel]) -> list[ConnectionModels]:
    held = {model.name: model for model in loaded}
    groups = [
        ConnectionModels(name=name, rows=[ModelRow(model=model, loaded=held.get(model.id)) for model in models])
        for name, models in groupby(found.models, key=lambda model: model.connection)
    ]
    dead = [
        ConnectionModels(
            name=problem.connection,
            rows=[],
            problem=problem_of(problem.error, kind="openai" if problem.connection_kind == "openai" else "ollama"),
        )
        for problem in found.problems
    ]
    return groups + dead
