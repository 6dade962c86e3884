"""Where a page is that asks for something: which chat it shows, or begins where, and who is to answer in it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404

from webui.accounts.http import MemberRequest
from webui.accounts.model_access import is_hidden
from webui.accounts.models import User
from webui.chats import access
from webui.chats.answerers import QUOTES, Answerer, answerer_of
from webui.chats.errors import PresetGone
from webui.chats.forms import PlaceForm
from webui.chats.models import Chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`chat` may be one that is not stored: it is begun once something is said about it. `answerer` answers next."""

    chat: Chat
    answerer: Answerer

    @property
    def is_new(self) -> bool:
        return self.chat.pk is None


def place_of(request: MemberRequest, chat: Chat | None = None) -> Place:
    """Return where the page is, with a chat and a folder that the person may see, or raise Http404.

    Args:
        chat: The one that is shown, where the address names it already.
    """
    form = PlaceForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        raise Http404
    uuid, folder = form.cleaned_data["chat"], form.cleaned_data["folder"]
    if chat is None and uuid:
        chat = access.chat_read(request.user, uuid)
    if chat is None:
        chat = Chat(owner=request.user, folder=access.folder_read(request.user, folder) if folder else None)
    return Place(chat=chat, answerer=_answerer(request.user, form.cleaned_data["model"] or chat.model))


def _answerer(user: User, chosen: str) -> Answerer:
    """Return who is to answer; nobody for a preset that is gone, or a model that is not theirs to use."""
    try:
        answerer = answerer_of(user, chosen)
    except PresetGone:
        return Answerer(id="", model="")
    if answerer.model not in ("", QUOTES) and is_hidden(user, answerer.model):
        return Answerer(id="", model="")
    return answerer
