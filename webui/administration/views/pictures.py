"""Connections to servers that make pictures: list, test, add, change, choose the default, disable, delete."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inference.errors import InferenceError
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.access import picture_connection_write
from webui.administration.picture_forms import PictureConnectionForm
from webui.administration.problems import Problem, problem_of
from webui.imagery import conf, queries, services
from webui.imagery.drawing import offer_of
from webui.imagery.models import ImageConnection
from webui.imagery.types import ImagerySpec, Kind, Offer

FORM = "administration/picture_form.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTest:
    """What trying a server gave: what it has, or a problem."""

    offer: Offer = Offer()
    problem: Problem | None = None

    @property
    def n_models(self) -> int | None:
        """None where the server lists none."""
        return len(self.offer.models) or None


@admin_required
@require_GET
def pictures(request: MemberRequest) -> HttpResponse:
    """The page itself asks nobody; each row asks for its own state, so that a dead one holds up only itself."""
    context = {
        "connections": queries.connections().prefetch_related("groups"),
        "kinds": ImageConnection.Kind.choices,
        "is_off": not conf.may_be_created(),
    }
    return render(request, "administration/pictures.html", context)


@admin_required
@require_GET
@never_cache
def state(request: MemberRequest, connection_uuid: uuid.UUID) -> HttpResponse:
    connection = picture_connection_write(request, connection_uuid)
    return render(request, "administration/_picture_state.html", {"test": _test(connection.spec())})


@admin_required
@require_http_methods(["GET", "POST"])
def add(request: MemberRequest, kind: str) -> HttpResponseBase:
    if kind not in ImageConnection.Kind.values:
        raise Http404
    return _form_page(request, cast(Kind, kind), None)


@admin_required
@require_http_methods(["GET", "POST"])
def edit(request: MemberRequest, connection_uuid: uuid.UUID) -> HttpResponseBase:
    connection = picture_connection_write(request, connection_uuid)
    return _form_page(request, connection.spec().kind, connection)


def _form_page(request: MemberRequest, kind: Kind, connection: ImageConnection | None) -> HttpResponseBase:
    """Show the form, or test what was typed and keep it when that works, or when the administrator wants it anyway."""
    context: dict[str, object] = {"connection": connection, "kind_label": ImageConnection.Kind(kind).label}
    if request.method == "GET":
        return render(request, FORM, {"form": PictureConnectionForm(kind, connection=connection), **context})
    data = request.POST.copy()
    if suggested_url := data.get("suggested_url"):
        data["base_url"] = suggested_url
    form = PictureConnectionForm(kind, data, request.FILES, connection=connection)
    context["form"] = form
    if not form.is_valid():
        return render(request, FORM, context, status=422)
    action = data.get("action", "save")
    if action != "save_anyway":
        test = _test(form.spec(_stored_key(connection, form.cleaned_data["base_url"])))
        if action == "test" or test.problem or form.has_new_workflow:
            context |= {"test": test, "is_save_refused": action == "save" and test.problem}
            return render(request, FORM, context, status=200 if action == "test" else 422)
    saved = _save(form)
    messages.success(request, _("%(connection)s is saved.") % {"connection": saved})
    return redirect("administration:pictures")


def _stored_key(connection: ImageConnection | None, url: str) -> str:
    if connection is None or not services.keeps_key(connection, url):
        return ""
    return connection.spec().key


def _test(spec: ImagerySpec) -> PictureTest:
    try:
        return PictureTest(offer=async_to_sync(offer_of)(spec))
    except InferenceError as exc:
        return PictureTest(problem=problem_of(exc, kind=spec.kind))


def _save(form: PictureConnectionForm) -> ImageConnection:
    groups = form.cleaned_data["groups"] if form.cleaned_data["audience"] == "groups" else ()
    if form.connection is None:
        return services.create_connection(kind=form.kind, key=form.new_key or "", groups=groups, **form.values())
    return services.update_connection(form.connection, key=form.new_key, groups=groups, **form.values())


def _changing(change: Callable[[ImageConnection], None]) -> Callable[..., HttpResponseBase]:
    """Make a view that does something to one connection."""

    @admin_required
    @require_POST
    def view(request: MemberRequest, connection_uuid: uuid.UUID) -> HttpResponseBase:
        change(picture_connection_write(request, connection_uuid))
        return redirect("administration:pictures")

    return view


enable = _changing(lambda connection: services.enable_connection(connection, True))
disable = _changing(lambda connection: services.enable_connection(connection, False))
make_default = _changing(services.make_default)


@admin_required
@require_POST
def delete(request: MemberRequest, connection_uuid: uuid.UUID) -> HttpResponseBase:
    connection = picture_connection_write(request, connection_uuid)
    services.delete_connection(connection)
    messages.success(request, _("%(connection)s is deleted.") % {"connection": connection})
    return redirect("administration:pictures")
