"""The search over chats: its page, and the pieces that follow when somebody reads on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.models import User
from webui.chats.answerers import model_label
from webui.chats.models import Chat, Message
from webui.chats.queries import asked_models, visible_chats, visible_folders, visible_tags
from webui.chats.search.finding import find_chats, find_messages
from webui.chats.search.snippets import marked, snippet
from webui.chats.search.typed import QUERY_MAX_CHARS, Filter, SearchQuery, read_query
from webui.chats.views.heads import chat_title, chat_url
from webui.chats.views.search_contexts import (
    AppliedFilter,
    ChatResults,
    FilterHelp,
    FoundChat,
    FoundInChat,
    FoundMessage,
    MessageResults,
    Offer,
    OfferedValue,
    SearchPage,
)
from webui.ui.keyset import BadCursor, KeysetPage
from webui.ui.moments import moment_in_words

N_FIRST_CHATS = 5
"""So many titles stand before the messages; the others come when they are asked for."""
N_JUMPS = 7
N_OFFERED = 30


class JumpDict(TypedDict):
    """A chat that the palette offers. `detail` stands at its right edge."""

    title: str
    url: str
    detail: str


@require_GET
@never_cache
@member_required
def search(request: MemberRequest) -> HttpResponse:
    """The page of a search; while somebody types, what of it changes."""
    is_typed = request.headers.get("HX-Target") == "search-results"
    template = "chats/_typed_search.html" if is_typed else "chats/search.html"
    return render(request, template, {"page": _search_page(request.user, request.GET.get("q", ""))})


@require_GET
@never_cache
@member_required
def jump(request: MemberRequest) -> JsonResponse:
    """Some chats whose title has what is typed in the palette, or the newest ones while nothing is."""
    query = read_query(request.GET.get("q", ""))
    if query.is_empty:
        chats = list(visible_chats(request.user).only("uuid", "title", "updated_at")[:N_JUMPS])
    else:
        chats = [] if query.problems else find_chats(request.user, query, limit=N_JUMPS).rows
    jumps = [
        JumpDict(title=chat_title(chat), url=chat_url(chat), detail=moment_in_words(chat.updated_at)) for chat in chats
    ]
    return JsonResponse({"chats": jumps})


@require_GET
@never_cache
@member_required
def more_chats(request: MemberRequest) -> HttpResponse:
    """One more page of titles; `before` is the cursor of the page before."""
    query = read_query(request.GET.get("q", ""))
    try:
        results = _chat_results(query, find_chats(request.user, query, request.GET.get("before")))
    except BadCursor:
        return HttpResponseBadRequest()
    return render(request, "chats/_found_chats.html", {"results": results})


@require_GET
@never_cache
@member_required
def more_messages(request: MemberRequest) -> HttpResponse:
    """One more page of messages; `after_chat` is the last chat of the page before."""
    query = read_query(request.GET.get("q", ""))
    try:
        found = find_messages(request.user, query, request.GET.get("before"))
    except BadCursor:
        return HttpResponseBadRequest()
    results = _message_results(query, found, request.GET.get("after_chat", ""))
    return render(request, "chats/_found_messages.html", {"results": results})


def _search_page(user: User, typed: str) -> SearchPage:
    query = read_query(typed)
    # A date that nobody can read leaves the question open.
    is_asked = not query.is_empty and not query.problems
    # Filters alone have no messages to go on with: all their chats are listed at once.
    limit = N_FIRST_CHATS if query.terms else None
    return SearchPage(
        typed=query.typed,
        max_chars=QUERY_MAX_CHARS,
        is_empty=query.is_empty,
        has_terms=bool(query.terms),
        known_filters=list(_known_filters()),
        filters=[_applied(query, one) for one in query.filters],
        offer=_offer(user, query),
        problems=query.problems,
        chats=_chat_results(query, find_chats(user, query, limit=limit)) if is_asked else ChatResults(),
        messages=_message_results(query, find_messages(user, query)) if is_asked else MessageResults(),
    )


def search_url(typed: str) -> str:
    return f"{reverse('chats:search')}?{urlencode({'q': typed})}" if typed else reverse("chats:search")


def _known_filters() -> Iterable[FilterHelp]:
    return (
        FilterHelp(text="tag:", words=_("Chats with a tag")),
        FilterHelp(text="folder:", words=_("Chats in a folder")),
        FilterHelp(text="model:", words=_("Chats in which a model has answered")),
        FilterHelp(text="after:", words=_("Since a day, a month or a year, such as 2026-03-31")),
        FilterHelp(text="before:", words=_("Older than a day, a month or a year")),
        FilterHelp(text="has:file", words=_("Chats with a file in them")),
        FilterHelp(text="in:archive", words=_("Archived chats")),
    )


def _applied(query: SearchQuery, applied: Filter) -> AppliedFilter:
    without = query.without(applied)
    return AppliedFilter(text=applied.as_typed, without=without, url_without=search_url(without))


def _offer(user: User, query: SearchQuery) -> Offer | None:
    """Return what the filter at the end can be completed with; None when there is none, or when it is whole."""
    typing = query.typing
    if typing is None:
        return None
    names = _values_of(user, typing.name)
    wanted = typing.value.casefold()
    if wanted and any(name.casefold() == wanted for name in names):
        return None
    # What has a quotation mark in it cannot be typed.
    offered = [name for name in names if wanted in name.casefold() and '"' not in name][:N_OFFERED]
    if wanted and not offered:
        return None
    words = next(known.words for known in _known_filters() if known.text.startswith(f"{typing.name}:"))
    return Offer(words=words, values=[_offered(query, typing, name) for name in offered])


def _offered(query: SearchQuery, typing: Filter, name: str) -> OfferedValue:
    completed = query.completed(typing, name)
    return OfferedValue(name=name, query=completed, url=search_url(completed))


def _values_of(user: User, filter_name: str) -> list[str]:
    match filter_name:
        case "tag":
            return [tag.name for tag in visible_tags(user)]
        case "folder":
            return sorted((folder.name for folder in visible_folders(user)), key=str.casefold)
        case "model":
            return asked_models(user)
        case "has":
            return ["file"]
        case "in":
            return ["archive"]
    return []


def _chat_results(query: SearchQuery, found: KeysetPage[Chat]) -> ChatResults:
    patterns = query.patterns
    return ChatResults(
        chats=[
            FoundChat(title=marked(chat_title(chat), patterns), url=chat_url(chat), updated_at=chat.updated_at)
            for chat in found.rows
        ],
        more_url=_more_url("chats:more_chats", query, found.next_cursor),
    )


def _message_results(query: SearchQuery, found: KeysetPage[Message], after_chat: str = "") -> MessageResults:
    patterns = query.patterns
    runs: list[tuple[Chat, list[FoundMessage]]] = []
    for message in found.rows:
        if not runs or runs[-1][0].pk != message.chat_id:
            runs.append((message.chat, []))
        runs[-1][1].append(
            FoundMessage(
                who=_who(message),
                created_at=message.created_at,
                snippet=snippet(message.content, patterns),
                url=message_url(message),
            )
        )
    chats = [
        FoundInChat(uuid=str(chat.uuid), title=chat_title(chat), url=chat_url(chat), messages=messages)
        for chat, messages in runs
    ]
    last_chat = chats[-1].uuid if chats else after_chat
    return MessageResults(
        chats=chats,
        more_url=_more_url("chats:more_messages", query, found.next_cursor, after_chat=last_chat),
        after_chat=after_chat,
    )


def _who(message: Message) -> str:
    return (message.preset_name or model_label(message.model)) if message.is_answer else _("You")


def message_url(message: Message) -> str:
    """Return the address that opens a chat at one of its messages. Reads its chat if not selected."""
    return f"{chat_url(message.chat)}?{urlencode({'message': str(message.uuid)})}"


def _more_url(view: str, query: SearchQuery, cursor: str | None, **fields: str) -> str:
    return f"{reverse(view)}?{urlencode({'q': query.typed, 'before': cursor} | fields)}" if cursor else ""
