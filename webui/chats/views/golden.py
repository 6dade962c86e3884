"""Keeping the question of an answer, with a passage that it cites, as a golden question of a knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from rag import api as rag
from rag.errors import QuestionRefused
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.models import User
from webui.chats import access
from webui.chats.models import Citation, Message
from webui.chats.views.heads import chat_title, chat_url
from webui.documents.golden_contexts import refusal_in_words, shortened
from webui.documents.wording import place_in_words


class KeepForm(forms.Form):
    """The question, and which citation in which knowledge answers it: `number:knowledge`."""

    question = forms.CharField(
        label=gettext_lazy("Question"),
        max_length=rag.QUESTION_MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("It is asked without the chat around it; write it so that it stands alone."),
    )
    expected = forms.CharField(max_length=60, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A citation as what answers the question, in one knowledge that holds its document."""

    value: str
    title: str
    text: str
    knowledge_name: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPage:
    """`choices` is empty when no cited document is in a knowledge that the person may change."""

    chat_title: str
    chat_url: str
    choices: Sequence[Choice]
    sidebar: None = None


@require_http_methods(["GET", "POST"])
@member_required
def keep_question(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    chat = access.chat_read(request.user, uuid)
    message = access.message_read(chat, message_uuid)
    if not message.is_answer:
        raise Http404
    places = places_to_keep(request.user, message)
    form = KeepForm(request.POST) if request.method == "POST" else KeepForm(initial={"question": _asked(message)})
    if request.method == "POST" and form.is_valid():
        knowledge = _keep(request, form, places)
        if knowledge:
            messages.success(request, _("Kept. It is asked in a few seconds."))
            return redirect("knowledge:questions", knowledge.uuid)
    chosen = str(form["expected"].value() or next(iter(places), ""))
    page = KeepPage(
        chat_title=chat_title(chat),
        chat_url=chat_url(chat),
        choices=[_choice(value, *place, is_chosen=value == chosen) for value, place in places.items()],
    )
    context = {"page": page, "form": form}
    return render(request, "chats/keep_question.html", context, status=422 if form.errors else 200)


def _asked(message: Message) -> str:
    """Return what was searched for, which stands alone; or else what the person wrote."""
    generation = message.its_generation
    if generation and generation.has_retrieval:
        return str(generation.ledger["retrieval"]["searched"])
    return message.parent.content if message.parent else ""


def places_to_keep(user: User, message: Message) -> dict[str, tuple[Citation, rag.Knowledge]]:
    """Return the citations whose documents are in knowledge that the person may change, by the form's values."""
    memberships = rag.Membership.objects.filter(knowledge__in=rag.writable_knowledge(user).values("pk"))
    citations = list(message.citations.filter(document__isnull=False).select_related("document"))
    held = memberships.filter(document__in=[citation.document_id for citation in citations])
    knowledge_of: dict[int, list[rag.Knowledge]] = {}
    for membership in held.select_related("knowledge").order_by("knowledge__name", "pk"):
        knowledge_of.setdefault(membership.document_id, []).append(membership.knowledge)
    return {
        f"{citation.number}:{knowledge.uuid}": (citation, knowledge)
        for citation in citations
        for knowledge in knowledge_of.get(citation.document_id or 0, ())
    }


def _keep(
    request: MemberRequest, form: KeepForm, places: dict[str, tuple[Citation, rag.Knowledge]]
) -> rag.Knowledge | None:
    """Keep the question; or tell the form why it cannot be kept, and return None."""
    citation, knowledge = places.get(form.cleaned_data["expected"], (None, None))
    if citation is None or knowledge is None or citation.document is None:
        form.add_error("expected", _("Choose the passage that answers it."))
        return None
    expected = rag.Expected(document=citation.document, quote=citation.text, start=citation.start)
    try:
        rag.create_question(
            knowledge,
            form.cleaned_data["question"],
            expected,
            made_by=request.user,
            origin=rag.GoldenQuestion.Origin.ANSWER,
        )
    except QuestionRefused as exc:
        form.add_error("question", refusal_in_words(exc))
        return None
    return knowledge


def _choice(value: str, citation: Citation, knowledge: rag.Knowledge, *, is_chosen: bool) -> Choice:
    place = place_in_words(citation.page_kind, citation.page, citation.page_name)
    name = citation.document.name if citation.document else citation.document_name
    return Choice(
        value=value,
        title=f"[{citation.number}] {name}, {place}" if place else f"[{citation.number}] {name}",
        text=shortened(citation.text),
        knowledge_name=knowledge.name,
        is_chosen=is_chosen,
    )
