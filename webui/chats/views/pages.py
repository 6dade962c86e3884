"""The chat page and the fragments that it loads later."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.model_access import models_for
from webui.accounts.models import User
from webui.accounts.permissions import Permission
from webui.chats import access, conf, queries
from webui.chats.answerers import choose_model
from webui.chats.forms import FilterForm
from webui.chats.models import Chat, Folder, Tag
from webui.chats.relay.decoding import MAX_DOCUMENTS
from webui.chats.services import temporary
from webui.chats.shown_branch import is_on_shown_branch, newest_messages
from webui.chats.views.contexts import ChatHead, ChatPage, Goal, ShownMessages
from webui.chats.views.fragments import shown_messages
from webui.chats.views.heads import chat_title, chat_url, folder_head, keeping_view
from webui.chats.views.model_choices import model_choices, picture_choices, preset_choices, troubles
from webui.chats.views.sidebar import sidebar_page
from webui.presets.ids import is_preset_id
from webui.speech.contexts import voice_view
from webui.ui.keyset import BadCursor


@require_GET
@never_cache
@member_required
def new_chat(request: MemberRequest) -> HttpResponse:
    """Begin a chat, with the model or preset that `model` names, else with the one asked last."""
    page = chat_page(request.user, None, wanted_model=request.GET.get("model", ""), tag=filter_tag(request))
    return render(request, "chats/chat.html", {"page": page})


@require_GET
@never_cache
@member_required
def welcome(request: MemberRequest) -> HttpResponse:
    """What an empty chat shows once another model is picked in it."""
    page = chat_page(request.user, None, wanted_model=request.GET.get("model", ""))
    return render(request, "chats/_empty_chat.html", {"page": page})


@require_GET
@never_cache
@member_required
def chat(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Show a chat, at the message that `message` names if it has that."""
    shown = access.chat_read(request.user, uuid)
    page = chat_page(request.user, shown, goal=request.GET.get("message", ""), tag=filter_tag(request))
    return render(request, "chats/chat.html", {"page": page})


@require_POST
@member_required
@needs(Permission.TEMPORARY_CHATS)
def begin_temporary(request: MemberRequest) -> HttpResponse:
    """Begin a chat that is gone with the page that shows it."""
    return redirect(chat_url(temporary.begin_temporary(request.user)))


def filter_tag(request: MemberRequest) -> Tag | None:
    """Return the tag whose chats alone the list is to show; None for one that is not there any more, too."""
    form = FilterForm(request.GET)
    wanted = form.cleaned_data["tag"] if form.is_valid() else None
    return queries.visible_tags(request.user).filter(uuid=wanted).first() if wanted else None


def chat_page(
    user: User,
    chat: Chat | None,
    *,
    begun_in: Folder | None = None,
    wanted_model: str = "",
    goal: str = "",
    tag: Tag | None = None,
) -> ChatPage:
    """Return a chat's page, or that of a new one, which may be begun in a folder and with a model.

    Else the model of the chat is selected, or the one that was asked last.
    """
    if chat and (chat.model or not chat.is_temporary):
        wanted_model = chat.model
    elif not wanted_model:
        wanted_model = queries.visible_chats(user).values_list("model", flat=True).first() or ""
    folder = chat.folder if chat else begun_in
    current = chat or begun_in
    models = models_for(user)
    presets = preset_choices(user, models, wanted_model)
    choices = model_choices(models)
    offered = {model.id for model in choices} | {preset.id for preset in presets}
    is_preset = any(preset.id == wanted_model for preset in presets)
    return ChatPage(
        chat=_head(chat) if chat else None,
        shown=shown_messages(chat, newest_messages(chat)) if chat else ShownMessages(),
        goal=_goal(chat, goal) if chat and goal else None,
        folder=folder_head(folder) if folder else None,
        keeping=keeping_view(chat) if chat and not chat.is_temporary else None,
        is_temporary=chat is not None and chat.is_temporary,
        sidebar=sidebar_page(user, current=current.uuid if current else None, tag=tag),
        models=choices,
        models_beside=[chosen for chosen in chat.beside if chosen in offered]
        if chat and wanted_model in offered
        else [],
        presets=presets,
        selected_model=wanted_model if is_preset else choose_model(models, wanted_model),
        has_lost_preset=chat is not None and not is_preset and is_preset_id(wanted_model),
        has_chat_model=any(model.can_chat for model in models.models),
        problems=troubles(models),
        may_manage_models=user.is_admin,
        pictures=picture_choices(user),
        message_max_chars=conf.message_max_chars(),
        message_max_documents=MAX_DOCUMENTS,
        voice=voice_view(user),
    )


def _goal(chat: Chat, uuid: str) -> Goal | None:
    """Return the message that a page is opened at; None when the chat has no such message any more."""
    try:
        message = access.message_read(chat, UUID(uuid))
    except (ValueError, Http404):
        return None
    is_shown = is_on_shown_branch(message)
    branch_url = "" if is_shown else reverse("chats:show_sibling", args=[chat.uuid, message.uuid])
    return Goal(uuid=str(message.uuid), branch_url=branch_url)


def _head(chat: Chat) -> ChatHead:
    title = _("Temporary chat") if chat.is_temporary else chat_title(chat)
    return ChatHead(uuid=str(chat.uuid), title=title, url=chat_url(chat))


@require_GET
@never_cache
@member_required
def chat_list(request: MemberRequest) -> HttpResponse:
    """One page of the sidebar; `before` is the cursor of the page before, `after_label` its last heading."""
    try:
        sidebar = sidebar_page(
            request.user,
            before=request.GET.get("before"),
            after_label=request.GET.get("after_label", ""),
            tag=filter_tag(request),
        )
    except BadCursor:
        return HttpResponseBadRequest()
    return render(request, "chats/_sidebar_chats.html", {"sidebar": sidebar})
