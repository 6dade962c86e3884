"""Connections to model servers: list, test, add, change, disable, delete."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inference import client, queries, services
from inference.errors import InferenceError
from inference.models import Connection
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.access import connection_write
from webui.administration.connection_forms import ConnectionForm
from webui.administration.problems import Problem, problem_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTest:
    """What trying an address gave: a number of models, or a problem."""

    n_models: int = 0
    problem: Problem | None = None


@admin_required
@require_GET
def connections(request: MemberRequest) -> HttpResponse:
    """The page itself asks nobody; each row asks for its own state, so that a dead one holds up only itself."""
    context = {"fixed": queries.fixed_connections(), "connections": queries.connections()}
    return render(request, "administration/connections.html", context)


@admin_required
@require_GET
@never_cache
def connection_state(request: MemberRequest, prefix: str) -> HttpResponse:
    kinds = {spec.prefix: spec.kind for spec in queries.enabled_connections()}
    try:
        models = async_to_sync(client.models_of_connection)(prefix)
    except InferenceError as exc:
        kind = kinds.get(prefix, "ollama")
        test = ConnectionTest(problem=problem_of(exc, kind="openai" if kind == "openai" else "ollama"))
    else:
        test = ConnectionTest(n_models=len(models))
    return render(request, "administration/_connection_state.html", {"test": test})


@admin_required
@require_http_methods(["GET", "POST"])
def add_connection(request: MemberRequest) -> HttpResponseBase:
    if request.method == "GET":
        return render(request, "administration/connection_form.html", {"form": ConnectionForm()})
    return _take(request, connection=None)


@admin_required
@require_http_methods(["GET", "POST"])
def edit_connection(request: MemberRequest, connection_uuid: uuid.UUID) -> HttpResponseBase:
    connection = connection_write(request, connection_uuid)
    if request.method == "GET":
        context = {"form": ConnectionForm(connection=connection), "connection": connection}
        return render(request, "administration/connection_form.html", context)
    return _take(request, connection=connection)


@admin_required
@require_POST
def enable_connection(request: MemberRequest, connection_uuid: uuid.UUID) -> HttpResponseBase:
    return _switch(connection_write(request, connection_uuid), True)


@admin_required
@require_POST
def disable_connection(request: MemberRequest, connection_uuid: uuid.UUID) -> HttpResponseBase:
    return _switch(connection_write(request, connection_uuid), False)


@transaction.atomic
def _switch(connection: Connection, is_enabled: bool) -> HttpResponseBase:
    services.enable_connection(connection, is_enabled)
    record(Event.CONNECTION_ENABLED if is_enabled else Event.CONNECTION_DISABLED, connection)
    return redirect("administration:connections")


@admin_required
@require_POST
def delete_connection(request: MemberRequest, connection_uuid: uuid.UUID) -> HttpResponseBase:
    connection = connection_write(request, connection_uuid)
    with transaction.atomic():
        record(Event.CONNECTION_DELETED, connection)
        services.delete_connection(connection)
    messages.success(request, _("%(connection)s is deleted.") % {"connection": connection})
    return redirect("administration:connections")


def _take(request: MemberRequest, *, connection: Connection | None) -> HttpResponseBase:
    """Test what was typed; keep it when that works, or when the administrator wants it anyway."""
    data = request.POST.copy()
    if suggested_url := data.get("suggested_url"):
        data["base_url"] = suggested_url
    form = ConnectionForm(data, connection=connection)
    context: dict[str, object] = {"form": form, "connection": connection}
    if not form.is_valid():
        return render(request, "administration/connection_form.html", context, status=422)

    action = data.get("action", "save")
    if action != "save_anyway":
        test = _test(form)
        if action == "test" or test.problem:
            status = 200 if action == "test" else 422
            context |= {"test": test, "is_save_refused": action == "save"}
            return render(request, "administration/connection_form.html", context, status=status)
    saved = _save(form)
    messages.success(request, _("%(connection)s is saved.") % {"connection": saved})
    return redirect("administration:connections")


def _test(form: ConnectionForm) -> ConnectionTest:
    kind, url = form.cleaned_data["kind"], form.cleaned_data["base_url"]
    key = form.new_key
    if key is None and form.connection and services.keeps_key(form.connection, url):
        key = form.connection.spec().key
    try:
        models = async_to_sync(client.check_connection)(kind, url, key)
    except InferenceError as exc:
        return ConnectionTest(problem=problem_of(exc, kind=kind))
    return ConnectionTest(n_models=len(models))


@transaction.atomic
def _save(form: ConnectionForm) -> Connection:
    values = {name: form.cleaned_data[name] for name in ("name", "kind", "base_url")}
    if form.connection is None:
        connection = services.create_connection(**values, key=form.new_key or "")
        record(Event.CONNECTION_CREATED, connection, detail=connection.base_url)
        return connection
    connection = services.update_connection(form.connection, **values, key=form.new_key)
    record(Event.CONNECTION_CHANGED, connection, detail=connection.base_url)
    return connection
