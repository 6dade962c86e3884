"""How answers were rated, in figures and as a file: one's own ratings, and for administrators those of everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required, member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.models import User
from webui.accounts.permissions import Permission
from webui.chats import conf, queries
from webui.chats.answerers import model_label
from webui.chats.services.rating_export import export_ratings
from webui.ui.streaming import PieceByPiece


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedModelView:
    name: str
    n_good: int
    n_bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingsPage:
    """All that the pages of ratings show.

    Attributes:
        sidebar: No chat is shown.
    """

    models: Sequence[RatedModelView]
    is_asking: bool
    export_url: str
    sidebar: None = None


@require_GET
@member_required
def ratings(request: MemberRequest) -> HttpResponse:
    return render(request, "chats/ratings.html", {"page": _page(request.user, "chats:export_ratings")})


@require_GET
@admin_required
def all_ratings(request: MemberRequest) -> HttpResponse:
    return render(request, "chats/all_ratings.html", {"page": _page(None, "chats:export_all_ratings")})


@require_GET
@member_required
@needs(Permission.EXPORT_CHATS)
def export(request: MemberRequest) -> HttpResponseBase:
    return _file(request.user)


@require_GET
@admin_required
def export_all(request: MemberRequest) -> HttpResponseBase:
    record(Event.RATINGS_EXPORTED)
    return _file(None)


def _page(user: User | None, export_view: str) -> RatingsPage:
    rated = queries.rated_models(queries.ratings_of(user))
    return RatingsPage(
        models=[RatedModelView(name=model_label(row.model), n_good=row.n_good, n_bad=row.n_bad) for row in rated],
        is_asking=conf.asks_for_ratings(),
        export_url=reverse(export_view),
    )


def _file(user: User | None) -> PieceByPiece:
    response = PieceByPiece(export_ratings(user), content_type="application/jsonl; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="ratings.jsonl"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
