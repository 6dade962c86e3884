"""Presets as files, which this site and Open WebUI write and read alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.permissions import Permission
from webui.presets import queries
from webui.presets.errors import ImportRefused
from webui.presets.forms import PresetFileForm, PresetsFileForm, PromptsFileForm
from webui.presets.import_contexts import ImportPage, ImportRow, preset_rows, prompt_rows
from webui.presets.models import PromptPreset
from webui.presets.preset_transfer import exported as exported_presets
from webui.presets.preset_transfer import import_presets
from webui.presets.prompt_transfer import exported as exported_prompts
from webui.presets.prompt_transfer import import_prompts


@require_GET
@member_required
def export_prompts(request: MemberRequest) -> HttpResponse:
    """Hand out the prompts of one's own as a file that this site and Open WebUI can import."""
    own = queries.own(PromptPreset, request.user).order_by("command")
    return _file(exported_prompts(own), "prompts.json")


@require_GET
@member_required
def export_presets(request: MemberRequest) -> HttpResponse:
    """Hand out the model presets of one's own as a file that this site and Open WebUI can import."""
    return _file([*exported_presets(request.user)], "presets.json")


def _file(items: Sequence[Any], name: str) -> HttpResponse:
    response = JsonResponse(items, safe=False, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_http_methods(["GET", "POST"])
@member_required
@needs(Permission.CREATE_PRESETS)
def import_prompt_file(request: MemberRequest) -> HttpResponse:
    form = _form(request, PromptsFileForm)
    return _imported(request, form, "prompts/import.html", lambda data: prompt_rows(import_prompts(request.user, data)))


@require_http_methods(["GET", "POST"])
@member_required
@needs(Permission.CREATE_PRESETS)
def import_preset_file(request: MemberRequest) -> HttpResponse:
    form = _form(request, PresetsFileForm)
    return _imported(request, form, "presets/import.html", lambda data: preset_rows(import_presets(request.user, data)))


def _form(request: MemberRequest, kind: type[PresetFileForm]) -> PresetFileForm:
    return kind(request.POST, request.FILES) if request.method == "POST" else kind()


def _imported(
    request: MemberRequest, form: PresetFileForm, template: str, take: Callable[[bytes], list[ImportRow]]
) -> HttpResponse:
    report = None
    if form.is_valid():
        try:
            report = take(form.cleaned_data["file"].read())
        except ImportRefused as exc:
            form.add_error("file", str(form.refusals[exc.problem]))
    context = {"page": ImportPage(report=report), "form": form}
    return render(request, template, context, status=422 if form.errors else 200)
