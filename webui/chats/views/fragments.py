"""From rows to what the templates show, and the fragments that pages and the socket share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal, Protocol
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rag.api import Document, Knowledge
from rag.types import innermost
from webui.chats.answerers import QUOTES, model_label
from webui.chats.models import Chat, Citation, Folder, Generation, Image, Message, Tag
from webui.chats.shown_branch import Attached, Branch, one_message
from webui.chats.views.contexts import (
    CitationView,
    DocumentView,
    FolderHead,
    ImageView,
    KeepingView,
    KnowledgeView,
    MessageView,
    ShownMessages,
)
from webui.chats.views.sidebar_contexts import TagView
from webui.chats.views.windows import remarks_on, window_after
from webui.chats.wording import Explanation, explain
from webui.documents.links import passage_page_url, passage_url
from webui.documents.wording import PROBLEMS, place_in_words
from webui.rendering import render_markdown, render_plain
from webui.ui.moments import duration_in_words

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
        thinking_title=_thinking_title(generation),
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
        citations=[_citation_view(citation) for citation in citations],
        documents=[_document_view(document) for document in attached.documents],
        knowledge=[_knowledge_view(knowledge) for knowledge in attached.knowledge],
        images=[_image_view(image) for image in attached.images],
        facts=list(_facts(message, generation)) if generation and not is_active else [],
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


def merged_words(names: Sequence[str]) -> str:
    """Say of whose answers one was made; empty for none."""
    if not names:
        return ""
    return _("Merged from the answers of %(names)s") % {"names": ", ".join(map(model_label, names))}


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


def _citation_view(citation: Citation) -> CitationView:
    return citation_view(
        citation,
        document=citation.document.uuid if citation.document else None,
        host=citation.document.source_host if citation.document else "",
        # One that may not be read any more has no name either.
        is_deleted=citation.document is None and bool(citation.document_name),
    )


class Cited(Protocol):
    """A passage as a citation keeps it, or a shared one."""

    @property
    def number(self) -> int: ...
    @property
    def document_name(self) -> str: ...
    @property
    def page(self) -> int | None: ...
    @property
    def page_kind(self) -> str: ...
    @property
    def page_name(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def text(self) -> str: ...


def citation_view(
    cited: Cited, *, document: UUID | str | None, host: str = "", is_deleted: bool = False
) -> CitationView:
    """Return how a passage is shown.

    Args:
        document: Where the reader can open it; None when there is no way there.
        host: Of the web page that the document is; empty for files.
    """
    url = panel_url = ""
    if document is not None:
        page, start, end = cited.page, cited.start, cited.end
        url = passage_page_url(document, page=page, start=start, end=end, text=cited.text)
        panel_url = passage_url(document, page=page, start=start, end=end, text=cited.text)
    places = (
        place_in_words(cited.page_kind, cited.page, name) for name in (cited.page_name, innermost(cited.page_name))
    )
    place, short_place = (", ".join(filter(None, (host, place))) for place in places)
    return CitationView(
        number=cited.number,
        document_name=cited.document_name,
        place=place,
        short_place=short_place,
        text=cited.text,
        url=url,
        passage_url=panel_url,
        is_deleted=is_deleted,
    )


def _thinking_title(generation: Generation | None) -> str:
    seconds = generation.timings.get("thinking_s") if generation else None
    if seconds is None:
        return _("Thoughts")
    if seconds < 1:
        return _("Thought for a moment")
    return _("Thought for %(time)s") % {"time": duration_in_words(seconds)}


def _ledger_url(chat: Chat, message: Message) -> str:
    return reverse("chats:ledger", args=[chat.uuid, message.uuid])


def _trace_url(chat: Chat, message: Message) -> str:
    return reverse("chats:trace", args=[chat.uuid, message.uuid])


def _document_url(uuid: UUID) -> str:
    return reverse("documents:document", args=[uuid])


def _facts(message: Message, generation: Generation) -> Iterator[str]:
    if generation.state == Generation.State.STOPPED:
        yield _("Stopped")
    if message.model == QUOTES:
        return
    if generation.has_retrieval and not generation.ledger.get("passages", True):
        yield _("Nothing in the documents matched")
    if unsupported := generation.ledger.get("unsupported"):
        marks = ", ".join(f"[{number}]" for number in unsupported)
        yield ngettext(
            "%(marks)s is no source of this: its passage says nothing of it",
            "%(marks)s are no sources of this: their passages say nothing of it",
            len(unsupported),
        ) % {"marks": marks}
    pictures = generation.ledger.get("pictures", {})
    if n_unseen := pictures.get("left_out"):
        words = (
            ngettext("%(n)s earlier picture was not sent", "%(n)s earlier pictures were not sent", n_unseen)
            if pictures.get("can_see")
            else ngettext(
                "This model cannot see pictures: %(n)s was not sent",
                "This model cannot see pictures: %(n)s were not sent",
                n_unseen,
            )
        )
        yield words % {"n": n_unseen}
    n_tokens = generation.answer_tokens
    if n_tokens:
        yield ngettext("%(n)s token", "%(n)s tokens", n_tokens) % {"n": n_tokens}
    answer_s = generation.timings.get("answer_s")
    if n_tokens and answer_s:
        yield _("%(rate).0f tokens a second") % {"rate": n_tokens / answer_s}


# ---- chats and folders ----------------------------------------------------------------------------


def tag_view(tag: Tag) -> TagView:
    return TagView(uuid=str(tag.uuid), name=tag.name)


def keeping_view(chat: Chat) -> KeepingView:
    """Return how a chat is kept; one query."""
    return KeepingView(
        uuid=str(chat.uuid),
        is_archived=chat.archived_at is not None,
        is_deleted=chat.deleted_at is not None,
        tags=[tag_view(tag) for tag in chat.tags.order_by("key")],
    )


def chat_title(chat: Chat) -> str:
    return chat.title or _("New chat")


def chat_url(chat: Chat) -> str:
    return reverse("chats:chat", args=[chat.uuid])


def folder_url(folder: Folder) -> str:
    return reverse("chats:folder", args=[folder.uuid])


def folder_head(folder: Folder) -> FolderHead:
    return FolderHead(uuid=str(folder.uuid), name=folder.name, url=folder_url(folder))


def render_folder_link(folder: Folder | None) -> str:
    return render_to_string("chats/_folder_link.html", {"folder": folder_head(folder) if folder else None})
