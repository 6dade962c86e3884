"""One chat as a paper: the branch that is shown, as Markdown or as a page that needs nothing else."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.utils.translation import gettext as _

from webui.chats.models import Chat, Image
from webui.chats.shown_branch import Branch, branch_messages
from webui.chats.views.contexts import CitationView, MessageView
from webui.chats.views.fragments import shown_messages
from webui.chats.views.heads import chat_title

STYLE_SHEETS = ("tokens.css", "paper.css")
_LINE_START = re.compile(r"([\\#>*_\[\]<`~|=+-])")
_MAX_NAME = 60


def file_name(chat: Chat, ending: str) -> str:
    """Return what an export is called: letters, digits and hyphens, whatever else the title holds."""
    return f"{slugify(chat.title, allow_unicode=True)[:_MAX_NAME].strip('-') or 'chat'}.{ending}"


def as_markdown(chat: Chat) -> str:
    lines = [f"# {_plain(chat_title(chat))}"]
    for message in _views(chat, branch_messages(chat)):
        lines += _markdown_of(message)
    return "\n\n".join(lines) + "\n"


def _views(chat: Chat, branch: Branch) -> list[MessageView]:
    """Return the messages; of answers side by side, all."""
    shown = shown_messages(chat, branch)
    return [*shown.messages, *shown.columns]


def _markdown_of(message: MessageView) -> Iterator[str]:
    yield f"## {_plain(_who(message))}, {_moment(message)}"
    if message.merged_words:
        yield f"*{_plain(message.merged_words)}*"
    attached = [*(document.name for document in message.documents), *(place.name for place in message.knowledge)]
    if not message.is_picture:
        attached += [image.name for image in message.images]
    if attached:
        yield "\n".join(f"- {_plain(name)}" for name in attached)
    if text := message.text.strip():
        yield text
    if message.is_picture:
        yield from (f"*{_plain(_('Picture: %(words)s') % {'words': image.name})}*" for image in message.images)
    if message.error:
        yield f"*{_plain(message.error.title)}*"
    if message.citations:
        yield "\n".join([_("Sources:"), "", *map(_source, message.citations)])


def _source(citation: CitationView) -> str:
    words = ", ".join(filter(None, [citation.document_name or _("Not available to you"), citation.place]))
    return f"- [{citation.number}] {_plain(words)}"


def _plain(text: str) -> str:
    """Return a text on one line as Markdown that shows it as it is."""
    return _LINE_START.sub(r"\\\1", " ".join(text.split()))


def _who(message: MessageView) -> str:
    if message.role == "user":
        return _("You")
    return message.model_name or _("Assistant")


def _moment(message: MessageView) -> str:
    return date_format(timezone.localtime(message.created_at), "DATETIME_FORMAT")


def as_html(chat: Chat) -> str:
    """Return a page with its styles in it, without scripts, that asks nobody for anything."""
    branch = branch_messages(chat)
    pictures = _pictures(image.pk for attached in branch.attached.values() for image in attached.images)
    messages = [
        (view, [(image.name, pictures[image.uuid]) for image in view.images if image.uuid in pictures])
        for view in _views(chat, branch)
    ]
    return render_to_string("chats/paper.html", {"title": chat_title(chat), "messages": messages, "styles": _styles()})


def _pictures(ids: Iterable[int]) -> dict[str, str]:
    """Return pictures by their uuids, as addresses that hold them."""
    rows = Image.objects.filter(pk__in=[*ids]).values_list("uuid", "media_type", "content")
    return {str(uuid): f"data:{kind};base64,{base64.b64encode(content).decode()}" for uuid, kind, content in rows}


@cache
def _styles() -> SafeString:
    sheets = (Path(str(finders.find(f"css/{name}"))).read_text() for name in STYLE_SHEETS)
    return mark_safe("".join(sheets))  # noqa: S308  (our files)
