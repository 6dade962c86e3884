"""What a person thinks of one answer: the thumbs below it and what they open."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.chats import access, conf
from webui.chats.forms import RatingForm, ReasonsForm
from webui.chats.models import Rating
from webui.chats.services import ratings
from webui.chats.views.golden import places_to_keep


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingPanel:
    """All that `chats/_rating_panel.html` shows.

    Attributes:
        keep_url: Where the question becomes a golden question; empty where no knowledge would take it.
    """

    is_good: bool
    form: ReasonsForm
    is_open: bool
    explain_url: str
    remove_url: str
    keep_url: str


@require_http_methods(["GET", "POST"])
@never_cache
@member_required
def rating(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    """Rate an answer, or look at its rating."""
    _require_ratings()
    if request.method == "GET":
        return _panel(request, access.rating_write(request.user, uuid, message_uuid), uuid)
    form = RatingForm(request.POST)
    if not form.is_valid():
        access.answer_read(request.user, uuid, message_uuid)
        return HttpResponse(status=422)
    is_good = form.cleaned_data["value"] == "good"
    return _panel(request, ratings.rate_answer(request.user, uuid, message_uuid, is_good=is_good), uuid)


@require_POST
@member_required
def explain_rating(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    _require_ratings()
    rating = access.rating_write(request.user, uuid, message_uuid)
    form = ReasonsForm(rating, request.POST)
    if not form.is_valid():
        return HttpResponse(status=422)
    ratings.explain_rating(rating, reasons=form.cleaned_data["reasons"], comment=form.cleaned_data["comment"])
    return HttpResponse(status=204)


@require_POST
@member_required
def remove_rating(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    ratings.remove_rating(access.rating_write(request.user, uuid, message_uuid))
    return HttpResponse(status=204)


def _require_ratings() -> None:
    if not conf.asks_for_ratings():
        raise Http404


def _panel(request: MemberRequest, rating: Rating, chat_uuid: UUID) -> HttpResponse:
    address = [chat_uuid, rating.message.uuid]
    can_be_kept = rating.is_good and bool(places_to_keep(request.user, rating.message))
    panel = RatingPanel(
        is_good=rating.is_good,
        form=ReasonsForm(rating),
        is_open=not rating.is_good or bool(rating.reasons or rating.comment),
        explain_url=reverse("chats:explain_rating", args=address),
        remove_url=reverse("chats:remove_rating", args=address),
        keep_url=reverse("chats:keep_question", args=address) if can_be_kept else "",
    )
    return render(request, "chats/_rating_panel.html", {"panel": panel})
