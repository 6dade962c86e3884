"""Chats out and in: the person's page for it, an import from the upload to its report, and one chat as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

import rag.api as rag
from rag.errors import ImportRefused
from rag.types import Problem
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest, wants_json
from webui.accounts.permissions import Permission
from webui.chats import access, queries
from webui.chats.errors import ImportRunning
from webui.chats.models import Chat, ChatImport, ImportedChat
from webui.chats.transfer import papers
from webui.chats.transfer.bundle import export_chat, export_chats
from webui.chats.transfer.taking import begin_import, stop_import
from webui.chats.transfer.wording import notes_in_words, refusal_in_words
from webui.chats.views.heads import chat_title, chat_url
from webui.chats.wording import refusal_text
from webui.documents.uploads import UploadForm
from webui.ui.streaming import PieceByPiece

N_LAST_IMPORTS = 10
N_LISTED = 50
"""So many chats a report shows of each kind; all of them are in its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPage:
    n_chats: int
    max_bytes: int
    imports: Sequence[ChatImport]
    sidebar: None = None

    @property
    def max_mb(self) -> int:
        return self.max_bytes // 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedChat:
    """A chat of a file. `url` is empty when it was not taken, or is deleted by now."""

    title: str
    url: str
    sentences: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """How far an import is, and what became of its chats.

    Attributes:
        refused: The first of those that could not be taken.
        noted: The first of those of which not all could be.
        n_noted: Of both, all there are.
        taken: The first of the new ones.
    """

    source: ChatImport
    refused: Sequence[ReportedChat]
    noted: Sequence[ReportedChat]
    n_noted: int
    taken: Sequence[ReportedChat]
    sidebar: None = None

    @property
    def percent(self) -> int:
        is_done = self.source.state == ChatImport.State.DONE
        return 100 if is_done else min(100, self.source.n_bytes_done * 100 // max(1, self.source.n_bytes))

    @property
    def is_for_nothing(self) -> bool:
        """Whether it is over, and no chat came of it or was there already."""
        return not (self.source.is_running or self.source.n_taken or self.source.n_known)

    @property
    def problem(self) -> str:
        """Why not all chats were looked at, or none was there; empty when all went well so far."""
        match self.source.state:
            case ChatImport.State.STOPPED:
                return _("It was stopped. What had been imported stays.")
            case ChatImport.State.FAILED if self.source.error == Problem.EMPTY:
                return refusal_in_words(Problem.EMPTY)
            case ChatImport.State.FAILED:
                return _("The file is gone or damaged. What had been imported stays.")
            case _:
                return ""


class ReportDict(TypedDict):
    state: str
    problem: str
    percent: int
    n_taken: int
    n_known: int
    n_refused: int


@require_GET
@member_required
def transfer(request: MemberRequest) -> HttpResponse:
    page = TransferPage(
        n_chats=queries.kept_chats(request.user).count(),
        max_bytes=rag.max_import_bytes(),
        imports=list(request.user.chat_imports.order_by("-created_at", "-pk")[:N_LAST_IMPORTS]),
    )
    return render(request, "chats/transfer.html", {"page": page})


# ---- out -----------------------------------------------------------------------------------------


@require_GET
@never_cache
@member_required
@needs(Permission.EXPORT_CHATS)
def export_all(request: MemberRequest) -> HttpResponseBase:
    record(Event.CHATS_EXPORTED, request.user)
    day = timezone.localdate().isoformat()
    return _download(PieceByPiece(export_chats(request.user), content_type="application/zip"), f"chats-{day}.zip")


@require_GET
@never_cache
@member_required
@needs(Permission.EXPORT_CHATS)
def export(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """The ways to take a chat along, for the dialog."""
    chat = access.chat_read(request.user, uuid)
    return render(request, "chats/_export.html", {"chat_uuid": chat.uuid, "title": chat_title(chat)})


@require_GET
@never_cache
@member_required
@needs(Permission.EXPORT_CHATS)
def export_markdown(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    return _paper(request, uuid, papers.as_markdown, "text/markdown; charset=utf-8", "md")


@require_GET
@never_cache
@member_required
@needs(Permission.EXPORT_CHATS)
def export_html(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    return _paper(request, uuid, papers.as_html, "text/html; charset=utf-8", "html")


@require_GET
@never_cache
@member_required
@needs(Permission.EXPORT_CHATS)
def export_json(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    return _paper(request, uuid, export_chat, "application/json", "json")


def _paper(
    request: MemberRequest, uuid: UUID, write: Callable[[Chat], str | bytes], content_type: str, ending: str
) -> HttpResponseBase:
    chat = access.chat_read(request.user, uuid)
    return _download(HttpResponse(write(chat), content_type=content_type), papers.file_name(chat, ending))


def _download(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["X-Content-Type-Options"] = "nosniff"
    return response


# ---- in ------------------------------------------------------------------------------------------


@require_POST
@member_required
@needs(Permission.IMPORT_CHATS)
def take_in(request: MemberRequest) -> HttpResponse:
    """Take the chats of the file in the field `file`. Scripts get JSON with the address that tells how far it is."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _refused(request, _("No file came with the request."), status=400)
    try:
        begun = begin_import(request.user, form.cleaned_data["file"])
    except ImportRefused as exc:
        return _refused(request, refusal_in_words(exc.problem), status=422)
    except ImportRunning as exc:
        return _refused(request, refusal_text(exc), status=409)
    url = reverse("chats:import_report", args=[begun.uuid])
    return JsonResponse({"url": url, "state": begun.state}, status=201) if wants_json(request) else redirect(url)


def _refused(request: MemberRequest, sentence: str, *, status: int) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": sentence}, status=status)
    messages.error(request, sentence)
    return redirect("chats:transfer")


@require_GET
@never_cache
@member_required
def report(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Say how far an import is, and what became of its chats."""
    page = _report_page(access.import_read(request.user, uuid))
    if wants_json(request):
        source = page.source
        told = ReportDict(
            state=source.state,
            problem=page.problem,
            percent=page.percent,
            n_taken=source.n_taken,
            n_known=source.n_known,
            n_refused=source.n_refused,
        )
        return JsonResponse(told)
    is_polling = request.headers.get("HX-Target") == "import-state"
    return render(request, "chats/_import_state.html" if is_polling else "chats/import_report.html", {"page": page})


def _report_page(source: ChatImport) -> ReportPage:
    rows = source.imported.select_related("chat").order_by("position")
    noted = rows.none() if source.is_running else rows.exclude(notes={})
    taken = rows.filter(outcome=ImportedChat.Outcome.TAKEN, chat__deleted_at=None).exclude(chat=None)
    return ReportPage(
        source=source,
        refused=[_reported(row) for row in noted.filter(outcome="")[:N_LISTED]],
        noted=[_reported(row) for row in noted.exclude(outcome="")[:N_LISTED]],
        n_noted=noted.count(),
        taken=[] if source.is_running else [_reported(row) for row in taken[:N_LISTED]],
    )


def _reported(row: ImportedChat) -> ReportedChat:
    is_there = row.chat is not None and row.chat.deleted_at is None
    return ReportedChat(
        title=row.title or _("Chat %(n)s of the file") % {"n": row.position + 1},
        url=chat_url(row.chat) if is_there and row.chat else "",
        sentences=list(notes_in_words(row.notes)),
    )


@require_GET
@never_cache
@member_required
def report_text(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """All that could not be taken as it was, a chat a line."""
    source = access.import_read(request.user, uuid)
    response = PieceByPiece(_lines(source.pk), content_type="text/plain; charset=utf-8")
    return _download(response, "import-report.txt")


def _lines(source_id: int) -> Iterator[bytes]:
    last = -1
    while True:
        # By position, as every piece may be made in another thread, and so on another connection.
        rows = ImportedChat.objects.filter(source=source_id, position__gt=last).exclude(notes={}).select_related("chat")
        page = list(rows.order_by("position")[:500])
        for row in page:
            told = _reported(row)
            yield f"{row.position + 1}\t{told.title}\t{' '.join(told.sentences)}\n".encode()
        if len(page) < 500:
            return
        last = page[-1].position


@require_POST
@member_required
def stop(request: MemberRequest, uuid: UUID) -> HttpResponse:
    stop_import(access.import_read(request.user, uuid))
    return redirect("chats:import_report", uuid)
