"""The panel beside a chat in which its own system prompt and options are set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.models import User
from webui.chats import access
from webui.chats.answerers import model_label
from webui.chats.chat_options import levels_in
from webui.chats.models import Chat
from webui.chats.services import chats
from webui.chats.views.announcements import announce_sidebar
from webui.chats.views.heads import chat_url
from webui.chats.views.places import Place, place_of
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
    return _options(request, place_of(request, access.chat_read(request.user, uuid)))


@require_http_methods(["GET", "POST"])
@never_cache
@member_required
def new_chat_options(request: MemberRequest) -> HttpResponse:
    """Of a chat that is not there yet: setting something begins it."""
    return _options(request, place_of(request))


def _options(request: MemberRequest, place: Place) -> HttpResponse:
    """Show what is set in a chat, or store it first. The form comes back either way: the panel stays open."""
    chat, answerer = place.chat, place.answerer
    *general, own = levels_in(chat, answerer.model, answerer.preset)
    if request.method == "POST":
        form = AnswerForm(request.POST, levels=general, auto_id="chat-%s")
    else:
        initial = {"system_prompt": own.system_prompt, **option_values(own.options)}
        form = AnswerForm(initial=initial, levels=general, auto_id="chat-%s")
    is_saved = request.method == "POST" and form.is_valid()
    has_begun = is_saved and place.is_new
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


@transaction.atomic
def _stored(user: User, chat: Chat, form: AnswerForm) -> Chat:
    if not chat.pk:
        chat = chats.begin_chat(user, chat.folder.uuid if chat.folder else None)
    system_prompt, options = form.cleaned_data["system_prompt"], form.chosen_options()
    return chats.set_chat_options(user, chat.uuid, system_prompt=system_prompt, options=options)


def _told_before(chat: Chat, general: Sequence[Level]) -> Iterator[ToldBefore]:
    for level in general:
        if level.system_prompt:
            yield ToldBefore(whose=said_by(level), text=level.system_prompt)
    if chat.folder and chat.folder.system_prompt:
        whose = _("in the folder “%(folder)s”") % {"folder": chat.folder.name}
        yield ToldBefore(whose=whose, text=chat.folder.system_prompt)
