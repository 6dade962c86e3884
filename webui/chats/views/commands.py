"""Words of a terminal chat that were typed where messages are written, and what comes of them."""

from __future__ import annotations

from typing import Literal, TypedDict
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.model_access import models_for
from webui.accounts.models import User
from webui.chats.errors import ChatError, PicturesUnavailable, WordRefused
from webui.chats.repl import (
    ClearContext,
    Command,
    Draw,
    Help,
    Leave,
    ListModels,
    Load,
    Save,
    SetOption,
    SetSystem,
    Show,
    parse,
)
from webui.chats.services import chats, contexts, keeping, saving
from webui.chats.services.keeping import Deed, Step
from webui.chats.views import notes
from webui.chats.views.announcements import announce_branch, announce_chats, announce_sidebar
from webui.chats.views.contexts import ModelChoice, PresetChoice
from webui.chats.views.fragments import render_message
from webui.chats.views.heads import chat_url
from webui.chats.views.model_choices import model_choices, preset_choices
from webui.chats.views.notes import Note
from webui.chats.views.places import Place, place_of
from webui.chats.wording import refusal_text
from webui.imagery.queries import usable_connections


class Outcome(TypedDict, total=False):
    """What the page is to do.

    Attributes:
        is_message: The text is none of the words: send it to the model.
        refusal: A sentence; the text goes back into its field.
        go: Where to go.
        note: HTML of an aside, to stand at the end of the chat.
        message, html: A message that looks different now.
        chat, url: The chat that was begun with it.
        draw: Make a picture of this; without words, let them be written.
    """

    is_message: Literal[True]
    refusal: str
    go: str
    note: str
    message: str
    html: str
    chat: str
    url: str
    draw: str


@require_POST
@member_required
def command(request: MemberRequest) -> JsonResponse:
    """Do what a word asks for."""
    place = place_of(request)
    try:
        wanted = parse(request.POST.get("command", ""))
        outcome = _carry_out(request.user, wanted, place) if wanted else Outcome(is_message=True)
    except WordRefused as refused:
        hint = _("To send it to the model as it is, begin with a space.")
        outcome = Outcome(refusal=f"{refusal_text(refused)} {hint}")
    except ChatError as refused:
        outcome = Outcome(refusal=refusal_text(refused))
    return JsonResponse(outcome)


def _carry_out(user: User, wanted: Command, place: Place) -> Outcome:
    match wanted:
        case ClearContext():
            return _clear(user, place)
        case Leave():
            return _leave(user, place)
        case Draw(prompt):
            if not usable_connections(user).exists():
                raise PicturesUnavailable
            return Outcome(draw=prompt)
        case Help():
            has_pictures = usable_connections(user).exists()
            return Outcome(note=_html(notes.help_note(wanted, has_pictures=has_pictures)))
        case Show(what):
            return Outcome(note=_html(notes.show_note(what, place.chat, place.answerer)))
        case SetOption() | SetSystem():
            return _set(user, wanted, place)
        case ListModels():
            return Outcome(note=_html(notes.list_note(user)))
        case Load(name):
            return _load(user, name)
        case Save(name):
            saved = saving.save_chat(user, place.chat.uuid if not place.is_new else None, place.answerer, name)
            return Outcome(note=_html(notes.saved_note(saved)))


def _clear(user: User, place: Place) -> Outcome:
    end = None if place.is_new else contexts.clear_context(user, place.chat.uuid)
    if end is None:
        return Outcome(note=_html(notes.nothing_to_clear()))
    announce_branch(place.chat.uuid)
    return Outcome(message=str(end.uuid), html=render_message(end))


def _load(user: User, name: str) -> Outcome:
    """Go to a new chat with a model or preset, by its id or its name; of presets of one name the one changed last."""
    models = models_for(user)
    wanted = name.casefold()
    choices: list[ModelChoice | PresetChoice] = [*model_choices(models), *preset_choices(user, models, "")]
    for choice in choices:
        if wanted in (choice.id.casefold(), choice.name.casefold(), choice.id.casefold().removesuffix(":latest")):
            return Outcome(go=f"{reverse('chats:new')}?{urlencode({'model': choice.id})}")
    raise WordRefused("repl_load", name=name[:200])


def _leave(user: User, place: Place) -> Outcome:
    """Go to a new chat; who wants it so has this one in the archive then."""
    if user.archives_left_chats and not place.is_new:
        keeping.carry_out(user, Step(deed=Deed.ARCHIVE, chats=[place.chat.uuid]))
        announce_chats(user, [place.chat])
        announce_sidebar(user)
    return Outcome(go=reverse("chats:new"))


@transaction.atomic
def _set(user: User, wanted: SetOption | SetSystem, place: Place) -> Outcome:
    """Say something about the questions of a chat, which is begun for it if the page shows none."""
    chat, outcome = place.chat, Outcome()
    if place.is_new:
        chat = chats.begin_chat(user, chat.folder.uuid if chat.folder else None)
        announce_sidebar(user)
        outcome = Outcome(chat=str(chat.uuid), url=chat_url(chat))
    if isinstance(wanted, SetOption):
        chats.set_chat_option(user, chat.uuid, wanted.name, wanted.value, is_unsent=wanted.is_unsent)
        note = notes.option_note(wanted)
    else:
        chats.set_chat_options(user, chat.uuid, system_prompt=wanted.text)
        note = notes.system_note(wanted)
    outcome["note"] = _html(note)
    return outcome


@require_POST
@member_required
def restore_context(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    """Take back that the context was cleared at a message, and show that as it is then."""
    message = contexts.restore_context(request.user, uuid, message_uuid)
    announce_branch(uuid)
    return HttpResponse(render_message(message))


def _html(note: Note) -> str:
    return render_to_string("chats/_note.html", {"note": note})
