"""The panel beside a chat in which its own system prompt and options are set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.models import User
from webui.chats import access
from webui.chats.answerers import Answerer, answerer_of, model_label
from webui.chats.chat_options import levels_in
from webui.chats.errors import PresetGone
from webui.chats.forms import PlaceForm
from webui.chats.models import Chat
from webui.chats.services import chats
from webui.chats.views.announcements import announce_sidebar
from webui.chats.views.fragments import chat_url
from webui.presets.forms import AnswerForm, option_values
from webui.presets.levels import Level
from webui.presets.wording import said_by


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldBefore:
    """A system prompt that is told before the chat's own. `whose` is where it was said, in words."""

    whose: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptionsPanel:
    """What is set in a chat, and what it inherits.

    Attributes:
        url: Where the form is sent.
        answerer: Id of the model or the preset that answers; `answerer_name` is that in words.
        folder: Uuid of the folder that a new chat is begun in; empty without one, and for a chat that is there.
    """

    form: AnswerForm
    url: str
    answerer: str
    answerer_name: str
    told_before: Sequence[ToldBefore]
    folder: str
    is_saved: bool


@require_http_methods(["GET", "POST"])
@never_cache
@member_required
def chat_options(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _options(request, access.chat_read(request.user, uuid))


@require_http_methods(["GET", "POST"])
@never_cache
@member_required
def new_chat_options(request: MemberRequest) -> HttpResponse:
    """Of a chat that is not there yet: setting something begins it."""
    place = place_of(request)
    folder = access.folder_read(request.user, place["folder"]) if place["folder"] else None
    return _options(request, Chat(owner=request.user, folder=folder))


def _options(request: MemberRequest, chat: Chat) -> HttpResponse:
    """Show what is set in a chat, or store it first. The form comes back either way: the panel stays open."""
    answerer = answerer_in(request.user, place_of(request)["model"] or chat.model)
    *general, own = levels_in(chat, answerer.model, answerer.preset)
    if request.method == "POST":
        form = AnswerForm(request.POST, levels=general, auto_id="chat-%s")
    else:
        initial = {"system_prompt": own.system_prompt, **option_values(own.options)}
        form = AnswerForm(initial=initial, levels=general, auto_id="chat-%s")
    is_saved = request.method == "POST" and form.is_valid()
    has_begun = is_saved and chat.pk is None
    if is_saved:
        chat = _stored(request.user, chat, form)
    panel = ChatOptionsPanel(
        form=form,
        url=reverse("chats:options", args=[chat.uuid]) if chat.pk else reverse("chats:new_options"),
        answerer=answerer.id,
        answerer_name=answerer.preset_name or model_label(answerer.model),
        told_before=[*_told_before(chat, general)],
        folder=str(chat.folder.uuid) if chat.folder and not chat.pk else "",
        is_saved=is_saved,
    )
    response = render(request, "chats/_options.html", {"panel": panel})
    if has_begun:
        announce_sidebar(request.user)
        begun = {"chat": str(chat.uuid), "url": chat_url(chat)}
        response.headers["HX-Trigger"] = json.dumps({"chat-begun": begun})
    return response


def _stored(user: User, chat: Chat, form: AnswerForm) -> Chat:
    system_prompt, options = form.cleaned_data["system_prompt"], form.chosen_options()
    if chat.pk:
        return chats.set_chat_options(user, chat.uuid, system_prompt=system_prompt, options=options)
    folder = chat.folder.uuid if chat.folder else None
    return chats.begin_chat(user, folder, system_prompt=system_prompt, options=options)


def _told_before(chat: Chat, general: Sequence[Level]) -> Iterator[ToldBefore]:
    for level in general:
        if level.system_prompt:
            yield ToldBefore(whose=said_by(level), text=level.system_prompt)
    if chat.folder and chat.folder.system_prompt:
        whose = _("in the folder “%(folder)s”") % {"folder": chat.folder.name}
        yield ToldBefore(whose=whose, text=chat.folder.system_prompt)


def place_of(request: MemberRequest) -> dict[str, str]:
    """Return where a page is: `chat`, `folder` and `model`, each empty where it names none. Raises Http404."""
    form = PlaceForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        raise Http404
    return {name: str(value or "") for name, value in form.cleaned_data.items()}


def answerer_in(user: User, chosen: str) -> Answerer:
    """Return who is to answer; nobody for a preset that is gone."""
    try:
        return answerer_of(user, chosen)
    except PresetGone:
        return Answerer(id="", model="")
