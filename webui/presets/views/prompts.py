"""Prompt presets: the list, one of them, making, changing and copying it, and what the composer asks for."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.permissions import Permission
from webui.presets import access, prompts, queries
from webui.presets.errors import CommandTaken, TooManyPresets
from webui.presets.forms import PromptForm
from webui.presets.kinds import PROMPTS
from webui.presets.models import PromptGrant, PromptPreset
from webui.presets.prompt_contexts import (
    PromptFormPage,
    PromptListPage,
    PromptPage,
    asked_fields,
    insertion,
    prompt_row,
)
from webui.presets.prompts import PromptContent
from webui.presets.variables import parse
from webui.presets.views.deleting import just_deleted
from webui.ui.keyset import BadCursor, newest_first

ROWS_A_PAGE = 50
OFFERED = 50


# ---- reading ---------------------------------------------------------------------------------------


@require_GET
@member_required
def prompt_list(request: MemberRequest) -> HttpResponse:
    before = request.GET.get("before", "")
    usable = queries.usable(PromptPreset, request.user).select_related("owner")
    try:
        page = newest_first(usable, field="updated_at", before=before, limit=ROWS_A_PAGE)
    except BadCursor as exc:
        raise Http404 from exc
    shared = set(PromptGrant.objects.filter(preset__in=page.rows).values_list("preset_id", flat=True))
    context = PromptListPage(
        rows=[prompt_row(row, request.user.pk, is_shared=row.pk in shared) for row in page.rows],
        next_cursor=page.next_cursor,
        before=before,
        has_own=any(row.owner_id == request.user.pk for row in page.rows),
        deleted=just_deleted(request, PROMPTS),
    )
    return render(request, "prompts/list.html", {"page": context})


@require_GET
@member_required
def prompt(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = access.prompt_read(request.user, uuid)
    is_own = shown.owner_id == request.user.pk
    context = PromptPage(
        prompt=prompt_row(shown, request.user.pk, is_shared=is_own and shown.grants.exists()),
        content=shown.content,
        fields=asked_fields(parse(shown.content)),
        n_versions=shown.versions.count() if is_own else 0,
    )
    return render(request, "prompts/prompt.html", {"page": context})


# ---- for the composer --------------------------------------------------------------------------------


@require_GET
@member_required
def search(request: MemberRequest) -> JsonResponse:
    """Complete `/` in the composer: prompts by command and name, those used last first."""
    found = queries.offered_prompts(request.user, request.GET.get("q", "")[:100])
    rows = [{"uuid": str(row.uuid), "command": row.command, "name": row.name} for row in found[:OFFERED]]
    return JsonResponse({"prompts": rows})


@require_POST
@member_required
def insert(request: MemberRequest, uuid: UUID) -> JsonResponse:
    """Take a prompt apart for whoever inserts it."""
    return JsonResponse(insertion(prompts.insert_prompt(access.prompt_read(request.user, uuid), request.user)))


# ---- making and changing -----------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@member_required
@needs(Permission.CREATE_PRESETS)
def create(request: MemberRequest) -> HttpResponse:
    form = PromptForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        content = _content(form)
        if not form.cleaned_data["command"]:
            command = prompts.free_command(content.command, prompts.commands_of(request.user))
            content = PromptContent(name=content.name, command=command, content=content.content)
        try:
            return redirect("prompts:preset", prompts.create_prompt(request.user, content).uuid)
        except TooManyPresets as exc:
            form.add_error(None, _too_many(exc))
        except CommandTaken:
            _say_taken(form)
    return _form(request, None, form)


@require_http_methods(["GET", "POST"])
@member_required
def change(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = access.own_write(PromptPreset, request.user, uuid)
    if request.method == "GET":
        initial = {"name": shown.name, "command": shown.command, "content": shown.content}
        return _form(request, shown, PromptForm(initial=initial))
    form = PromptForm(request.POST)
    if form.is_valid():
        try:
            prompts.change_prompt(shown, _content(form), request.user)
        except CommandTaken:
            _say_taken(form)
        else:
            messages.success(request, _("Saved."))
            return redirect("prompts:preset", shown.uuid)
    return _form(request, shown, form)


def _content(form: PromptForm) -> PromptContent:
    data = form.cleaned_data
    command = data["command"] or prompts.command_for(data["name"])
    return PromptContent(name=data["name"], command=command, content=data["content"])


def _say_taken(form: PromptForm) -> None:
    form.add_error("command", _("Another prompt of yours has this command."))


def _form(request: MemberRequest, shown: PromptPreset | None, form: PromptForm) -> HttpResponse:
    context = {"page": PromptFormPage(prompt=shown), "form": form}
    return render(request, "prompts/form.html", context, status=422 if form.errors else 200)


@require_POST
@member_required
@needs(Permission.CREATE_PRESETS)
def copy(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = access.prompt_read(request.user, uuid)
    try:
        made = prompts.copy_prompt(shown, request.user, _("Copy of %(name)s") % {"name": shown.name})
    except TooManyPresets as exc:
        messages.error(request, _too_many(exc))
        return redirect("prompts:preset", shown.uuid)
    return redirect("prompts:change", made.uuid)


def _too_many(exc: TooManyPresets) -> str:
    return _("You have %(n)d prompts already; delete one that you do not need.") % {"n": exc.limit}
