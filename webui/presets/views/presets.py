"""Presets: the list, one of them, making, changing, copying and deleting it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import cast
from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inference import client
from inference.errors import InferenceError
from inference.types import ChatMessage, ChatRequest, Role
from rag import api as rag
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.model_access import is_hidden, models_for
from webui.accounts.models import User
from webui.accounts.permissions import Permission
from webui.presets import access, queries, services
from webui.presets.contexts import (
    PresetFormPage,
    PresetListPage,
    PresetPage,
    Source,
    option_rows,
    picture_url,
    preset_row,
    source_of,
    sources,
)
from webui.presets.coverage import unread_by_some
from webui.presets.errors import TooManyPresets
from webui.presets.forms import PresetForm, option_values
from webui.presets.kinds import MODELS
from webui.presets.levels import levels_of, sampling_at, told
from webui.presets.modelfile_forms import WANTED, Editor, said_by_preset, sent_editor
from webui.presets.modelfiles import examples_of, modelfile_of, rest_as_json
from webui.presets.models import ModelPreset, PresetGrant
from webui.presets.services import Content
from webui.presets.views.deleting import just_deleted
from webui.ui.keyset import BadCursor, newest_first

ROWS_A_PAGE = 50


def chat_models(user: User) -> list[str]:
    """Return the ids of the models that a person can ask now."""
    return [model.id for model in models_for(user).models if model.can_chat]


# ---- reading ---------------------------------------------------------------------------------------


@require_GET
@member_required
def preset_list(request: MemberRequest) -> HttpResponse:
    before = request.GET.get("before", "")
    models = chat_models(request.user)
    usable = queries.listed_presets(request.user, models).select_related("owner")
    try:
        page = newest_first(usable, field="updated_at", before=before, limit=ROWS_A_PAGE)
    except BadCursor as exc:
        raise Http404 from exc
    shared = set(PresetGrant.objects.filter(preset__in=page.rows).values_list("preset_id", flat=True))
    context = PresetListPage(
        rows=[preset_row(row, request.user.pk, models, is_shared=row.pk in shared) for row in page.rows],
        next_cursor=page.next_cursor,
        before=before,
        deleted=just_deleted(request, MODELS),
    )
    return render(request, "presets/list.html", {"page": context})


@require_GET
@member_required
def preset(request: MemberRequest, uuid: UUID) -> HttpResponse:
    models = chat_models(request.user)
    shown = _answerable(request, uuid, models)
    is_own = shown.owner_id == request.user.pk
    documents = queries.readable_documents(shown, request.user)
    knowledge = queries.readable_knowledge(shown, request.user)
    grants = list(shown.grants.select_related("user")) if is_own else []
    context = PresetPage(
        preset=preset_row(shown, request.user.pk, models, is_shared=bool(grants)),
        system_prompt=shown.system_prompt,
        options=option_rows(shown.options),
        suggestions=shown.suggestions,
        sources=sources(documents, knowledge),
        unread=[source_of(row) for row in unread_by_some(grants, documents, knowledge)],
        body=_request_body(request.user, shown),
        n_versions=shown.versions.count() if is_own else 0,
    )
    return render(request, "presets/preset.html", {"page": context})


@require_GET
@member_required
def picture(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Show what stands for a preset: a PNG that was drawn here."""
    shown = access.preset_read(request.user, uuid)
    etag = f'"{shown.picture}"'
    is_known = request.headers.get("If-None-Match") == etag
    content = b"" if is_known else services.picture_of(shown)
    if not (is_known or content):
        raise Http404
    response = HttpResponse(content, status=304 if is_known else 200, content_type="image/png")
    # Who may use the preset does change, so browsers ask before they show it.
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


