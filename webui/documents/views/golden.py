"""Golden questions of a knowledge: how they fared, entering and changing them, and carrying them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rag import api as rag
from rag.errors import QuestionRefused
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.documents import question_files
from webui.documents.golden_contexts import (
    HISTORY,
    Choice,
    QuestionPage,
    QuestionsPage,
    Results,
    Running,
    bad_file_in_words,
    figures_of,
    question_row,
    refusal_in_words,
    run_row,
    shortened,
    urgency,
)
from webui.documents.golden_forms import GoldenForm
from webui.documents.knowledge_contexts import knowledge_rows
from webui.documents.links import passage_page_url
from webui.documents.question_files import BadFile
from webui.documents.wording import place_in_words

FILE_MAX_BYTES = 2_000_000
N_PASSAGES = 10
N_DOCUMENTS = 8
REFUSALS_TOLD = 5
_MEDIA_TYPES = {"csv": "text/csv", "json": "application/json"}


@require_GET
@member_required
def questions(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_read(request.user, uuid)
    # htmx asks again for all but the head while a run is under way.
    is_polling = request.headers.get("HX-Target") == "questions"
    template = "knowledge/_questions.html" if is_polling else "knowledge/questions.html"
    return render(request, template, {"page": _page(request, shown)})


def _page(request: MemberRequest, shown: rag.Knowledge) -> QuestionsPage:
    may_write = rag.writable_knowledge(request.user).filter(pk=shown.pk).exists()
    told = dict.fromkeys(rag.told_questions(shown, request.user))
    asked = list(shown.golden_questions.select_related("document") if may_write else told)
    runs = list(shown.evaluations.exclude(state__in=rag.Evaluation.ACTIVE_STATES)[:HISTORY])
    finished = next((run for run in runs if run.state == rag.Evaluation.State.FINISHED), None)
    now, before = _results(finished), _results(rag.run_before(finished) if finished else None)
    rows = [question_row(row, is_told=row in told, now=now, before=before) for row in asked]
    shown_ids = [row.pk for row in asked]
    changes = rag.compare(
        {pk: before[pk].rank for pk in shown_ids if pk in before}, {pk: now[pk].rank for pk in shown_ids if pk in now}
    )
    return QuestionsPage(
        knowledge=knowledge_rows([shown], request.user.pk)[0],
        rows=sorted(rows, key=urgency),
        figures=figures_of(now, before, shown_ids),
        n_found=len(changes.found),
        n_lost=len(changes.lost),
        last=run_row(runs[0]) if runs else None,
        running=_running(shown),
        # How many questions there are is not everybody's to know.
        history=[run_row(run) for run in runs] if may_write else [],
        may_write=may_write,
    )


def _results(run: rag.Evaluation | None) -> Results:
    return {result.question_id: result for result in run.results.all()} if run else {}


def _running(shown: rag.Knowledge) -> Running | None:
    run = shown.evaluations.filter(state__in=rag.Evaluation.ACTIVE_STATES).first()
    return Running(n_done=run.results.count(), n_questions=run.n_questions) if run else None


@require_POST
@member_required
def run(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_write(request.user, uuid)
    if shown.golden_questions.exists():
        rag.ask_for_run(shown, request.user)
    return redirect("knowledge:questions", shown.uuid)


# ---- one question --------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@member_required
def new(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _form(request, rag.knowledge_write(request.user, uuid), None)


@require_http_methods(["GET", "POST"])
@member_required
def change(request: MemberRequest, uuid: UUID, question_uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_write(request.user, uuid)
    return _form(request, shown, rag.golden_question_in(shown, question_uuid))


@require_POST
@member_required
def delete(request: MemberRequest, uuid: UUID, question_uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_write(request.user, uuid)
    rag.delete_question(rag.golden_question_in(shown, question_uuid))
    messages.success(request, _("The question was deleted."))
    return redirect("knowledge:questions", shown.uuid)


def _form(request: MemberRequest, shown: rag.Knowledge, golden: rag.GoldenQuestion | None) -> HttpResponse:
    """Show the form, with what a search for the question finds to choose from; keep what was chosen."""
    words = {"question": golden.question if golden else ""}
    form = GoldenForm(request.POST) if request.method == "POST" else GoldenForm(initial=words)
    is_sent = request.method == "POST" and form.is_valid() and not form.is_search
    if is_sent and _keep(request, shown, golden, form):
        messages.success(request, _("Kept. It is asked in a few seconds."))
        return redirect("knowledge:questions", shown.uuid)
    searched = form.search_words() if form.is_bound else words["question"]
    passages, documents = _choices(request, shown, golden, searched, form.chosen)
    page = QuestionPage(
        knowledge=knowledge_rows([shown], request.user.pk)[0],
        uuid=str(golden.uuid) if golden else "",
        passages=passages,
        documents=documents,
        asked=bool(searched),
    )
    return render(request, "knowledge/question.html", {"page": page, "form": form}, status=422 if form.errors else 200)


def _keep(request: MemberRequest, shown: rag.Knowledge, golden: rag.GoldenQuestion | None, form: GoldenForm) -> bool:
    """Keep the question, or tell the form why it cannot be kept."""
    place = form.cleaned_data["expected"]
    document = rag.membership_in(shown, place.document).document
    quote = rag.document_text(document).text[place.start : place.end] if place.end else ""
    expected = rag.Expected(document=document, quote=quote, start=place.start if place.end else None)
    question = form.cleaned_data["question"]
    try:
        if golden:
            rag.change_question(golden, question, expected)
        else:
            rag.create_question(shown, question, expected, made_by=request.user)
    except QuestionRefused as exc:
        form.add_error("question", refusal_in_words(exc))
        return False
    return True


def _choices(
    request: MemberRequest, shown: rag.Knowledge, golden: rag.GoldenQuestion | None, searched: str, chosen: str
) -> tuple[list[Choice], list[Choice]]:
    """Return passages and documents to choose from: what is expected so far, then what the search finds."""
    passages: dict[str, Choice] = {}
    documents: dict[str, Choice] = {}
    for choice in _expected_so_far(request, golden):
        (passages if ":" in choice.value else documents)[choice.value] = choice
        chosen = chosen or choice.value
    for choice in _found(request, shown, searched):
        (passages if ":" in choice.value else documents).setdefault(choice.value, choice)
    marked = [
        [
            Choice(value=c.value, title=c.title, text=c.text, url=c.url, is_chosen=c.value == chosen)
            for c in group.values()
        ]
        for group in (passages, documents)
    ]
    return marked[0], marked[1]


def _expected_so_far(request: MemberRequest, golden: rag.GoldenQuestion | None) -> Iterator[Choice]:
    document = golden.document if golden else None
    if golden is None or document is None or not rag.readable_documents(request.user).filter(pk=document.pk).exists():
        return
    if golden.quote and golden.start is not None and golden.end is not None:
        yield _passage(document, golden.page, golden.page_name, golden.start, golden.end, golden.quote)
    yield _document(document)


def _found(request: MemberRequest, shown: rag.Knowledge, searched: str) -> Iterator[Choice]:
    if not searched:
        return
    found = async_to_sync(rag.retrieve)(
        user_id=request.user.pk, question=searched, document_ids=(), knowledge_ids=[shown.pk], limit=N_PASSAGES
    )
    holders = list(dict.fromkeys(passage.document_id for passage in found.passages))
    documents = shown.documents.in_bulk(holders)
    for passage in found.passages:
        if document := documents.get(passage.document_id):
            yield _passage(document, passage.page, passage.page_name, passage.start, passage.end, passage.text)
    named = shown.documents.filter(name__icontains=searched[:200]).order_by("name")[:N_DOCUMENTS]
    for document in [*named, *(documents[pk] for pk in holders if pk in documents)][:N_DOCUMENTS]:
        yield _document(document)


def _passage(document: rag.Document, page: int | None, page_name: str, start: int, end: int, text: str) -> Choice:
    place = place_in_words(document.page_kind, page, page_name)
    # Several chunks in a row may come as one passage.
    end = min(end, start + rag.QUOTE_MAX_LENGTH)
    return Choice(
        value=f"{document.uuid}:{start}:{end}",
        title=f"{document.name}, {place}" if place else document.name,
        text=shortened(text),
        url=passage_page_url(document.uuid, page=page, start=start, end=end),
        is_chosen=False,
    )


def _document(document: rag.Document) -> Choice:
    return Choice(value=str(document.uuid), title=document.name, text="", url="", is_chosen=False)


# ---- as files --------------------------------------------------------------------------------------


@require_GET
@member_required
def export(request: MemberRequest, uuid: UUID, form: str) -> HttpResponse:
    """Hand out the questions whose documents the person may read."""
    shown = rag.knowledge_read(request.user, uuid)
    if form not in _MEDIA_TYPES:
        raise Http404
    content = question_files.written(rag.exported(rag.told_questions(shown, request.user)), form)
    response = HttpResponse(content, content_type=f"{_MEDIA_TYPES[form]}; charset=utf-8")
    name = slugify(shown.name) or "knowledge"
    response["Content-Disposition"] = f'attachment; filename="{name}-questions.{form}"'
    return response


@require_POST
@member_required
def take_in(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_write(request.user, uuid)
    upload = request.FILES.get("file")
    if upload is None or (upload.size or 0) > FILE_MAX_BYTES:
        messages.error(request, _("A file with questions has up to 2 MB."))
        return redirect("knowledge:questions", shown.uuid)
    try:
        rows = question_files.read(upload.read(), rag.MAX_QUESTIONS)
    except BadFile as exc:
        messages.error(request, bad_file_in_words(exc))
        return redirect("knowledge:questions", shown.uuid)
    _tell_import(request, rag.import_questions(shown, rows, made_by=request.user))
    return redirect("knowledge:questions", shown.uuid)


def _tell_import(request: MemberRequest, report: rag.ImportReport) -> None:
    if report.n_new or not report.refusals:
        new_ones = ngettext("%(n)d question is new.", "%(n)d questions are new.", report.n_new) % {"n": report.n_new}
        known = _("%(n)d were there already.") % {"n": report.n_known} if report.n_known else ""
        messages.success(request, " ".join(filter(None, (new_ones, known))))
    for refusal in report.refusals[:REFUSALS_TOLD]:
        facts = {"n": refusal.row, "name": refusal.document_name[:80], "reason": refusal_in_words(refusal)}
        messages.error(request, _("Row %(n)d (%(name)s): %(reason)s") % facts)
    if (n_more := len(report.refusals) - REFUSALS_TOLD) > 0:
        messages.error(
            request,
            ngettext("%(n)d more row was not taken.", "%(n)d more rows were not taken.", n_more) % {"n": n_more},
        )
