"""How messages are shown: what the templates are given, and the fragments that pages and the socket share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import slugify

from rag.api import Document, Knowledge
from webui.chats.answerers import model_label
from webui.chats.models import Chat, Citation, Generation, Image, Message
from webui.chats.shown_branch import Attached, Branch, one_message
from webui.chats.views.answer_words import facts_of, merged_words, thinking_title
from webui.chats.views.citation_views import stored_citation_view
from webui.chats.views.contexts import (
    DocumentView,
    ImageView,
    KnowledgeView,
    MessageView,
    ShownMessages,
)
from webui.chats.views.windows import remarks_on, window_after
from webui.chats.wording import Explanation, explain
from webui.documents.wording import PROBLEMS
from webui.rendering import render_markdown, render_plain

JSON_MAX_CHARS = 100_000
"""Longer ones are shown as they came."""


def render_message(message: Message) -> str:
    return render_to_string("chats/_message.html", {"message": one_message_view(message)})


def one_message_view(message: Message) -> MessageView:
    return _message_view(message.chat, message, one_message(message))


def render_answer(branch: Branch, html: SafeString | None) -> str:
    """Render the last message of a branch. `html` is its content where that is rendered already."""
    answer = branch.messages[-1]
    return render_to_string("chats/_message.html", {"message": _message_view(answer.chat, answer, branch, html)})


def render_follow_ups(questions: Sequence[str]) -> str:
    return render_to_string("chats/_follow_ups.html", {"questions": questions})


def render_messages(chat: Chat, branch: Branch) -> str:
    return render_to_string("chats/_messages.html", {"shown": shown_messages(chat, branch)})


def shown_messages(chat: Chat, branch: Branch) -> ShownMessages:
    alone = replace(branch, messages=branch.messages[:-1]) if branch.columns else branch
    return ShownMessages(
        messages=list(message_views(chat, alone)),
        earlier_url=reverse("chats:earlier", args=[chat.uuid, branch.messages[0].uuid]) if branch.is_cut else "",
        columns=[_message_view(chat, message, branch) for message in branch.columns],
        current=str(branch.messages[-1].uuid) if branch.messages else None,
    )


def message_views(chat: Chat, branch: Branch) -> Iterator[MessageView]:
    for message in branch.messages:
        yield _message_view(chat, message, branch)


def _message_view(chat: Chat, message: Message, branch: Branch, html: SafeString | None = None) -> MessageView:
    generation = message.its_generation
    is_active = message.is_unfinished
    citations = branch.citations.get(message.pk, ())
    position = branch.positions[message.pk]
    attached = branch.attached.get(message.pk, Attached())
    return MessageView(
        uuid=str(message.uuid),
        chat_uuid=str(chat.uuid),
        role=message.role,  # type: ignore[arg-type]  # one of the four, checked by the database
        text=message.content,
        html=SafeString("") if is_active else _as_json(message, generation) or html or _html_of(message, citations),
        thinking_html=render_markdown(message.thinking) if message.thinking and not is_active else SafeString(""),
        thinking_title=thinking_title(generation),
        model_name=(message.preset_name or model_label(message.model)) if message.is_answer else "",
        base_model=message.model if message.preset_name else "",
        answerer=message.answerer or message.model,
        created_at=message.created_at,
        sibling_number=position.number,
        sibling_count=position.count,
        previous_sibling=_uuid_of(position.previous, branch),
        next_sibling=_uuid_of(position.next, branch),
        generation_uuid=str(generation.uuid) if generation else None,
        state=generation.state if generation else "",
        is_active=is_active,
        error=_explanation(generation) if generation and generation.error_code else None,
        citations=[stored_citation_view(citation) for citation in citations],
        documents=[_document_view(document) for document in attached.documents],
        knowledge=[_knowledge_view(knowledge) for knowledge in attached.knowledge],
        images=[_image_view(image) for image in attached.images],
        facts=list(facts_of(message, generation)) if generation and not is_active else [],
        remarks=list(remarks_on(generation)) if generation and not is_active else [],
        window=window_after(message, generation) if generation and not is_active else None,
        ends_context=message.ends_context,
        ledger_url=_ledger_url(chat, message) if generation and generation.has_ledger and not is_active else "",
        trace_url=_trace_url(chat, message) if generation and generation.has_retrieval and not is_active else "",
        follow_ups=message.follow_ups,
        merged_words=merged_words([one["name"] for one in message.merged_from]),
        rating=_rating(message, branch) if message.is_answer and message.content.strip() and not is_active else "",
        is_picture=message.is_picture,
        asks_for_picture=message.picture_wish is not None,
    )


def _as_json(message: Message, generation: Generation | None) -> SafeString | None:
    """Return an answer that was to be JSON as code, one value a line; None for any other, and for one that is none."""
    is_wanted = generation is not None and "format" in generation.ledger.get("options", {})
    if not is_wanted or len(message.content) > JSON_MAX_CHARS:
        return None
    try:
        value = json.loads(message.content)
    except (ValueError, RecursionError):
        return None
    # No fence of its own can end in the text: JSON has no line of its own that is a fence.
    return render_markdown(f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```")


def _rating(message: Message, branch: Branch) -> Literal["", "unrated", "good", "bad"]:
    if branch.ratings is None:
        return ""
    is_good = branch.ratings.get(message.pk)
    return "unrated" if is_good is None else "good" if is_good else "bad"


def _document_view(document: Document) -> DocumentView:
    return DocumentView(
        uuid=str(document.uuid), name=document.name, state=document.state, url=_document_url(document.uuid)
    )


def _knowledge_view(knowledge: Knowledge) -> KnowledgeView:
    return KnowledgeView(
        uuid=str(knowledge.uuid), name=knowledge.name, url=reverse("knowledge:knowledge", args=[knowledge.uuid])
    )


def _image_view(image: Image) -> ImageView:
    return ImageView(
        uuid=str(image.uuid),
        name=image.name,
        file_name=picture_file_name(image.name, image.media_type),
        url=reverse("chats:image", args=[image.uuid]),
        preview_url=reverse("chats:image_preview", args=[image.uuid]),
        width=image.width,
        height=image.height,
    )


def picture_file_name(name: str, media_type: str) -> str:
    """Return what a picture is saved as: plain letters, whatever its name or its words hold."""
    stem = slugify(_PICTURE_ENDING.sub("", name))
    return f"{stem[:_MAX_STEM].strip('-') or 'picture'}.{'png' if media_type == 'image/png' else 'jpg'}"


_PICTURE_ENDING: Final = re.compile(r"\.(png|jpe?g|webp|gif)$", re.IGNORECASE)
_MAX_STEM: Final = 60


def _html_of(message: Message, citations: Iterable[Citation]) -> SafeString:
    if message.role == Message.Role.USER:
        return render_plain(message.content)
    return render_markdown(message.content, citations=[citation.number for citation in citations])


def _explanation(generation: Generation) -> Explanation:
    explanation = explain(generation.error_code, generation.error_facts)
    words = PROBLEMS.get(generation.error_facts.get("problem", ""))
    return replace(explanation, advice=f"{words.sentence} {words.advice}") if words else explanation


def _uuid_of(message_id: int | None, branch: Branch) -> str | None:
    return None if message_id is None else str(branch.uuids[message_id])


def _ledger_url(chat: Chat, message: Message) -> str:
    return reverse("chats:ledger", args=[chat.uuid, message.uuid])


def _trace_url(chat: Chat, message: Message) -> str:
    return reverse("chats:trace", args=[chat.uuid, message.uuid])


def _document_url(uuid: UUID) -> str:
    return reverse("documents:document", args=[uuid])