@require_GET
@member_required
def modelfile(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """A preset as a file that models are made of; its model has the name that its own server knows."""
    shown = _answerable(request, uuid, chat_models(request.user))
    said = said_by_preset(services.content_of(shown, request.user).as_json())
    offered = models_for(request.user).models
    name = next((model.name for model in offered if model.id == said.base_model), said.base_model)
    text = modelfile_of(replace(said, base_model=name))
    headers = {"Content-Disposition": 'attachment; filename="Modelfile"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


def _answerable(request: MemberRequest, uuid: UUID, models: Sequence[str]) -> ModelPreset:
    """Return a preset of the person's own, or a shared one that can be asked now, or raise Http404."""
    shown = access.preset_read(request.user, uuid)
    if shown.owner_id != request.user.pk and shown.base_model not in models:
        raise Http404
    return shown


def _request_body(user: User, preset: ModelPreset) -> str:
    """Return what the model of a preset is sent with a question, as it goes over the wire; empty without the model."""
    if is_hidden(user, preset.base_model):
        return ""
    levels = levels_of(user, preset.base_model, preset)
    sampling = sampling_at(levels)
    examples = examples_of(preset.modelfile_rest)
    words = "\n\n".join([*told(levels), *(text for role, text in examples if role == "system")])
    system = [ChatMessage(role="system", content=words)] if words else []
    said = [ChatMessage(role=cast(Role, role), content=text) for role, text in examples if role != "system"]
    request = ChatRequest(
        model=preset.base_model,
        messages=[*system, *said, ChatMessage(role="user", content="…")],
        options=sampling.options,
        think=sampling.think,
        keep_alive_s=sampling.keep_alive_s,
        format=sampling.format,
    )
    try:
        body = async_to_sync(client.chat_body)(request)
    except InferenceError:
        return ""
    return json.dumps(body, indent=2, ensure_ascii=False)


# ---- making and changing -----------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@member_required
@needs(Permission.CREATE_PRESETS)
def create(request: MemberRequest) -> HttpResponse:
    models = chat_models(request.user)
    editor = Editor(form=PresetForm(models=models))
    if request.method == "POST":
        editor = sent_editor(request.POST, request.FILES, models=models)
        form = editor.form
        if WANTED not in request.POST and editor.is_right and (content := _content(request, form)):
            try:
                made = services.create_preset(request.user, content, form.cleaned_data["picture"])
            except TooManyPresets as exc:
                form.add_error(None, _too_many(exc))
            else:
                return redirect("presets:preset", made.uuid)
    return _form(request, None, editor, models)


@require_http_methods(["GET", "POST"])
@member_required
def change(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = access.preset_write(request.user, uuid)
    models = chat_models(request.user)
    choices = list(dict.fromkeys([*models, shown.base_model]))
    if request.method == "POST":
        editor = sent_editor(request.POST, request.FILES, models=choices, system_prompt=shown.system_prompt)
        form = editor.form
        if WANTED not in request.POST and editor.is_right and (content := _content(request, form, shown.picture)):
            services.change_preset(shown, content, request.user, form.cleaned_data["picture"])
            messages.success(request, _("Saved."))
            return redirect("presets:preset", shown.uuid)
    else:
        editor = Editor(form=PresetForm(initial=_initial(shown, request), models=choices))
    return _form(request, shown, editor, models)


def _initial(shown: ModelPreset, request: MemberRequest) -> dict[str, object]:
    content = services.content_of(shown, request.user).as_json()
    # A field for files shows none.
    return {name: value for name, value in content.items() if name != "picture"} | option_values(shown.options)


def _content(request: MemberRequest, form: PresetForm, picture: str = "") -> Content | None:
    """Return what a form that is filled in rightly says; None, with the error in the form, when a source is gone.

    Args:
        picture: The one that the preset has, which stays unless the form says otherwise.
    """
    data = form.cleaned_data
    documents = list(rag.readable_documents(request.user).filter(uuid__in=data["documents"]))
    knowledge = list(rag.readable_knowledge(request.user).filter(uuid__in=data["knowledge"]))
    if len(documents) < len(data["documents"]) or len(knowledge) < len(data["knowledge"]):
        form.add_error(None, _("Something that was chosen is not here any more; it was taken off the list."))
        return None
    return Content(
        name=data["name"],
        base_model=data["base_model"],
        description=data["description"],
        symbol=data["symbol"],
        picture="" if data["removes_picture"] else picture,
        system_prompt=data["system_prompt"],
        options=form.chosen_options(),
        suggestions=data["suggestions"],
        modelfile_rest=rest_as_json(data["modelfile_rest"]),
        documents=documents,
        knowledge=knowledge,
    )


def _form(request: MemberRequest, shown: ModelPreset | None, editor: Editor, models: Sequence[str]) -> HttpResponse:
    """Show the editor. To turn to its other side is no mistake, whatever is still missing."""
    form = editor.form
    is_wrong = WANTED not in request.POST and bool(form.errors or editor.problems)
    context = PresetFormPage(
        preset=shown,
        picture_url=picture_url(shown) if shown else "",
        sources=_chosen(request, form),
        has_models=bool(models),
        editor=editor,
    )
    return render(request, "presets/form.html", {"page": context, "form": form}, status=422 if is_wrong else 200)


def _chosen(request: MemberRequest, form: PresetForm) -> list[Source]:
    """Return the documents and the knowledge in a form, those alone that the person may read."""
    wanted = {name: _uuids(form[name].value()) for name in ("documents", "knowledge")}
    documents = rag.readable_documents(request.user).filter(uuid__in=wanted["documents"]).order_by("name")
    knowledge = rag.readable_knowledge(request.user).filter(uuid__in=wanted["knowledge"]).order_by("name")
    return sources(list(documents), list(knowledge))


def _uuids(values: Sequence[str] | None) -> list[UUID]:
    found = []
    for value in values or ():
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found


@require_POST
@member_required
@needs(Permission.CREATE_PRESETS)
def copy(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = _answerable(request, uuid, chat_models(request.user))
    try:
        made = services.copy_preset(shown, request.user, _("Copy of %(name)s") % {"name": shown.name})
    except TooManyPresets as exc:
        messages.error(request, _too_many(exc))
        return redirect("presets:preset", shown.uuid)
    return redirect("presets:change", made.uuid)


def _too_many(exc: TooManyPresets) -> str:
    return _("You have %(n)d presets already; delete one that you do not need.") % {"n": exc.limit}
