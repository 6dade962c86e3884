"""Searching inside one knowledge: what a question would be answered from, with the scores."""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from rag import api as rag
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.documents.forms import QuestionForm
from webui.documents.knowledge_contexts import SearchPage, found_passage, knowledge_rows

LIMIT = 12


@require_GET
@member_required
def search(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_read(request.user, uuid)
    form = QuestionForm(request.GET)
    question = form.cleaned_data["q"].strip() if form.is_valid() else ""
    context = _asked(request, shown, question)
    return render(request, "knowledge/search.html", {"page": context, "form": QuestionForm({"q": question})})


def _asked(request: MemberRequest, shown: rag.Knowledge, question: str) -> SearchPage:
    knowledge = knowledge_rows([shown], request.user.pk)[0]
    if not question:
        return SearchPage(knowledge=knowledge, question="", passages=[], seconds=0, is_by_words_alone=False)
    found = async_to_sync(rag.retrieve)(
        user_id=request.user.pk, question=question, document_ids=(), knowledge_ids=[shown.pk], limit=LIMIT
    )
    return SearchPage(
        knowledge=knowledge,
        question=question,
        passages=[found_passage(passage) for passage in found.passages],
        seconds=found.trace.total_s,
        is_by_words_alone=bool(found.trace.dense_problem) and not found.is_empty,
    )
